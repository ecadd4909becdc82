"""An image and its masks as the checks of contents see them: contrast, gradient and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.types import ObjectMask, RawImage, Size

LONGEST_SIDE = 1536
"""Pixels; larger images are reduced by a whole factor, which keeps the time for each in bounds."""

SMOOTHING = 1.0
"""Standard deviation in pixels before gradients: the least that quiets noise of single pixels."""

STRETCH = (1.0, 99.0)
"""Percentiles of all used channels that become 0 and 1."""

BEYOND = 0.2
"""What is darker or brighter than the percentiles still counts, by this much at most."""

STRONGEST = 0.995
"""Quantile of the gradient that stronger ones are cut to, so that a few edges do not outweigh."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """An image and its objects, reduced to at most ``LONGEST_SIDE``.

    Attributes:
        channels: (C, h, w) float32 with one to three channels, stretched to about [0, 1].
        gradient: (2, h, w) float32, at least 0: the root of the change from each pixel to the one
            to its right, and to the one below, in the channel that changes most.
        labels: (h, w), 0 for background, else 1 + the object's place in the case; where objects
            overlap, the smallest.
        classes: Class id of each object of the case.
        scale: Pixels of the image along one pixel of the look.
        size: (H, W) of the image.
    """

    channels: NDArray[np.float32]
    gradient: NDArray[np.float32]
    labels: NDArray[np.int32]
    classes: tuple[int, ...]
    scale: int
    size: Size


def take_look(pixels: RawImage, objects: Sequence[ObjectMask]) -> Look:
    """Prepare what the checks of contents need, once for all of them.

    Args:
        pixels: (C, H, W) as stored; NaN counts as the darkest value.
        objects: Of the image and of its size; crowd regions are left out.
    """
    size = (pixels.shape[-2], pixels.shape[-1])
    scale = max(1, -(-max(size) // LONGEST_SIDE))
    channels = stretched(_used_channels(pixels), scale)
    labels = label_map(objects, size)[scale // 2 :: scale, scale // 2 :: scale]
    return Look(
        channels=channels,
        gradient=_gradient(channels),
        labels=np.ascontiguousarray(labels[: channels.shape[1], : channels.shape[2]]),
        classes=tuple(item.class_id for item in objects),
        scale=scale,
        size=size,
    )


def label_map(objects: Sequence[ObjectMask], size: Size) -> NDArray[np.int32]:
    """(H, W): 1 + the place of the object that a pixel belongs to, the smallest of several."""
    labels = np.zeros(size, dtype=np.int32)
    for place, item in sorted(enumerate(objects), key=lambda pair: -pair[1].area):
        if not item.crowd:
            y, x = item.origin
            height, width = item.crop.shape
            labels[y : y + height, x : x + width][item.crop] = place + 1
    return labels


def stretched(channels: RawImage, scale: int) -> NDArray[np.float32]:
    """(C, h, w): means of squares of ``scale`` pixels, stretched between two percentiles.

    The channels are stretched together, so that a channel without contrast stays so.
    """
    values: NDArray[np.float32] = channels.astype(np.float32)
    finite = np.isfinite(values)
    if not finite.all():
        values[~finite] = values[finite].min(initial=np.inf) if finite.any() else 0.0
    if scale > 1:
        height, width = values.shape[1] // scale, values.shape[2] // scale
        squares = values[:, : height * scale, : width * scale]
        values = squares.reshape(len(values), height, scale, width, scale).mean(axis=(2, 4))
    low, high = np.percentile(values[:, ::2, ::2], STRETCH)
    if high <= low:  # a few bright targets on an even background
        low, high = values.min(), values.max()
    values = (values - np.float32(low)) / np.float32(max(high - low, 1e-6))
    return np.clip(values, -BEYOND, 1.0 + BEYOND)


def reduced(values: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """(side, side): means over the parts of an image, whatever its size and shape.

    Args:
        values: (H, W).
        side: Of the result, in pixels.
    """
    for axis in (0, 1):
        if values.shape[axis] < side:
            values = np.repeat(values, -(-side // values.shape[axis]), axis=axis)
        length = values.shape[axis]
        starts = np.arange(side) * length // side
        counts = np.diff(np.append(starts, length)).astype(np.float32)
        values = np.add.reduceat(values, starts, axis=axis)
        values /= counts[:, None] if axis == 0 else counts
    return values


def _used_channels(pixels: RawImage) -> RawImage:
    """The first three channels; one of them where they are all alike; never alpha."""
    used = pixels[:1] if len(pixels) in (1, 2) else pixels[:3]
    alike = len(used) == 3 and np.array_equal(used[0], used[1]) and np.array_equal(used[1], used[2])
    return used[:1] if alike else used


def _gradient(channels: NDArray[np.float32]) -> NDArray[np.float32]:
    smooth = ndimage.gaussian_filter(channels, (0, SMOOTHING, SMOOTHING), truncate=3.0)
    steps = np.zeros((2, *channels.shape[1:]), dtype=np.float32)
    steps[0, :, :-1] = np.abs(np.diff(smooth, axis=2)).max(axis=0)
    steps[1, :-1] = np.abs(np.diff(smooth, axis=1)).max(axis=0)
    strongest = np.quantile(steps[:, ::2, ::2], STRONGEST)
    root: NDArray[np.float32] = np.sqrt(np.minimum(steps, strongest))
    return root
