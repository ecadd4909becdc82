"""What a user names as data: a folder with masks, COCO JSON, or images alone."""

from __future__ import annotations

from pathlib import Path

from samdomains.data.coco import find_coco, load_coco
from samdomains.data.folders import (
    ALLOWED_LAYOUTS,
    IMAGES_FOLDER,
    MASK_FOLDERS,
    load_folder,
    load_images,
)
from samdomains.data.images import IMAGE_SUFFIXES
from samdomains.data.naming import name_some
from samdomains.errors import DataError
from samdomains.recipe import DataRecipe
from samdomains.types import Case


def load_source(source: Path, data: DataRecipe) -> tuple[Case, ...]:
    """List the cases of a data folder, of a COCO JSON file or of images, without reading a pixel.

    Args:
        source: A folder with ``images/`` and masks or COCO JSON; or a COCO JSON file, whose images
            lie in ``images/`` beside it or right beside it. For prediction also an image, or a
            folder of images: their cases have no annotation.
        data: What mask files mean; COCO JSON speaks for itself.

    Raises:
        DataError: The source is neither, or both; or its files are not in order.
    """
    if source.is_file() and source.suffix.lower() == ".json":
        return load_coco(source, _images_of(source.parent))
    if source.is_file() and source.suffix.lower() in IMAGE_SUFFIXES:
        return load_images(source)
    if not source.is_dir():
        problem = "it is no folder and no image" if source.exists() else "there is no such folder"
        raise DataError(source, problem, ALLOWED_LAYOUTS)
    masks = [name for name in MASK_FOLDERS if (source / name).is_dir()]
    coco = find_coco(source)
    if masks and coco is not None:
        raise DataError(
            source,
            f"there are both {masks[0]}/ and the COCO JSON {coco.name}",
            "Name the JSON file itself as the source, or move one of the two elsewhere.",
        )
    if coco is not None:
        return load_coco(coco, _images_of(source))
    if masks:
        return load_folder(source, data)
    if _holds_images(_images_of(source)):
        return load_images(source)
    inside = sorted(path.name for path in source.iterdir())
    got = f"it holds {name_some(inside)}" if inside else "it is empty"
    raise DataError(source, f"there are no images: {got}", ALLOWED_LAYOUTS)


def _holds_images(folder: Path) -> bool:
    return any(path.suffix.lower() in IMAGE_SUFFIXES for path in folder.iterdir())


def _images_of(folder: Path) -> Path:
    """``images/`` where it exists, else the folder itself."""
    return folder / IMAGES_FOLDER if (folder / IMAGES_FOLDER).is_dir() else folder
