"""Frames as pictures: 8-bit RGB, the objects in colours over them, and label images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.plugin import ObjectMask, RawImage, Size

Picture = NDArray[np.uint8]
"""(H, W, 3), RGB."""

COLOURS = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (240, 228, 66),
    (204, 121, 167),
    (213, 94, 0),
    (0, 114, 178),
)
"""Of objects 1, 2, ..., then from the first again: the palette of Okabe and Ito
(https://jfly.uni-koeln.de/color/), which people of all kinds of colour vision can tell apart."""

FILL = 0.4
"""Weight of an object's colour over the frame; its contour is solid."""

CONTOUR = 1 / 240
"""Width of a contour as a share of the shorter side; at least a pixel."""


def colour_of(value: int) -> tuple[int, int, int]:
    """The colour of an object, by its value in the masks, from 1."""
    return COLOURS[(value - 1) % len(COLOURS)]


def save_labels(path: Path, labels: NDArray[np.uint8]) -> None:
    """Write a label image, (H, W), as a palette PNG: the values as they are, 0 shown as black."""
    from PIL import Image as PillowImage

    image = PillowImage.fromarray(labels)
    image.putpalette([0, 0, 0, *(part for value in range(1, 256) for part in colour_of(value))])
    image.save(path)


@dataclass(frozen=True, slots=True)
class Depth8:
    """Brings frames of any type to 8 bits, all of a clip alike.

    Attributes:
        low: What becomes 0.
        high: What becomes 255.
    """

    low: float
    high: float

    @classmethod
    def of(cls, first: RawImage) -> Depth8:
        """8 bits stay as they are; others are stretched between the ends of the first frame."""
        if first.dtype == np.uint8:
            return cls(0.0, 255.0)
        return cls(float(first.min()), max(float(first.max()), float(first.min()) + 1e-6))

    def picture(self, pixels: RawImage) -> Picture:
        """The first three channels of (C, H, W), or the first one three times, in a new array."""
        shown = pixels[:3] if len(pixels) >= 3 else pixels[[0, 0, 0]]
        if shown.dtype != np.uint8:
            share = (shown.astype(np.float64) - self.low) / (self.high - self.low)
            shown = np.clip(np.rint(255 * share), 0, 255).astype(np.uint8)
        return np.array(shown.transpose(1, 2, 0), order="C")


def overlay(picture: Picture, objects: Sequence[tuple[int, ObjectMask]]) -> Picture:
    """Fill objects with their colours and draw their contours, in place.

    Args:
        picture: The frame.
        objects: With their values, those that lie over others last.

    Returns:
        ``picture``.
    """
    width = max(1, round(CONTOUR * min(picture.shape[:2])))
    for value, item in objects:
        (y, x), (rows, columns) = item.origin, item.crop.shape
        ground = picture[y : y + rows, x : x + columns]
        colour = np.array(colour_of(value), dtype=np.float32)
        filled = (1 - FILL) * ground[item.crop] + FILL * colour
        ground[item.crop] = np.rint(filled).astype(np.uint8)
        inner = ndimage.binary_erosion(np.pad(item.crop, 1), iterations=width)[1:-1, 1:-1]
        ground[item.crop & ~inner] = colour_of(value)
    return picture


def label_image(size: Size, objects: Sequence[tuple[int, ObjectMask]]) -> NDArray[np.uint8]:
    """(H, W): the value of the object at each pixel, 0 where there is none.

    Args:
        size: (H, W) of the frame.
        objects: With their values, those that lie over others last.
    """
    labels = np.zeros(size, dtype=np.uint8)
    for value, item in objects:
        (y, x), (rows, columns) = item.origin, item.crop.shape
        labels[y : y + rows, x : x + columns][item.crop] = value
    return labels


def by_frame(
    objects: Sequence[ObjectMask], values: Sequence[int]
) -> dict[int, list[tuple[int, ObjectMask]]]:
    """Number of a frame → its objects with their values, the largest over all frames first."""
    sizes: dict[int, int] = {}
    for value, item in zip(values, objects, strict=True):
        sizes[value] = sizes.get(value, 0) + item.area
    frames: dict[int, list[tuple[int, ObjectMask]]] = {}
    for value, item in sorted(zip(values, objects, strict=True), key=lambda pair: -sizes[pair[0]]):
        frames.setdefault(item.slice_index or 0, []).append((value, item))
    return frames
