"""The lists of a COCO JSON file, checked entry by entry before anything is decoded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from samdomains.data.metadata import require_distinct_names
from samdomains.data.naming import name_some
from samdomains.errors import DataError
from samdomains.types import Size


@dataclass(frozen=True)
class CocoAnnotation:
    """One entry of ``annotations``, checked as far as that goes without decoding it.

    Attributes:
        id: Its ``id``, or its position in the list; for messages.
        class_id: Its ``category_id``.
        crowd: Its ``iscrowd``.
        segmentation: Polygons, or compressed or uncompressed RLE.
    """

    id: int | str
    class_id: int
    crowd: bool
    segmentation: list[list[float]] | dict[str, Any] = field(hash=False)


@dataclass(frozen=True)
class CocoLists:
    """Checks the three lists of a COCO JSON file.

    Attributes:
        path: The JSON file, for messages.
        folder: The folder of the images.
    """

    path: Path
    folder: Path

    def classes(self, categories: list[Any]) -> dict[int, str]:
        """Category id → name."""
        classes: dict[int, str] = {}
        for position, category in enumerate(categories):
            where = f"category {position}"
            class_id = self._field(category, "id", int, where)
            name = self._field(category, "name", str, where)
            if class_id in classes:
                raise self._error(f"two categories have the id {class_id}", "Renumber one.")
            classes[class_id] = name
        if not classes:
            raise self._error("it names no category", "Add the classes to 'categories'.")
        require_distinct_names(self.path, classes)
        return classes

    def images(self, images: list[Any]) -> tuple[dict[int | str, Size], dict[int | str, Path]]:
        """Image id → (H, W), and image id → file."""
        sizes: dict[int | str, Size] = {}
        files: dict[int | str, Path] = {}
        stems: dict[str, str] = {}
        for position, image in enumerate(images):
            where = f"image {position}"
            key = self._field(image, "id", (int, str), where)
            name = self._field(image, "file_name", str, where)
            size = tuple(self._field(image, side, int, where) for side in ("height", "width"))
            if min(size) <= 0:
                raise self._error(f"{where} has the size {size}", "Give its height and width.")
            if key in files:
                raise self._error(f"two images have the id {key}", "Renumber one of them.")
            file = self._image_file(name)
            if file.stem in stems:
                problem = f"two images are named '{file.stem}': {stems[file.stem]} and {name}"
                raise self._error(problem, "Rename or remove one of them.")
            stems[file.stem], sizes[key], files[key] = name, (size[0], size[1]), file
        if not files:
            raise self._error("it lists no image", "Add the images to 'images'.")
        return sizes, files

    def _image_file(self, name: str) -> Path:
        # Either system's way of leaving a folder is refused on both.
        for path in (PurePosixPath(name), PureWindowsPath(name)):
            if path.is_absolute() or path.drive or ".." in path.parts:
                problem = f"the file name '{name}' leads out of the data folder"
                raise self._error(problem, "Use names relative to the images' folder.")
        for folder in (self.folder, self.path.parent):
            if (folder / name).is_file():
                return folder / name
        raise self._error(
            f"the image '{name}' is not in {self.folder}", "Add the file or remove its entry."
        )

    def annotations(
        self,
        annotations: list[Any],
        classes: Mapping[int, str],
        sizes: Mapping[int | str, Size],
    ) -> Mapping[int | str, Sequence[CocoAnnotation]]:
        """Image id → its annotations."""
        entries: dict[int | str, list[CocoAnnotation]] = defaultdict(list)
        for position, annotation in enumerate(annotations):
            if not isinstance(annotation, dict):
                raise self._error(f"annotation {position} is not an object", "Correct it.")
            name = annotation.get("id", position)
            where = f"annotation {name}"
            image = self._field(annotation, "image_id", (int, str), where)
            class_id = self._field(annotation, "category_id", int, where)
            if image not in sizes:
                remedy = "Add the image to 'images' or remove the annotation."
                raise self._error(f"{where} has the unknown image id {image!r}", remedy)
            if class_id not in classes:
                allowed = name_some([str(known) for known in classes])
                problem = f"{where} has the unknown category id {class_id}; known are {allowed}"
                raise self._error(problem, "Add it to 'categories' or correct the annotation.")
            crowd = annotation.get("iscrowd", 0)
            if crowd not in (0, 1):
                raise self._error(f"{where} has iscrowd {crowd!r}", "Make it 0 or 1.")
            segmentation = self._segmentation(annotation, sizes[image], where)
            entries[image].append(CocoAnnotation(name, class_id, bool(crowd), segmentation))
        return entries

    def _segmentation(
        self, annotation: dict[str, Any], size: Size, where: str
    ) -> list[list[float]] | dict[str, Any]:
        """Polygons or RLE, refused where empty, malformed or of another size."""
        segmentation = annotation.get("segmentation")
        remedy = "Correct or remove the annotation; a box alone is not enough."
        if not segmentation:
            raise self._error(f"{where} has an empty segmentation", remedy)
        if isinstance(segmentation, list):
            for polygon in segmentation:
                if not _is_polygon(polygon, size):
                    problem = f"{where} has a polygon that is not x0, y0, x1, y1, x2, y2, ... "
                    raise self._error(problem + "near the image", remedy)
            return segmentation
        if not isinstance(segmentation, dict) or not segmentation.get("counts"):
            raise self._error(f"{where} has a segmentation without 'counts'", remedy)
        if not isinstance(segmentation["counts"], str | list):
            raise self._error(f"the counts of {where} are neither a text nor a list", remedy)
        if segmentation.get("size") != list(size):
            problem = f"the RLE of {where} has the size {segmentation.get('size')} (height, width)"
            raise self._error(f"{problem}, its image {list(size)}", remedy)
        return segmentation

    def _field(
        self,
        entry: Any,  # noqa: ANN401 (whatever JSON holds)
        key: str,
        kinds: type | tuple[type, ...],
        where: str,
    ) -> Any:  # noqa: ANN401 (of one of the kinds)
        value = entry.get(key) if isinstance(entry, dict) else None
        if isinstance(value, bool) or not isinstance(value, kinds):
            got = "missing" if value is None else repr(value)
            allowed = kinds if isinstance(kinds, tuple) else (kinds,)
            names = " or ".join(kind.__name__ for kind in allowed)
            raise self._error(f"{where}: '{key}' is {got}", f"Make it a value of type {names}.")
        return value

    def _error(self, problem: str, remedy: str) -> DataError:
        return DataError(self.path, problem, remedy)


def _is_polygon(polygon: Any, size: Size) -> bool:  # noqa: ANN401 (whatever JSON holds)
    """Whether it is a list of three corners or more, none further out than the image is large.

    pycocotools walks along every edge, so that a corner at 1e9 would fill the memory.
    """
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        return False
    if not all(isinstance(number, int | float) for number in polygon):
        return False
    corners = np.array(polygon, dtype=np.float64).reshape(-1, 2)
    limits = np.array([size[1], size[0]], dtype=np.float64)
    return bool(((corners >= -limits) & (corners <= 2 * limits)).all())
