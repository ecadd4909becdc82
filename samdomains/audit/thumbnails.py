"""An image and its masks at a size at which thousands can be kept and compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samdomains.audit.looks import Look, reduced
from samdomains.types import Size

SIDE = 64
"""Side of a thumbnail in pixels: 33 kB for an image and its masks."""

MOST_OBJECTS = 65_535
"""Objects that are told apart; further ones count as the last of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Thumbnail:
    """An image and its masks at a size at which thousands can be kept.

    Attributes:
        channels: (3, SIDE, SIDE) uint8; a single channel is repeated.
        gradient: (SIDE, SIDE) uint8.
        inside: (SIDE, SIDE) uint8: 255 where all pixels belong to an object.
        border: (SIDE, SIDE) uint8: the share of pixels on a border.
        labels: (SIDE, SIDE) uint16, 0 for background, else 1 + the object's place in the case, at
            the middle of each pixel.
        classes: Class id of each object of the case.
        size: (H, W) of the image; only images of one size can have swapped masks.
    """

    channels: NDArray[np.uint8]
    gradient: NDArray[np.uint8]
    inside: NDArray[np.uint8]
    border: NDArray[np.uint8]
    labels: NDArray[np.uint16]
    classes: tuple[int, ...]
    size: Size


def make_thumbnail(look: Look) -> Thumbnail | None:
    """Reduce an image and its masks; None where there is no object.

    Args:
        look: The image and its masks.
    """
    inside = look.labels > 0
    if not inside.any():
        return None
    border = np.zeros(inside.shape, dtype=np.float32)
    border[:, :-1] = look.labels[:, :-1] != look.labels[:, 1:]
    border[:-1] = np.maximum(border[:-1], look.labels[:-1] != look.labels[1:])
    channels = np.stack([reduced(np.clip(channel, 0, 1), SIDE) for channel in look.channels])
    channels = channels[[0, 0, 0]] if len(channels) == 1 else channels
    gradient = look.gradient.max(axis=0)
    strongest = max(float(gradient.max()), 1e-6)
    return Thumbnail(
        channels=_in_bytes(channels),
        gradient=_in_bytes(reduced(gradient / strongest, SIDE)),
        inside=_in_bytes(reduced(inside.astype(np.float32), SIDE)),
        border=_in_bytes(reduced(border, SIDE)),
        labels=np.minimum(_middles(look.labels), MOST_OBJECTS).astype(np.uint16),
        classes=look.classes[:MOST_OBJECTS],
        size=look.size,
    )


def _middles(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """(SIDE, SIDE): the labels in the middle of each pixel of the thumbnail."""
    rows, columns = ((2 * np.arange(SIDE) + 1) * length // (2 * SIDE) for length in labels.shape)
    middles: NDArray[np.int32] = labels[rows[:, None], columns]
    return middles


def _in_bytes(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.round(values * 255).astype(np.uint8)
