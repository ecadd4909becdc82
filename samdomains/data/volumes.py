"""Volumes as stacks of images: their slices as cases, read from the volume's file once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from samdomains.data.naming import image_file
from samdomains.data.recent import recent
from samdomains.data.statistics import case_statistics
from samdomains.errors import DataError
from samdomains.types import Case, CaseStatistics, ObjectMask, RawImage, RawVolume, SliceOf


def slices_of(volume: Case) -> tuple[Case, ...]:
    """Every slice of a volume, in their order.

    A slice's id is the volume's with ``@`` and the slice's number; its group is the volume's.
    """
    return tuple(
        replace(
            volume,
            id=f"{volume.id}@{slice_number(volume, index)}",
            read_pixels=_SlicePixels(volume, index),
            read_objects=None if volume.read_objects is None else _SliceObjects(volume, index),
            depth=None,
            slice_of=SliceOf(volume, index),
        )
        for index in range(volume.depth or 0)
    )


def volume_pixels(volume: Case) -> RawVolume:
    """(C, Z, H, W) of a volume, kept for the next call.

    Raises:
        DataError: The volume has not the slices that its loader counted.
    """
    return recent.get(("pixels", volume.read_pixels), lambda: _read(volume))


def volume_statistics(volume: Case) -> CaseStatistics:
    """Statistics over all slices of a volume, kept for the next call."""
    key = ("statistics", volume.read_pixels)
    return recent.get(key, lambda: case_statistics(volume_pixels(volume)))


def slice_number(volume: Case, index: int) -> str:
    """The number of a slice with as many digits as the last one needs."""
    return f"{index:0{len(str((volume.depth or 1) - 1))}d}"


@dataclass(frozen=True, eq=False)
class _SlicePixels:
    """Reads one slice, (C, H, W)."""

    volume: Case
    index: int

    def __call__(self) -> RawImage:
        return volume_pixels(self.volume)[:, self.index]


@dataclass(frozen=True, eq=False)
class _SliceObjects:
    """Reads the cross-sections in one slice."""

    volume: Case
    index: int

    def __call__(self) -> tuple[ObjectMask, ...]:
        reader = self.volume.read_objects
        assert reader is not None
        return recent.get(("objects", reader), lambda: _by_slice(reader())).get(self.index, ())


def _read(volume: Case) -> RawVolume:
    pixels = volume.read_pixels()
    if pixels.ndim != 4 or pixels.shape[1] != volume.depth:
        raise DataError(
            image_file(volume),
            f"a volume of {volume.depth} slices was listed, and pixels of shape {pixels.shape} "
            "were read",
            "The plugin must give (C, Z, H, W) with as many slices as it lists.",
        )
    return pixels


def _by_slice(objects: Sequence[ObjectMask]) -> dict[int, tuple[ObjectMask, ...]]:
    found: dict[int, list[ObjectMask]] = {}
    for item in objects:
        assert item.slice_index is not None, "a volume's objects are cross-sections"
        found.setdefault(item.slice_index, []).append(item)
    return {index: tuple(items) for index, items in found.items()}
