"""Converting a data set into PNG label maps or COCO JSON without losing anything."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

from samdomains.data.coco import COCO_FILE, CocoImage, write_coco
from samdomains.data.folders import IMAGES_FOLDER
from samdomains.data.images import IMAGE_SUFFIXES
from samdomains.data.metadata import write_metadata
from samdomains.data.naming import image_file
from samdomains.data.writers import LabelPngWriter, case_size, file_stem
from samdomains.errors import DataError, UsageError, did_you_mean
from samdomains.types import Case, ObjectMask

Format = Literal["png", "coco"]

LABELS_FOLDER = "labels"


def convert(cases: Sequence[Case], out: Path, to: Format) -> Path:
    """Write cases as a data folder of the other kind; images are copied byte for byte.

    Ids, splits, groups, classes, crowd flags, the order of the objects and every pixel of their
    masks are kept. Category attributes beyond id and name are not.

    Args:
        cases: Annotated cases, each with an image file of its own.
        out: A folder that does not exist yet, or an empty one. It appears when all is written.
        to: ``png`` (label maps, see :mod:`samdomains.data.label_maps`) or ``coco``.

    Returns:
        ``out``.

    Raises:
        UsageError: ``to`` is unknown.
        DataError: ``out`` is in use; a case has no annotation or no image file to copy; a file
            cannot be read.
    """
    allowed = get_args(Format)
    if to not in allowed:
        hint = did_you_mean(to, allowed)
        raise UsageError(f"cannot convert to '{to}'; allowed are {', '.join(allowed)}.{hint}")
    if not cases:
        raise DataError(out, "there is no case to convert", "Name a data set with images.")
    _require_own_images(cases)
    with new_folder(out) as folder:
        for case in cases:
            target = folder / IMAGES_FOLDER / _image_name(case)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(image_file(case), target)
        if to == "png":
            write = LabelPngWriter()
            for case in cases:
                write(case, _objects(case), folder / LABELS_FOLDER)
        else:
            write_coco(folder / COCO_FILE, _coco_images(cases), cases[0].classes)
        write_metadata(folder, cases)
    return out


def _coco_images(cases: Sequence[Case]) -> Iterator[CocoImage]:
    for case in cases:
        objects = _objects(case)
        yield CocoImage(_image_name(case), case_size(case, objects), objects)


def _objects(case: Case) -> tuple[ObjectMask, ...]:
    if case.read_objects is None:
        raise DataError(
            image_file(case), "the image has no annotation", "Add its mask or leave it out."
        )
    return case.read_objects()


def _image_name(case: Case) -> str:
    return file_stem(case) + image_file(case).suffix


def _require_own_images(cases: Sequence[Case]) -> None:
    """Refuse cases that share a file (slices of a volume) or are no plain images."""
    seen: set[Path] = set()
    for case in cases:
        file = image_file(case)
        if file.suffix.lower() not in IMAGE_SUFFIXES or file in seen:
            raise DataError(
                file,
                "only data sets with one image file for each case can be converted",
                f"Save each slice or frame as an image first ({', '.join(IMAGE_SUFFIXES)}).",
            )
        seen.add(file)


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A temporary folder beside ``out`` that takes its place on success and vanishes on failure."""
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise DataError(out, "it exists already and is not empty", "Name a new folder.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as temporary:
        folder = Path(temporary) / out.name
        folder.mkdir()
        yield folder
        # Renaming onto an empty folder works on POSIX only.
        if out.is_dir():
            out.rmdir()
        folder.rename(out)
