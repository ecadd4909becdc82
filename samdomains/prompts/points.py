"""Points: at random on or near an object, and the one in its middle."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from samdomains.prompts.boxes import window_of
from samdomains.types import Mask, Points

BACKGROUND_MARGIN = 0.2
"""How far from an object's box a background point may lie, as a share of the box's longer side."""


def random_point(mask: Mask, rng: np.random.Generator) -> Points:
    """A pixel of the object, uniformly at random: (2,) as (x, y).

    Args:
        mask: (H, W), not empty.
        rng: The only source of randomness.

    Raises:
        ValueError: The mask has no true pixel.
    """
    rows, columns = window_of(mask)
    return _random_pixel(mask[rows, columns], rows.start, columns.start, rng)


def background_point(mask: Mask, rng: np.random.Generator) -> Points | None:
    """A background pixel in or near the object's box, uniformly at random: (2,) as (x, y).

    Args:
        mask: (H, W), not empty.
        rng: The only source of randomness.

    Returns:
        None where the object fills its surroundings.

    Raises:
        ValueError: The mask has no true pixel.
    """
    rows, columns = window_of(mask)
    longer = max(rows.stop - rows.start, columns.stop - columns.start)
    rows, columns = window_of(mask, margin=max(2, round(BACKGROUND_MARGIN * longer)))
    background = ~mask[rows, columns]
    if not background.any():
        return None
    return _random_pixel(background, rows.start, columns.start, rng)


def interior_point(mask: Mask) -> Points:
    """The pixel of the object that is farthest from its border: (2,) as (x, y).

    The border of the image counts as a border of the object. Of several such pixels it is the
    first, row by row.

    Args:
        mask: (H, W), not empty.

    Raises:
        ValueError: The mask has no true pixel.

    Example:
        >>> interior_point(np.ones((3, 5), dtype=bool)).tolist()
        [1.0, 1.0]
    """
    rows, columns = window_of(mask)
    distance = ndimage.distance_transform_edt(np.pad(mask[rows, columns], 1))
    y, x = np.unravel_index(int(distance.argmax()), distance.shape)
    return np.array([columns.start + x - 1, rows.start + y - 1], dtype=np.float32)


def _random_pixel(crop: Mask, y: int, x: int, rng: np.random.Generator) -> Points:
    """A true pixel of ``crop``, whose first pixel is at (x, y)."""
    inside = np.flatnonzero(crop)
    row, column = divmod(int(inside[rng.integers(inside.size)]), crop.shape[1])
    return np.array([x + column, y + row], dtype=np.float32)
