"""Volumes as cases: what reads their slices and the cross-sections of their structures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from samdomains.plugin import (
    Case,
    DataError,
    Mask,
    ObjectMask,
    RawVolume,
    Recipe,
    load_source,
    objects_from_mask,
    read_classes,
    read_json_object,
    with_metadata,
)
from samdomains_ctmri.annotations import Annotation, structure_names
from samdomains_ctmri.bias import correct_bias
from samdomains_ctmri.grid import Plane, Slicing
from samdomains_ctmri.layouts import Found, find_volumes
from samdomains_ctmri.scans import Scan

LABELS_FILE = "labels.json"

Names = Mapping[int, str]
"""Number of a structure in its file → name."""

UNNAMED: Names = {1: "object"}
"""The class of all structures where nothing names them."""


@dataclass(frozen=True)
class VolumeGeometry:
    """What a writer needs to bring slices back to the voxels of their file.

    Attributes:
        scan: The volume.
        plane: Of the slices.
    """

    scan: Scan
    plane: Plane

    def slicing(self) -> Slicing:
        """How its voxels were cut into slices."""
        return Slicing(self.scan.grid(), self.plane)


@dataclass(frozen=True)
class VolumePixels:
    """Reads a volume.

    Attributes:
        geometry: The volume and its plane.
        bias_correction: Whether the shading of an MRI coil is removed.
    """

    geometry: VolumeGeometry
    bias_correction: bool

    def __call__(self) -> RawVolume:
        """(1, Z, H, W): intensities as stored or, with correction, float32."""
        scan = self.geometry.scan
        voxels = scan.voxels()
        if self.bias_correction:
            voxels = correct_bias(voxels)
        return self.geometry.slicing().stack(voxels)[None]


@dataclass(frozen=True)
class VolumeObjects:
    """Reads the cross-sections of a volume's structures.

    Attributes:
        geometry: The volume and its plane.
        annotation: Where its structures are.
        classes: Number in the annotation → class id, as pairs, of those that count; empty where
            nothing names them, so that all count and are of one class.
        parts: Whether each connected part of a cross-section is an object of its own.
    """

    geometry: VolumeGeometry
    annotation: Annotation
    classes: tuple[tuple[int, int], ...]
    parts: bool

    def __call__(self) -> tuple[ObjectMask, ...]:
        """Sorted by structure, then by slice."""
        slicing, ids = self.geometry.slicing(), dict(self.classes)
        found: list[ObjectMask] = []
        for number, mask in self.annotation.structures(self.geometry.scan):
            if ids and number not in ids:
                continue
            for index, plane in enumerate(slicing.stack(mask)):
                found += self._cross_sections(plane, index, ids.get(number, 1), number)
        return tuple(found)

    def _cross_sections(
        self, plane: Mask, index: int, class_id: int, number: int
    ) -> list[ObjectMask]:
        sections = objects_from_mask(
            plane.astype("int64"),
            meaning="binary",
            objects="components" if self.parts else "whole",
            threshold=0,
            classes={class_id: ""},
        )
        return [replace(section, slice_index=index, instance=number) for section in sections]


def load_volumes(source: Path, recipe: Recipe) -> Sequence[Case]:
    """List volumes with their annotations; where there is none, what the core lists.

    Args:
        source: See ``layouts.LAYOUTS``. ``labels.json`` (number → name, or name of a volume →
            such a map), ``splits.json`` and ``groups.json`` in a folder are honoured.
        recipe: ``volume``, and of ``data`` ``series``, ``resample_labels`` and ``objects``.

    Raises:
        DataError: Files are missing, damaged or of no known layout.
    """
    found = find_volumes(source, recipe)
    if not found:
        return load_source(source, recipe.data)
    names = [_names(source, item) for item in found]
    classes, ids = _class_ids(names)
    cases = [
        _case(item, classes, tuple((n, ids[name]) for n, name in own.items()), recipe)
        for item, own in zip(found, names, strict=True)
    ]
    return with_metadata(source, cases) if source.is_dir() else cases


def _case(
    item: Found, classes: Names, numbers: tuple[tuple[int, int], ...], recipe: Recipe
) -> Case:
    axis = recipe.volume.axis
    grid = item.scan.grid()
    plane = grid.acquired_plane() if axis == "auto" else axis
    geometry = VolumeGeometry(item.scan, plane)
    objects = None
    if item.annotation is not None:
        parts = recipe.data.objects == "components"
        objects = VolumeObjects(geometry, item.annotation, numbers, parts)
    marks = () if item.annotation is None else (item.annotation.path,)
    return Case(
        id=item.name,
        group=item.name,
        read_pixels=VolumePixels(geometry, recipe.volume.bias_correction),
        read_objects=objects,
        classes=classes or UNNAMED,
        files=(item.scan.files[0], *marks),
        geometry=geometry,
        depth=Slicing(grid, plane).shape[0],
        notes=item.scan.notes(),
    )


def _names(source: Path, item: Found) -> Names:
    """Names of one volume's structures; empty where nothing names them."""
    if item.annotation is None:
        return {}
    own = structure_names(item.annotation)
    if own is not None:
        return own
    for path in (item.annotation.path.parent / LABELS_FILE, source / LABELS_FILE):
        if path.is_file():
            return _names_in(path, item.name)
    return {}


def _names_in(path: Path, name: str) -> Names:
    """``labels.json`` as one map, or as a map for each volume."""
    values = read_json_object(path)
    if not any(isinstance(value, dict) for value in values.values()):
        return read_classes(path)
    own = values.get(name)
    if not isinstance(own, dict):
        problem = f"it names the structures of other volumes, not those of '{name}'"
        raise DataError(path, problem, f"Add '{name}'.")
    return {int(number): str(title) for number, title in own.items() if int(number) != 0}


def _class_ids(names: Sequence[Names]) -> tuple[dict[int, str], dict[str, int]]:
    """Class id → name for the data set, and back.

    Ids are the numbers of the files where all agree on them, else counted from 1 by name.
    """
    merged: dict[int, str] = {}
    for own in names:
        for number, name in own.items():
            merged.setdefault(number, name)
    agree = all(merged[number] == name for own in names for number, name in own.items())
    if not agree or len(set(merged.values())) < len(merged):
        titles = sorted({name for own in names for name in own.values()})
        merged = dict(enumerate(titles, start=1))
    return dict(sorted(merged.items())), {name: number for number, name in merged.items()}
