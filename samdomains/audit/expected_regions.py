"""What the other images of a set let expect as objects of an image, labelled there or not.

Where a model of the other images (``PixelModel``) expects a class more than any other and nothing
is labelled is a candidate for a forgotten object. Each labelled object is looked at in the same
way, by the part of it in which its class is expected. ``find_missing`` compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.audit.findings import PixelBox
from samdomains.audit.regions import MOST_REGIONS, Regions
from samdomains.audit.thumbnails import SIDE, Thumbnail
from samdomains.types import Mask

LEAST_AREA = 3
"""Pixels of the thumbnail that a region has at least."""

SMOOTHING = 0.7
"""Standard deviation in pixels of the thumbnail: single pixels are no regions."""

_SHARE_UNIT = 4.0  # brings shares to the scale of the other properties that regions have
_FILL_UNIT = 2.0
_EIGHT = np.ones((3, 3), dtype=bool)


def find_expected_regions(
    item: Thumbnail, expected: NDArray[np.float32], classes: Sequence[int]
) -> Regions:
    """Find what is expected to be an object in an image, labelled or not.

    Args:
        item: The image and its labels.
        expected: (1 + classes, SIDE, SIDE), from ``PixelModel.expected``.
        classes: Class ids, in their order.
    """
    smooth = ndimage.gaussian_filter(expected, (0, SMOOTHING, SMOOTHING))
    maps = np.concatenate([1 - smooth[:1], smooth[1:]])  # background, and each class
    winner = maps.argmax(axis=0)
    free = ndimage.maximum_filter(item.labels, 3) == 0
    open_ground = item.labels == 0
    labelled = []
    large = _large_objects(item)
    for number in large:
        value = item.classes[number - 1]
        if value in classes:
            row = 1 + list(classes).index(value)
            parts = _parts((item.labels == number) & (winner == row))
            if parts:
                largest = max(parts, key=np.count_nonzero)
                labelled.append(_properties(largest, maps[row], smooth[0], open_ground))
    unlabelled, boxes = [], []
    for row in range(1, len(maps)):
        for part in _parts(free & (winner == row)):
            unlabelled.append(_properties(part, maps[row], smooth[0], open_ground))
            boxes.append(_box(part, item))
    return Regions(_rows(labelled), _rows(unlabelled), tuple(boxes), len(large))


def _large_objects(item: Thumbnail) -> list[int]:
    """Labels of the objects that are no smaller than a region must be, at most so many."""
    areas = np.bincount(item.labels.ravel())
    areas[0] = 0
    chosen = np.argsort(-areas, kind="stable")[:MOST_REGIONS]
    return [int(number) for number in chosen if areas[number] >= LEAST_AREA]


def _parts(mask: Mask) -> list[Mask]:
    labels, count = ndimage.label(mask, structure=_EIGHT)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    return [labels == label for label in range(1, count + 1) if areas[label] >= LEAST_AREA]


def _properties(
    part: Mask, share: NDArray[np.float32], any_object: NDArray[np.float32], open_ground: Mask
) -> tuple[float, ...]:
    """Six of them, in the order of the six of ``Regions``.

    Log of the area; share of the class inside, what it is more than on the open ground around,
    share of any object, part of the box that is filled, and highest share of the class.
    """
    near = ndimage.binary_dilation(part, _EIGHT)
    around = ndimage.binary_dilation(near, _EIGHT) & ~near & open_ground
    inside = float(share[part].mean())
    outside = float(share[around].mean()) if around.any() else inside / 2
    vertical, horizontal = ndimage.find_objects(part.astype(np.int8))[0]
    height, width = vertical.stop - vertical.start, horizontal.stop - horizontal.start
    area = int(part.sum())
    return (
        float(np.log(area)),
        _SHARE_UNIT * inside,
        _SHARE_UNIT * (inside - outside),
        _SHARE_UNIT * float(any_object[part].mean()),
        _FILL_UNIT * area / (height * width),
        _SHARE_UNIT * float(share[part].max()),
    )


def _box(part: Mask, item: Thumbnail) -> PixelBox:
    """The region's box in pixels of the image."""
    vertical, horizontal = ndimage.find_objects(part.astype(np.int8))[0]
    height, width = item.size
    return (
        horizontal.start * width // SIDE,
        vertical.start * height // SIDE,
        -(-horizontal.stop * width // SIDE),
        -(-vertical.stop * height // SIDE),
    )


def _rows(properties: Sequence[tuple[float, ...]]) -> NDArray[np.float32]:
    return np.array(properties, dtype=np.float32).reshape(-1, 6)
