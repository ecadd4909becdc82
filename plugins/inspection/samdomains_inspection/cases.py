"""Listing the images of a good/defect layout with their masks.

What the core reads by itself (``images/`` with masks, COCO JSON, images alone) is left to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from samdomains.plugin import (
    Case,
    DataError,
    Recipe,
    image_file,
    load_images,
    load_source,
    name_some,
    read_classes,
    with_metadata,
)
from samdomains_inspection.defects import DefectObjects, no_defect
from samdomains_inspection.layouts import MASK_SUFFIX, ImageFolder, find_image_folders, mask_files

CLASSES_FILE = "labels.json"


def load_any(source: Path, recipe: Recipe) -> Sequence[Case]:
    """List the cases of a source without reading a pixel.

    An image's id is the name of its folder and its own, ``crack_000``; one of MVTec AD's ``train``
    is ``train_good_000``. The folders train and test are not taken as splits, since ``train`` shows
    no defect and nothing could be tuned on it: ``splits.json`` says, or the core divides.

    Args:
        source: A folder of good and defective images, as ``layouts`` describes them; or what the
            core reads. ``splits.json``, ``groups.json`` and ``labels.json`` (class id → name of
            the defect folder) in it are honoured.
        recipe: ``recipe.data`` says what the values of masks mean.

    Raises:
        DataError: Files are missing, superfluous or malformed; says what is allowed.
    """
    folders = find_image_folders(source)
    if folders is None:
        return load_source(source, recipe.data)
    classes = _classes(source, folders)
    cases = [case for folder in folders for case in _cases(folder, classes, recipe)]
    _require_unique(cases)
    return with_metadata(source, sorted(cases, key=lambda case: case.id))


def _classes(source: Path, folders: Sequence[ImageFolder]) -> Mapping[int, str]:
    """Class id → kind of defect: from ``labels.json``, or counted from 1 by name."""
    kinds = sorted({folder.defect for folder in folders if folder.defect})
    path = source / CLASSES_FILE
    if not path.is_file():
        return dict(enumerate(kinds, start=1))
    classes = read_classes(path)
    missing = [kind for kind in kinds if kind not in classes.values()]
    if missing:
        problem = f"it does not name the defect folders {name_some(missing)}"
        raise DataError(path, problem, "Name them, or rename the folders.")
    return classes


def _cases(folder: ImageFolder, classes: Mapping[int, str], recipe: Recipe) -> Iterator[Case]:
    """The images of one folder, with what reads their defects."""
    images = {case.id: case for case in load_images(folder.path, classes=classes)}
    if folder.defect is None or folder.masks is None:
        for stem, case in images.items():
            name = f"{folder.prefix}{stem}"
            yield replace(case, id=name, group=name, read_objects=no_defect)
        return
    masks = mask_files(folder.masks)
    _require_pairs(folder, images, masks)
    class_id = next(number for number, kind in classes.items() if kind == folder.defect)
    for stem, case in images.items():
        name, path = f"{folder.prefix}{stem}", image_file(case)
        objects = DefectObjects(
            path,
            masks[stem],
            class_id,
            folder.defect,
            "instances" if recipe.data.masks == "instances" else "binary",
            recipe.data.objects,
            recipe.data.threshold,
        )
        files = (path, masks[stem])
        yield replace(case, id=name, group=name, read_objects=objects, files=files)


def _require_pairs(
    folder: ImageFolder, images: Mapping[str, Case], masks: Mapping[str, Path]
) -> None:
    """Refuse images without mask and masks without image."""
    lonely = [stem for stem in images if stem not in masks]
    if lonely:
        more = f" (nor have {len(lonely) - 1} more images)" if len(lonely) > 1 else ""
        names = f"{lonely[0]}.png or {lonely[0]}{MASK_SUFFIX}.png"
        raise DataError(
            image_file(images[lonely[0]]),
            f"the image has no mask {names} in {folder.masks}{more}",
            "Add the mask, or move the image to good/ if it shows no defect.",
        )
    stray = [stem for stem in masks if stem not in images]
    if stray:
        more = f" (nor have {len(stray) - 1} more masks)" if len(stray) > 1 else ""
        raise DataError(
            masks[stray[0]],
            f"the mask has no image '{stray[0]}' in {folder.path}{more}",
            "Add the image or remove the mask.",
        )


def _require_unique(cases: Sequence[Case]) -> None:
    """Refuse two images of one id: ``a/b_c`` and ``a_b/c``."""
    seen: dict[str, Case] = {}
    for case in cases:
        other = seen.setdefault(case.id, case)
        if other is not case:
            raise DataError(
                image_file(case),
                f"its id '{case.id}', made of folder and name, is also that of {image_file(other)}",
                "Rename one of the folders or images.",
            )
