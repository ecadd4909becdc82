"""Volumes as stacks of images: their slices as cases, read from the volume's file once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

import numpy as np

from samdomains.data.naming import image_file, named_errors
from samdomains.data.statistics import case_statistics
from samdomains.errors import DataError
from samdomains.types import (
    Case,
    CaseStatistics,
    Image,
    Normalizer,
    ObjectMask,
    RawImage,
    RawVolume,
    SliceOf,
)

T = TypeVar("T")

KEPT_BYTES = 2**30
"""Memory for the volumes read last, in each process; one larger volume is kept alone."""


def in_slices(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Every slice of each volume in its place; images are left as they are.

    A slice's id is the volume's with ``@`` and the slice's number; its group is the volume's.
    """
    return tuple(part for case in cases for part in _parts(case))


def volume_pixels(volume: Case) -> RawVolume:
    """(C, Z, H, W) of a volume, kept for the next call.

    Raises:
        DataError: The volume has not the slices that its loader counted.
    """
    return _recent.get(("pixels", volume.read_pixels), lambda: _read(volume))


def volume_statistics(volume: Case) -> CaseStatistics:
    """Statistics over all slices of a volume, kept for the next call."""
    key = ("statistics", volume.read_pixels)
    return _recent.get(key, lambda: case_statistics(volume_pixels(volume)))


def statistics_of(case: Case, pixels: RawImage) -> CaseStatistics:
    """Statistics of the whole case that an image belongs to: its volume, or the image itself.

    Args:
        case: An image or a slice.
        pixels: (C, H, W), what ``case.read_pixels`` gave.
    """
    if case.slice_of is None:
        return case_statistics(pixels)
    return volume_statistics(case.slice_of.volume)


def normalized_image(case: Case, normalizer: Normalizer) -> Image:
    """Read an image or slice and bring it to [0, 1] by the statistics of its whole case.

    Args:
        case: An image or a slice, no volume.
        normalizer: The domain's.

    Returns:
        (3, H, W).

    Raises:
        SamDomainsError: It cannot be read or normalised; names the file.
    """
    pixels = case.read_pixels()
    with named_errors(case):
        return normalizer(pixels, statistics_of(case, pixels))


def slice_number(volume: Case, index: int) -> str:
    """The number of a slice with as many digits as the last one needs."""
    return f"{index:0{len(str((volume.depth or 1) - 1))}d}"


def _parts(case: Case) -> tuple[Case, ...]:
    if case.depth is None:
        return (case,)
    return tuple(
        replace(
            case,
            id=f"{case.id}@{slice_number(case, index)}",
            read_pixels=_SlicePixels(case, index),
            read_objects=None if case.read_objects is None else _SliceObjects(case, index),
            depth=None,
            slice_of=SliceOf(case, index),
        )
        for index in range(case.depth)
    )


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
        return _recent.get(("objects", reader), lambda: _by_slice(reader())).get(self.index, ())


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


@dataclass(slots=True)
class _Recent:
    """What was read last, up to ``KEPT_BYTES`` of pixels.

    Attributes:
        kept: By reader, the one used longest ago first.
    """

    kept: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is kept under ``key``, made now if it is not."""
        if key not in self.kept:
            made = make()
            while self.kept and self._bytes() + _size(made) > KEPT_BYTES:
                self.kept.popitem(last=False)
            self.kept[key] = made
        self.kept.move_to_end(key)
        return cast("T", self.kept[key])

    def _bytes(self) -> int:
        return sum(_size(value) for value in self.kept.values())


def _size(value: object) -> int:
    return value.nbytes if isinstance(value, np.ndarray) else 0


_recent = _Recent()
