"""Label files: the objects of a picture or, slice by slice, of a stack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.plugin import Mask, MaskReading, ObjectMask, crops_by_value, read_mask
from samdomains_microscopy.stacks import TiffStack

_Crop = tuple[Mask, tuple[int, int]]
"""A mask in its bounding box, and the (y, x) of that."""

_NEIGHBOURS = np.ones((3, 3, 3), dtype=bool)
"""Voxels that touch at a corner are connected, as pixels are in the core."""


@dataclass(frozen=True)
class PictureObjects:
    """Reads the objects of a single picture.

    Attributes:
        files: The label map; after it, further layers of the same objects (see ``writers``).
        reading: What the values mean.
    """

    files: tuple[Path, ...]
    reading: MaskReading

    def __call__(self) -> tuple[ObjectMask, ...]:
        """The objects, in the order of their values.

        Raises:
            DataError: A file is damaged, or holds colours or fractions.
        """
        layers = [read_mask(path) for path in self.files]
        return tuple(replace(item, instance=0) for item in objects_in(layers, self.reading))


@dataclass(frozen=True)
class StackObjects:
    """Reads the objects of one time point of a stack. Hashable.

    Attributes:
        layers: The label stack; after it, further layers of the same objects.
        time: Number of the time point, from 0.
        reading: What the values mean.
    """

    layers: tuple[TiffStack, ...]
    time: int
    reading: MaskReading

    def __call__(self) -> tuple[ObjectMask, ...]:
        """The cross-sections from slice to slice; in a picture, which has one slice, the objects.

        Raises:
            DataError: A file is damaged or holds fractions.
        """
        layers = [stack.values(self.time) for stack in self.layers]
        if len(layers[0]) == 1:
            found = objects_in([layer[0] for layer in layers], self.reading)
            return tuple(replace(item, instance=0) for item in found)
        return cross_sections(layers, self.reading)


def cross_sections(layers: Sequence[NDArray[Any]], reading: MaskReading) -> tuple[ObjectMask, ...]:
    """The cross-sections of the objects of a volume, from slice to slice.

    The ``instance`` of a cross-section is the value of its object. In a binary or class mask it is
    the number of the connected part of the volume that it belongs to, or the class, where all of a
    class is one object.

    Args:
        layers: (Z, H, W) each, whole numbers; see ``objects_in``.
        reading: What the values mean.

    Example:
        >>> labels = np.array([[[0, 7]], [[7, 7]]])
        >>> found = cross_sections([labels], MaskReading("instances", "whole", 0, ((1, "cell"),)))
        >>> [(item.slice_index, item.instance, item.area) for item in found]
        [(0, 7, 1), (1, 7, 2)]
    """
    numbers = None if reading.meaning == "instances" else _parts(layers[0], reading)
    found: list[ObjectMask] = []
    for index, planes in enumerate(zip(*layers, strict=True)):
        for item in objects_in([plane.astype(np.int64) for plane in planes], reading):
            instance = item.instance if numbers is None else _number(numbers[index], item)
            found.append(replace(item, slice_index=index, instance=instance))
    return tuple(found)


def objects_in(layers: Sequence[NDArray[np.int64]], reading: MaskReading) -> list[ObjectMask]:
    """The objects of one plane, sorted by class or value; an instance bears its value.

    Args:
        layers: (H, W) each. Of instances, an object is every pixel of its value in any of them.
        reading: What the values mean.
    """
    if reading.meaning != "instances":
        return list(reading.objects_of(layers[0]))
    ((class_id, _),) = reading.names
    height, width = layers[0].shape
    return [
        ObjectMask(crop, origin, (height, width), class_id, instance=value)
        for value, crop, origin in _merged(layers)
    ]


def _merged(layers: Sequence[NDArray[np.int64]]) -> Iterator[tuple[int, Mask, tuple[int, int]]]:
    """Each value of the layers: value, crop and its (y, x), in rising order."""
    found: dict[int, _Crop] = {}
    for layer in layers:
        for value, crop, origin in crops_by_value(layer):
            other = found.get(value)
            found[value] = _union((crop, origin), other) if other else (crop, origin)
    for value in sorted(found):
        yield value, *found[value]


def _union(*crops: _Crop) -> _Crop:
    """Crops of one plane as one."""
    start = np.min([origin for _, origin in crops], axis=0)
    end = np.max([np.add(origin, crop.shape) for crop, origin in crops], axis=0)
    whole = np.zeros(end - start, dtype=bool)
    for crop, origin in crops:
        y, x = origin - start
        whole[y : y + crop.shape[0], x : x + crop.shape[1]] |= crop
    return whole, (int(start[0]), int(start[1]))


def _parts(values: NDArray[Any], reading: MaskReading) -> NDArray[np.int64]:
    """(Z, H, W): for each foreground voxel the number of its object, counted over all classes."""
    numbers = np.zeros(values.shape, dtype=np.int64)
    count = 0
    for class_id in reading.classes:
        if reading.meaning == "classes":
            inside = values == class_id
        else:
            inside = values >= reading.threshold if reading.threshold > 0 else values != 0
        if reading.objects == "whole":
            numbers[inside] = class_id
            continue
        labels, parts = ndimage.label(inside, structure=_NEIGHBOURS)
        numbers[inside] = labels[inside] + count
        count += parts
    return numbers


def _number(numbers: NDArray[np.int64], item: ObjectMask) -> int:
    """The number under the first pixel of a cross-section, all of which has the same."""
    y, x = np.argwhere(item.crop)[0] + item.origin
    return int(numbers[y, x])
