"""What a user names as data: a folder with masks, or COCO JSON."""

from __future__ import annotations

from pathlib import Path

from samdomains.data.coco import find_coco, load_coco
from samdomains.data.folders import ALLOWED_LAYOUTS, IMAGES_FOLDER, MASK_FOLDERS, load_folder
from samdomains.errors import DataError
from samdomains.recipe import DataRecipe
from samdomains.types import Case


def load_source(source: Path, data: DataRecipe) -> tuple[Case, ...]:
    """List the cases of a data folder or of a COCO JSON file, without reading a pixel.

    Args:
        source: A folder with ``images/`` and masks or COCO JSON; or a COCO JSON file, whose images
            lie in ``images/`` beside it or right beside it.
        data: What mask files mean; COCO JSON speaks for itself.

    Raises:
        DataError: The source is neither, or both; or its files are not in order.
    """
    if source.is_file() and source.suffix.lower() == ".json":
        return load_coco(source, _images_of(source.parent))
    if not source.is_dir():
        problem = "it is not a folder" if source.exists() else "there is no such folder"
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
    if not masks:
        inside = sorted(path.name for path in source.iterdir())
        got = f"it holds {', '.join(inside[:5])}" if inside else "it is empty"
        problem = f"there is no {MASK_FOLDERS[0]}/, no {MASK_FOLDERS[1]}/ and no COCO JSON: {got}"
        raise DataError(source, problem, ALLOWED_LAYOUTS)
    return load_folder(source, data)


def _images_of(folder: Path) -> Path:
    """``images/`` where it exists, else the folder itself."""
    return folder / IMAGES_FOLDER if (folder / IMAGES_FOLDER).is_dir() else folder
