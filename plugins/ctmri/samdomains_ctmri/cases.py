"""Volumes as cases: what reads their slices and the cross-sections of their structures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np

from samdomains.plugin import (
    Case,
    DataError,
    Mask,
    ObjectMask,
    RawImage,
    RawVolume,
    Recipe,
    load_source,
    objects_from_mask,
    read_classes,
    read_json_object,
    with_metadata,
)
from samdomains_ctmri.annotations import Annotation, LabelMap, structure_names
from samdomains_ctmri.bias import correct_bias
from samdomains_ctmri.gaps import filled, filled_planes
from samdomains_ctmri.grid import Plane, Slicing, Stack
from samdomains_ctmri.layouts import Found, find_volumes
from samdomains_ctmri.scans import Scan, planes_of

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
        """(1, Z, H, W): intensities as stored or, with correction, float32; no gaps are left."""
        scan = self.geometry.scan
        voxels = filled(scan.voxels(), scan.files[0])
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
        slicing = self.geometry.slicing()
        found: list[ObjectMask] = []
        for number, mask in self.annotation.structures(self.geometry.scan):
            for index, plane in enumerate(slicing.stack(mask)):
                found += self._cross_sections(plane, index, number)
        return tuple(found)

    def by_slice(self) -> Iterator[tuple[int, tuple[ObjectMask, ...]]]:
        """Those of each slice, sorted by structure; label maps are read plane by plane."""
        slicing, annotation = self.geometry.slicing(), self.annotation
        if slicing.along_k and isinstance(annotation, LabelMap):
            for k, plane in annotation.planes(self.geometry.scan):
                index, labels = slicing.slice_of_plane(k), slicing.stack(plane)[0]
                yield index, self._in_slice(labels, index)
        else:
            sections = sorted(self(), key=lambda item: item.slice_index or 0)
            found = {i: tuple(some) for i, some in groupby(sections, lambda item: item.slice_index)}
            yield from ((index, found.get(index, ())) for index in range(slicing.shape[0]))

    def _in_slice(self, labels: Stack, index: int) -> tuple[ObjectMask, ...]:
        """The cross-sections in one slice of a label map, (H, W)."""
        return tuple(
            section
            for number in np.unique(labels).tolist()
            if number != 0
            for section in self._cross_sections(labels == number, index, number)
        )

    def _cross_sections(self, plane: Mask, index: int, number: int) -> list[ObjectMask]:
        ids = dict(self.classes)
        if ids and number not in ids:
            return []
        class_id = ids.get(number, 1)
        sections = objects_from_mask(
            plane.astype("int64"),
            meaning="binary",
            objects="components" if self.parts else "whole",
            threshold=0,
            classes={class_id: ""},
        )
        return [replace(section, slice_index=index, instance=number) for section in sections]


@dataclass(frozen=True)
class SlicesInTurn:
    """Reads a volume slice by slice.

    Slices that lie one after the other in a NIfTI file are read one at a time; of other planes and
    formats the whole is read and let go.

    Attributes:
        volume: Reads its voxels.
        annotated: Reads its structures; None where it has none.
    """

    volume: VolumePixels
    annotated: VolumeObjects | None

    def pixels(self) -> Iterator[tuple[int, RawImage]]:
        """(1, H, W) of every slice, with its number."""
        slicing = self.volume.geometry.slicing()
        if slicing.along_k and not self.volume.bias_correction:
            scan = self.volume.geometry.scan
            for k, plane in enumerate(filled_planes(partial(planes_of, scan), scan.files[0])):
                yield slicing.slice_of_plane(k), slicing.stack(plane)
        else:
            yield from enumerate(np.moveaxis(self.volume(), 1, 0))

    def objects(self) -> Iterator[tuple[int, tuple[ObjectMask, ...]]]:
        """The cross-sections in every slice, with its number."""
        assert self.annotated is not None
        return self.annotated.by_slice()


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
    slicing = Slicing(grid, plane)
    objects = None
    if item.annotation is not None:
        parts = recipe.data.objects == "components"
        objects = VolumeObjects(geometry, item.annotation, numbers, parts)
    pixels = VolumePixels(geometry, recipe.volume.bias_correction)
    marks = () if item.annotation is None else (item.annotation.path,)
    return Case(
        id=item.name,
        group=item.name,
        read_pixels=pixels,
        read_objects=objects,
        classes=classes or UNNAMED,
        files=(item.scan.files[0], *marks),
        geometry=geometry,
        depth=slicing.shape[0],
        notes=item.scan.notes(),
        slices=SlicesInTurn(pixels, objects),
        spacing=slicing.spacing,
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
