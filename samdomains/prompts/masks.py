"""Coarse masks: an object as an earlier model, a brush or a thumbnail would give it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from samdomains.prompts.boxes import window_of
from samdomains.types import Mask

ROUGHNESS = 0.15
"""Largest error of a coarse mask's border, over the square root of the object's area."""


def coarse_mask(mask: Mask, rng: np.random.Generator) -> Mask:
    """Spoil a mask at random: eroded, dilated, shifted, or drawn on a coarser grid.

    Where that would leave nothing (a thin object eroded), the mask itself is given.

    Args:
        mask: (H, W), not empty.
        rng: The only source of randomness.

    Returns:
        (H, W), not empty.

    Raises:
        ValueError: The mask has no true pixel.
    """
    largest = max(1, round(ROUGHNESS * float(np.sqrt(np.count_nonzero(mask)))))
    radius = int(rng.integers(1, largest + 1))
    rows, columns = window_of(mask, margin=2 * radius + 1)
    crop = mask[rows, columns]
    spoil = (_erode, _dilate, _shift, _coarsen)[int(rng.integers(4))]
    spoilt = spoil(crop, radius, rng)
    result = np.zeros_like(mask)
    result[rows, columns] = spoilt if spoilt.any() else crop
    return result


def _erode(crop: Mask, radius: int, _: np.random.Generator) -> Mask:
    low = ndimage.minimum_filter(crop.astype(np.uint8), 2 * radius + 1, mode="nearest")
    return np.asarray(low, dtype=bool)


def _dilate(crop: Mask, radius: int, _: np.random.Generator) -> Mask:
    high = ndimage.maximum_filter(crop.astype(np.uint8), 2 * radius + 1, mode="nearest")
    return np.asarray(high, dtype=bool)


def _shift(crop: Mask, radius: int, rng: np.random.Generator) -> Mask:
    """Move by up to ``radius`` pixels along each axis; what leaves the crop is lost."""
    height, width = crop.shape
    dy, dx = (int(step) for step in rng.integers(-radius, radius + 1, 2))
    moved = np.zeros_like(crop)
    source = crop[max(0, -dy) : height - max(0, dy), max(0, -dx) : width - max(0, dx)]
    moved[max(0, dy) : height + min(0, dy), max(0, dx) : width + min(0, dx)] = source
    return moved


def _coarsen(crop: Mask, radius: int, _: np.random.Generator) -> Mask:
    """Draw on cells of ``2 * radius`` pixels; a cell is true where the object covers half of it."""
    cell = 2 * radius
    height, width = crop.shape
    padded = np.pad(crop, ((0, -height % cell), (0, -width % cell)))
    cells = padded.reshape(padded.shape[0] // cell, cell, padded.shape[1] // cell, cell)
    covered = cells.mean(axis=(1, 3)) >= 0.5
    return np.asarray(covered.repeat(cell, axis=0).repeat(cell, axis=1)[:height, :width])
