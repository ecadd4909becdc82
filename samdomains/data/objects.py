"""From the values of a mask to its objects, each kept as a crop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.types import Mask, ObjectMask

MaskMeaning = Literal["binary", "instances", "classes"]
ObjectRule = Literal["components", "whole"]

_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)

_DENSE_LABELS = 2**16
"""Label maps up to this value are indexed by it; larger values are numbered anew first."""


def objects_from_mask(
    values: NDArray[np.int64],
    *,
    meaning: MaskMeaning,
    objects: ObjectRule,
    threshold: int,
    classes: Mapping[int, str],
) -> tuple[ObjectMask, ...]:
    """Find the objects of a mask, sorted by class or instance value, then from top to bottom.

    Args:
        values: (H, W), as stored.
        meaning: ``binary`` (anything but zero is one class), ``instances`` (every value but zero
            is one object, even in several parts) or ``classes`` (every value is a class).
        objects: For ``binary`` and ``classes``: every connected part (8 neighbours) is an object,
            or all pixels of a class together.
        threshold: For ``binary``: the value from which a pixel is foreground; 0 means any but zero.
        classes: Class id → name. For ``classes``, the values that count, and 0 never does; other
            values belong to no object. Otherwise the one class that all objects have.

    Raises:
        ValueError: ``binary`` or ``instances`` with several classes.

    Example:
        >>> values = np.array([[0, 7, 7], [9, 0, 0]])
        >>> found = objects_from_mask(
        ...     values, meaning="instances", objects="whole", threshold=0, classes={1: "cell"})
        >>> [obj.box.tolist() for obj in found]
        [[1.0, 0.0, 3.0, 1.0], [0.0, 1.0, 1.0, 2.0]]
    """
    if meaning == "classes":
        regions = [
            (value, crop, origin)
            for value, crop, origin in crops_by_value(values)
            if value in classes
        ]
    else:
        if len(classes) != 1:
            raise ValueError(f"a mask of meaning {meaning!r} has one class, got {dict(classes)}")
        (class_id,) = classes
        labels = values
        if meaning == "binary":
            labels = (values >= threshold if threshold > 0 else values != 0).astype(np.int64)
        regions = [(class_id, crop, origin) for _, crop, origin in crops_by_value(labels)]
    if objects == "components" and meaning != "instances":
        regions = [
            (class_id, part, (origin[0] + y, origin[1] + x))
            for class_id, crop, origin in regions
            for part, (y, x) in _components(crop)
        ]
    height, width = values.shape
    return tuple(
        ObjectMask(crop, origin, (height, width), class_id) for class_id, crop, origin in regions
    )


def crops_by_value(values: NDArray[Any]) -> Iterator[tuple[int, Mask, tuple[int, int]]]:
    """Each value of a label map but zero, in rising order: value, crop and its (y, x).

    The time depends on the size of the map and on that of the crops, not on one times the other.

    Args:
        values: (H, W) whole numbers.
    """
    if values.size == 0:
        return
    names: NDArray[Any] | None = None
    labels = values
    if values.min() < 0 or values.max() > _DENSE_LABELS:
        names, positions = np.unique(values, return_inverse=True)
        labels = positions.reshape(values.shape) + 1
    for label, where in enumerate(ndimage.find_objects(labels), start=1):
        value = label if names is None else int(names[label - 1])
        if where is not None and value != 0:
            rows, columns = where
            yield value, labels[where] == label, (rows.start, columns.start)


def _components(mask: Mask) -> Iterator[tuple[Mask, tuple[int, int]]]:
    """The connected parts of a mask, as crops and their (y, x) in it."""
    labels, _ = ndimage.label(mask, structure=_EIGHT_NEIGHBOURS)
    for _, crop, origin in crops_by_value(labels):
        yield crop, origin
