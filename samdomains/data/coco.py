"""COCO JSON: polygons and run-length encoded masks, decoded when a case is asked for its objects.

Reference:
    The format: https://cocodataset.org/#format-data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from samdomains.data._coco_lists import CocoAnnotation, CocoLists
from samdomains.data._readers import PixelFile
from samdomains.data.images import image_size
from samdomains.data.metadata import (
    METADATA_FILES,
    read_json_object,
    with_metadata,
)
from samdomains.data.naming import name_some
from samdomains.data.rle import object_from_runs, rle_from_object, runs_from_text
from samdomains.errors import DataError
from samdomains.files import write_text
from samdomains.types import Case, ObjectMask, Size

COCO_FILE = "annotations.json"
_SECTIONS = ("images", "annotations", "categories")


@dataclass(frozen=True, slots=True)
class CocoObjects:
    """Reads the objects of one image.

    Attributes:
        source: The JSON file, for messages.
        image: The image file, for its size.
        size: (H, W) that the JSON gives the image.
        annotations: In the order of the JSON file.
    """

    source: Path
    image: Path
    size: Size
    annotations: tuple[CocoAnnotation, ...]

    def __call__(self) -> tuple[ObjectMask, ...]:
        """One object for each annotation.

        Raises:
            DataError: The image is of another size, or a segmentation is damaged or empty.
        """
        size = image_size(self.image)
        if size != self.size:
            raise DataError(
                self.source,
                f"it says {self.size[1]} x {self.size[0]} pixels (width x height) for "
                f"{self.image}, which is {size[1]} x {size[0]}",
                "Annotate the image at its own size, the right way up, or correct the size there.",
            )
        return tuple(self._object(annotation) for annotation in self.annotations)

    def _object(self, annotation: CocoAnnotation) -> ObjectMask:
        remedy = "Correct or remove the annotation."
        try:
            decoded = _decode(annotation, self.size)
        except (ValueError, TypeError, OverflowError) as error:
            problem = f"the segmentation of annotation {annotation.id} is damaged ({error})"
            raise DataError(self.source, problem, remedy) from error
        if decoded is None:
            problem = f"the segmentation of annotation {annotation.id} covers no pixel"
            raise DataError(self.source, problem, remedy)
        return decoded


def _decode(annotation: CocoAnnotation, size: Size) -> ObjectMask | None:
    segmentation = annotation.segmentation
    if isinstance(segmentation, list):
        segmentation = coco_mask.merge(coco_mask.frPyObjects(segmentation, *size))
    counts = segmentation["counts"]
    if isinstance(counts, list):
        runs = np.array(counts, dtype=np.int64)
        if runs.ndim != 1 or (runs != np.array(counts)).any():
            raise ValueError("counts is not a list of whole numbers")
    else:
        runs = runs_from_text(counts.decode("ascii") if isinstance(counts, bytes) else counts)
    return object_from_runs(runs, size, class_id=annotation.class_id, crowd=annotation.crowd)


def find_coco(source: Path) -> Path | None:
    """The COCO JSON file of a data folder: ``annotations.json``, or the only JSON that is one.

    Raises:
        DataError: Several files are COCO JSON, or a JSON file in the folder is damaged.
    """
    if (source / COCO_FILE).is_file():
        return source / COCO_FILE
    found = [
        path
        for path in sorted(source.glob("*.json"))
        if path.name not in METADATA_FILES and _is_coco(path)
    ]
    if len(found) > 1:
        names = name_some([path.name for path in found])
        raise DataError(
            source,
            f"several files are COCO JSON: {names}",
            "Name one of them as the source, or merge them.",
        )
    return found[0] if found else None


def _is_coco(path: Path) -> bool:
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(path, f"the file is not JSON ({error})", "Correct or remove it.") from None
    return isinstance(document, dict) and all(section in document for section in _SECTIONS)


def load_coco(annotations: Path, images: Path) -> tuple[Case, ...]:
    """List the cases of a COCO JSON file; an image without annotations has no objects.

    Args:
        annotations: The JSON file. ``splits.json`` and ``groups.json`` beside it are honoured.
        images: The folder that ``file_name`` is relative to; else it is relative to the JSON file.

    Returns:
        The cases in the order of ``images``. The id is the file's name without folder and suffix.

    Raises:
        DataError: The file is not COCO JSON; an id is unknown or used twice; a segmentation is
            empty or of another size; a file name leaves the folder; an image file is missing.
    """
    document = read_json_object(annotations)
    for section in _SECTIONS:
        if not isinstance(document.get(section), list):
            raise DataError(
                annotations,
                f"the file is not COCO JSON: it has no list '{section}'",
                f"Export it as COCO instances, with the lists {', '.join(_SECTIONS)}.",
            )
    lists = CocoLists(annotations, images)
    classes = lists.classes(document["categories"])
    sizes, files = lists.images(document["images"])
    entries = lists.annotations(document["annotations"], classes, sizes)
    cases = [
        Case(
            id=file.stem,
            group=file.stem,
            read_pixels=PixelFile(file),
            read_objects=CocoObjects(annotations, file, sizes[key], tuple(entries[key])),
            classes=classes,
            files=(file, annotations),
        )
        for key, file in files.items()
    ]
    return with_metadata(annotations.parent, cases)


@dataclass(frozen=True, eq=False)
class CocoImage:
    """One image and its objects, to be written.

    Attributes:
        file_name: Relative to the folder of the images.
        size: (H, W).
        objects: May overlap.
    """

    file_name: str
    size: Size
    objects: Sequence[ObjectMask]


def write_coco(path: Path, images: Iterable[CocoImage], classes: Mapping[int, str]) -> None:
    """Write COCO JSON with compressed RLE, atomically.

    Args:
        path: The JSON file.
        images: Numbered from 1, as are their annotations.
        classes: Category id → name.
    """
    listed: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for key, image in enumerate(images, start=1):
        height, width = image.size
        listed.append({"id": key, "file_name": image.file_name, "width": width, "height": height})
        for obj in image.objects:
            annotations.append({"id": len(annotations) + 1, "image_id": key, **_annotation(obj)})
    document = {
        "images": listed,
        "annotations": annotations,
        "categories": [{"id": class_id, "name": name} for class_id, name in classes.items()],
    }
    write_text(path, json.dumps(document, ensure_ascii=False) + "\n")


def _annotation(obj: ObjectMask) -> dict[str, Any]:
    (y, x), (height, width) = obj.origin, obj.crop.shape
    return {
        "category_id": obj.class_id,
        "segmentation": rle_from_object(obj),
        "area": obj.area,
        "bbox": [x, y, width, height],
        "iscrowd": int(obj.crowd),
    }
