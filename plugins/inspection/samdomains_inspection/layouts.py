"""Finding out how a folder of good and defective images is laid out, from names alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from samdomains.plugin import IMAGE_SUFFIXES, DataError, find_coco, name_some

GOOD_FOLDERS = ("good", "normal", "ok")
"""Names, in lower case, of folders of images without any defect."""

MASK_FOLDERS = ("ground_truth", "masks")
"""Names of the folder that holds a folder of masks for each kind of defect."""

GOOD_PARTS = ("train", "validation")
"""Parts of MVTec AD (Bergmann et al. 2021, doi:10.1007/s11263-020-01400-4) and of MVTec LOCO that
hold nothing but good images."""

MASK_SUFFIX = "_mask"
"""What MVTec AD puts after the image's name; it may be left out."""

LAYOUT = (
    "Allowed are good/ and a folder for each kind of defect, or train/good, test/good and "
    "test/<defect>, with masks of the images' names in ground_truth/<defect> or masks/<defect>. "
    "To segment images without masks, name the folder that holds them."
)


@dataclass(frozen=True)
class ImageFolder:
    """One folder of images.

    Attributes:
        path: The folder.
        defect: Kind of the defect that its images show; None for good ones.
        prefix: What stands before the names of its images in their ids.
        masks: The folder of their masks; None for good ones.
    """

    path: Path
    defect: str | None
    prefix: str
    masks: Path | None


def find_image_folders(source: Path) -> list[ImageFolder] | None:
    """The folders of good and defective images, without looking into a file.

    Args:
        source: What the user named.

    Returns:
        The folders, sorted; None where the source is laid out otherwise (``images/``, COCO JSON,
        a file, images right in the folder), which the core reads.

    Raises:
        DataError: The layout is that of inspection, and something of it is missing or too much.
    """
    folders = _subfolders(source)
    if not folders or "images" in folders or "labels" in folders or set(folders) == {"masks"}:
        return None
    if _holds_images(source) or find_coco(source) is not None:
        return None
    masks = _mask_folder(source, folders)
    kinds = {name: path for name, path in folders.items() if name not in MASK_FOLDERS}
    _require_one_product(source, kinds)
    parted = "test" in kinds or any(part in kinds for part in GOOD_PARTS)
    found = list(_parted(source, kinds, masks) if parted else _flat(kinds, masks))
    _require_defects(source, found)
    _require_images(found, masks)
    return found


def mask_files(folder: Path) -> dict[str, Path]:
    """Name of the image → mask file, sorted; ``_mask`` after the name is left out.

    Raises:
        DataError: Two files are masks of one name.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name[0] == "." or path.suffix.lower() not in IMAGE_SUFFIXES:
            continue
        name = path.stem.removesuffix(MASK_SUFFIX)
        if name in found:
            problem = f"two files are the mask of '{name}': {found[name].name} and {path.name}"
            raise DataError(folder, problem, "Remove one of them.")
        found[name] = path
    return found


def is_good(name: str) -> bool:
    """Whether a folder of this name holds good images."""
    return name.lower() in GOOD_FOLDERS


def _subfolders(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    return {
        path.name: path
        for path in sorted(folder.iterdir())
        if path.is_dir() and path.name[0] != "."
    }


def _holds_images(folder: Path) -> bool:
    return any(path.suffix.lower() in IMAGE_SUFFIXES for path in folder.iterdir() if path.is_file())


def _mask_folder(source: Path, folders: Mapping[str, Path]) -> Path | None:
    found = [folders[name] for name in MASK_FOLDERS if name in folders]
    if len(found) > 1:
        raise DataError(source, "there are both ground_truth/ and masks/", "Rename one of them.")
    return found[0] if found else None


def _parted(source: Path, folders: Mapping[str, Path], masks: Path | None) -> Iterator[ImageFolder]:
    """``train/good``, ``test/good`` and ``test/<defect>``, as MVTec AD has them."""
    own = (*GOOD_PARTS, "test")
    strange = [name for name, path in folders.items() if name not in own and _holds_images(path)]
    if strange:
        problem = f"there are train/ or test/ and also {name_some(strange)}"
        raise DataError(source, problem, f"Move them to test/, or remove them. {LAYOUT}")
    for part in GOOD_PARTS:
        for name, path in _subfolders(source / part).items():
            if not is_good(name):
                problem = f"{part}/ holds good images alone in this layout, and no defect"
                remedy = "Move it to test/; splits.json, not the folder, says what is trained on."
                raise DataError(path, problem, remedy)
            yield ImageFolder(path, None, f"{part}_{name}_", None)
    yield from _flat(_subfolders(source / "test"), masks)


def _flat(folders: Mapping[str, Path], masks: Path | None) -> Iterator[ImageFolder]:
    """A folder of good images and one for each kind of defect."""
    for name, path in folders.items():
        if is_good(name):
            yield ImageFolder(path, None, f"{name}_", None)
            continue
        if not _holds_images(path):
            continue  # a run, for example
        if masks is None or not (masks / name).is_dir():
            where = f"no {masks / name}" if masks else "neither ground_truth/ nor masks/"
            problem = f"the defect folder has no masks: there is {where}"
            raise DataError(path, problem, f"Add a mask for each of its images. {LAYOUT}")
        yield ImageFolder(path, name, f"{name}_", masks / name)


def _require_one_product(source: Path, folders: Mapping[str, Path]) -> None:
    """Refuse the folder above, in which MVTec AD has a folder for each product."""
    products = [name for name, path in folders.items() if "test" in _subfolders(path)]
    if products:
        problem = f"it holds several products: {name_some(products)}"
        raise DataError(source, problem, f"Name one of them: {folders[products[0]]}.")


def _require_defects(source: Path, found: list[ImageFolder]) -> None:
    if not any(folder.defect for folder in found):
        good = name_some([folder.path.relative_to(source).as_posix() for folder in found])
        problem = f"there is no defect at all, only {good or 'masks'}: nothing can be learnt"
        raise DataError(source, problem, LAYOUT)


def _require_images(found: list[ImageFolder], masks: Path | None) -> None:
    """Refuse masks of a kind of defect of which there is no folder, and masks of good images."""
    known = {folder.defect for folder in found}
    for name, path in _subfolders(masks).items() if masks else ():
        if name in known or not mask_files(path):
            continue
        if is_good(name):
            problem = "there are masks for good images, which show no defect"
            raise DataError(path, problem, "Move both to a defect folder, or remove the masks.")
        problem = f"there are masks of '{name}', but no folder of its images"
        raise DataError(path, problem, "Add the images or remove the masks.")
