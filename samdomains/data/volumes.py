"""Volumes as stacks of images: their slices as cases, read from the volume's file once.

What is read is written to a temporary file slice by slice, so that the memory does not depend on
the number of slices.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samdomains.data.naming import image_file
from samdomains.data.recent import recent
from samdomains.data.spool import Spool
from samdomains.data.statistics import statistics_of_blocks
from samdomains.errors import DataError
from samdomains.types import Case, CaseStatistics, ObjectMask, RawImage, SliceOf


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
            slices=None,
        )
        for index in range(volume.depth or 0)
    )


def volume_pixels(volume: Case) -> Spool[RawImage]:
    """(C, H, W) of each slice of a volume, kept on disk for the next call.

    Raises:
        DataError: The volume has not the slices that its loader counted, or they differ in size.
    """
    return recent.get(("pixels", volume.read_pixels), lambda: Spool(_pixels(volume)))


def volume_array(volume: Case) -> NDArray[Any]:
    """(Z, C, H, W): all slices as one array in a file, from which any plane can be cut.

    Raises:
        DataError: As ``volume_pixels``.
    """
    return recent.get(("array", volume.read_pixels), lambda: _array(volume))


def volume_statistics(volume: Case) -> CaseStatistics:
    """Statistics over all slices of a volume, kept for the next call."""
    pixels = volume_pixels(volume)
    key = ("statistics", volume.read_pixels)
    return recent.get(key, lambda: statistics_of_blocks(lambda: pixels))


def slice_number(volume: Case, index: int) -> str:
    """The number of a slice with as many digits as the last one needs."""
    return f"{index:0{len(str((volume.depth or 1) - 1))}d}"


@dataclass(frozen=True, eq=False)
class _SlicePixels:
    """Reads one slice, (C, H, W)."""

    volume: Case
    index: int

    def __call__(self) -> RawImage:
        return volume_pixels(self.volume)[self.index]


@dataclass(frozen=True, eq=False)
class _SliceObjects:
    """Reads the cross-sections in one slice."""

    volume: Case
    index: int

    def __call__(self) -> tuple[ObjectMask, ...]:
        reader = self.volume.read_objects
        return recent.get(("objects", reader), lambda: Spool(_objects(self.volume)))[self.index]


def _pixels(volume: Case) -> Iterator[tuple[int, RawImage]]:
    """Every slice and its number."""
    if volume.slices is not None:
        count, shapes = 0, dict[tuple[int, ...], int]()
        for number, pixels in volume.slices.pixels():
            count += 1
            shapes.setdefault(pixels.shape, number)
            if len(shapes) > 1:
                raise _slices_differ(volume, shapes)
            yield number, pixels
        if count != volume.depth:
            raise _another_depth(volume, f"{count} slices")
        return
    stack = volume.read_pixels()
    if stack.ndim != 4 or stack.shape[1] != volume.depth:
        raise _another_depth(volume, f"pixels of shape {stack.shape}")
    yield from enumerate(np.moveaxis(stack, 1, 0))


def _array(volume: Case) -> NDArray[Any]:
    pixels = volume_pixels(volume)
    first = pixels[0]
    with tempfile.TemporaryFile() as file:  # mapped, it lives as long as the array
        array = np.memmap(file, first.dtype, "w+", shape=(len(pixels), *first.shape))
    for index, part in enumerate(pixels):
        array[index] = part
    return array


def _another_depth(volume: Case, got: str) -> DataError:
    return DataError(
        image_file(volume),
        f"a volume of {volume.depth} slices was listed, and {got} were read",
        "The plugin must give (C, Z, H, W) with as many slices as it lists.",
    )


def _slices_differ(volume: Case, shapes: Mapping[tuple[int, ...], int]) -> DataError:
    (first, shape), (second, another) = ((index, shape) for shape, index in shapes.items())
    return DataError(
        image_file(volume),
        f"its slices differ in size: slice {first} is {_words(shape)}, "
        f"slice {second} is {_words(another)} (channels x rows x columns)",
        "Bring them to one size, or open them as images of their own.",
    )


def _words(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _objects(volume: Case) -> Iterator[tuple[int, tuple[ObjectMask, ...]]]:
    """The cross-sections in each slice, and its number."""
    if volume.slices is not None:
        yield from volume.slices.objects()
        return
    assert volume.read_objects is not None
    found: dict[int, list[ObjectMask]] = {}
    for item in volume.read_objects():
        assert item.slice_index is not None, "a volume's objects are cross-sections"
        found.setdefault(item.slice_index, []).append(item)
    for index in range(volume.depth or 0):
        yield index, tuple(found.get(index, ()))
