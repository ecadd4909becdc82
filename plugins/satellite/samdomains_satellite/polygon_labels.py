"""GeoJSON labels: which polygons belong to which scene, and their classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samdomains.plugin import DEFAULT_CLASSES, Case, DataError, image_file, name_some, read_classes
from samdomains_satellite.annotations import PolygonObjects, Scene
from samdomains_satellite.geojson import SUFFIX, GeoJson, read_geojson
from samdomains_satellite.labels import CLASSES_FILE, files_by_stem, require_pairs
from samdomains_satellite.position import Bounds, Position, crs_name, parsed
from samdomains_satellite.rasters import Raster

Kind = str | int | None
"""Class of a polygon as its file says it."""


@dataclass(frozen=True, eq=False)
class PolygonLabels:
    """GeoJSON with the objects of a data set.

    Attributes:
        folder: The data set, with ``labels.json`` where there is one.
        files: Name of an image → its GeoJSON file; empty where one file covers all scenes.
        documents: The files, read.
        class_ids: Class as a file says it → class id.
        classes: Class id → name.
    """

    folder: Path
    files: Mapping[str, Path]
    documents: tuple[GeoJson, ...]
    class_ids: Mapping[Kind, int]
    classes: Mapping[int, str]

    @classmethod
    def of_folder(cls, folder: Path) -> PolygonLabels:
        """A folder with a GeoJSON file for each image."""
        files = files_by_stem(folder, (SUFFIX,))
        return cls._of(folder.parent, files, files.values())

    @classmethod
    def of_file(cls, path: Path) -> PolygonLabels:
        """A GeoJSON file that covers all scenes."""
        return cls._of(path.parent, {}, [path])

    @classmethod
    def _of(cls, folder: Path, files: Mapping[str, Path], paths: Iterable[Path]) -> PolygonLabels:
        documents = tuple(read_geojson(path) for path in paths)
        ids, classes = _classes(folder / CLASSES_FILE, documents)
        return cls(folder, files, documents, ids, classes)

    def annotated(self, cases: Sequence[Case], scenes: Mapping[str, Scene]) -> list[Case]:
        """The cases with what reads their objects; the first says what belongs to no scene.

        Raises:
            DataError: An image has no GeoJSON file, or a file no image; an image does not say
                where it lies; no polygon lies in any scene.
        """
        if self.files:
            require_pairs(next(iter(self.files.values())).parent, self.files, cases)
        boxes = {document.path: _boxes(document) for document in self.documents}
        used = {path: np.zeros(len(found), dtype=bool) for path, found in boxes.items()}
        by_path = {document.path: document for document in self.documents}
        annotated = []
        for case in cases:
            document = by_path[self.files.get(case.id, self.documents[0].path)]
            place = _place(case, scenes[case.id], document)
            inside = _overlapping(boxes[document.path], place.bounds_in(document.crs))
            used[document.path] |= inside
            annotated.append(self._annotated(case, document, place, inside))
        notes = self._notes(np.concatenate(list(used.values())))
        return [replace(annotated[0], notes=annotated[0].notes + notes), *annotated[1:]]

    def _annotated(
        self, case: Case, document: GeoJson, place: Position, inside: NDArray[np.bool_]
    ) -> Case:
        features = tuple(document.features[index] for index in np.flatnonzero(inside))
        ids = tuple(self.class_ids[feature.kind] for feature in features)
        notes = case.notes
        if document.crs and parsed(document.crs) != parsed(place.crs):
            notes += (
                f"the polygons of {document.path.name} ({crs_name(document.crs)}) are reprojected "
                f"to the CRS of the image ({crs_name(place.crs)})",
            )
        return replace(
            case,
            read_objects=PolygonObjects(document.path, document.crs, place, features, ids),
            classes=self.classes,
            files=(*case.files, document.path),
            notes=notes,
        )

    def _notes(self, used: NDArray[np.bool_]) -> tuple[str, ...]:
        """What of the files belongs to no scene.

        Args:
            used: (F,), of each polygon whether it lies in a scene.
        """
        where = self.documents[0].path
        name = where.parent.name if self.files else where.name
        notes = []
        if others := sum(document.others for document in self.documents):
            notes.append(f"{others} features of {name} are no polygons and are left out")
        if len(used) and not used.any():
            raise DataError(
                where,
                f"none of its {len(used)} polygons lies in a scene",
                "Check that both are of one place, and the CRS of both.",
            )
        if outside := int(np.count_nonzero(~used)):
            what = "its scene" if self.files else "every scene"
            notes.append(f"{outside} of {len(used)} polygons of {name} lie outside {what}")
        return tuple(notes)


def _boxes(document: GeoJson) -> NDArray[np.float64]:
    """(F, 4): left, bottom, right and top of each feature."""
    boxes = np.zeros((len(document.features), 4))
    for box, feature in zip(boxes, document.features, strict=True):
        points = np.concatenate([polygon[0] for polygon in feature.polygons])
        box[:] = (*points.min(axis=0), *points.max(axis=0))
    return boxes


def _overlapping(boxes: NDArray[np.float64], bounds: Bounds | None) -> NDArray[np.bool_]:
    """(F,): which boxes have an area in common with the bounds."""
    if bounds is None:
        return np.zeros(len(boxes), dtype=bool)
    left, bottom, right, top = bounds
    inside: NDArray[np.bool_] = (
        (boxes[:, 0] < right) & (boxes[:, 2] > left) & (boxes[:, 1] < top) & (boxes[:, 3] > bottom)
    )
    return inside


def _place(case: Case, scene: Scene, document: GeoJson) -> Position:
    """Where a scene lies, if polygons can be put there."""
    place = scene.position if isinstance(scene, Raster) else None
    if place is None or (document.crs and not place.crs):
        lacks = "no position (CRS and transform)" if place is None else "no CRS"
        raise DataError(
            image_file(case),
            f"it has {lacks}, so the polygons of {document.path} cannot be put in it",
            "Use the georeferenced image, or label it by rasters of its size.",
        )
    return place


def _classes(path: Path, documents: Sequence[GeoJson]) -> tuple[dict[Kind, int], Mapping[int, str]]:
    """Class as a file says it → class id, and class id → name.

    Args:
        path: Where ``labels.json`` is or would be.
        documents: All files of the data set.
    """
    kinds = {feature.kind for document in documents for feature in document.features}
    names = read_classes(path) if path.is_file() else {}
    if len({type(kind) for kind in kinds}) > 1:
        shown = name_some(sorted(str(kind) for kind in kinds))
        problem = f"files of one data set give classes in different ways ({shown})"
        raise DataError(documents[0].path, problem, "Give every polygon a name, or a number.")
    if kinds <= {None}:
        classes = names if len(names) == 1 else DEFAULT_CLASSES
        return {None: next(iter(classes))}, classes
    if names:
        return _named_ids(path, kinds, names), names
    if all(isinstance(kind, int) for kind in kinds):
        numbers = sorted(kind for kind in kinds if isinstance(kind, int))
        return {number: number for number in numbers}, {n: f"class {n}" for n in numbers}
    ids: dict[Kind, int] = {name: i for i, name in enumerate(sorted(map(str, kinds)), start=1)}
    return ids, {i: str(name) for name, i in ids.items()}


def _named_ids(path: Path, kinds: set[Kind], names: Mapping[int, str]) -> dict[Kind, int]:
    """The id of each class by ``labels.json``, whether it is given as a name or as a number."""
    by_name = {name: number for number, name in names.items()}
    ids: dict[Kind, int] = {}
    for kind in kinds:
        number = by_name.get(kind) if isinstance(kind, str) else kind
        if number is None or number not in names:
            problem = (
                f"polygons are of the class '{kind}', which is not among {name_some([*by_name])}"
            )
            raise DataError(path, problem, "Name it there, or correct the polygons.")
        ids[kind] = number
    return ids
