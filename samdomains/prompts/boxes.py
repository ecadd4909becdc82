"""Boxes: exact ones around a mask, and jittered ones as a hurried user would draw them."""

from __future__ import annotations

import numpy as np

from samdomains.types import Box, Mask, Size


def window_of(mask: Mask, margin: int = 0) -> tuple[slice, slice]:
    """Row and column slices of a mask's bounding box, widened by a margin inside the image.

    Args:
        mask: (H, W), not empty.
        margin: Pixels added at each side, as far as the image reaches.

    Raises:
        ValueError: The mask has no true pixel.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    if rows.size == 0:
        raise ValueError("a prompt needs an object, got a mask without a true pixel")
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    height, width = mask.shape
    return (
        slice(max(0, int(rows[0]) - margin), min(height, int(rows[-1]) + 1 + margin)),
        slice(max(0, int(columns[0]) - margin), min(width, int(columns[-1]) + 1 + margin)),
    )


def box_of(mask: Mask) -> Box:
    """The bounding box of a mask, (4,) as x0, y0, x1, y1 in pixels, x1 and y1 exclusive.

    Args:
        mask: (H, W), not empty.

    Raises:
        ValueError: The mask has no true pixel.

    Example:
        >>> box_of(np.array([[False, False, False], [False, True, True]])).tolist()
        [1.0, 1.0, 3.0, 2.0]
    """
    rows, columns = window_of(mask)
    return np.array([columns.start, rows.start, columns.stop, rows.stop], dtype=np.float32)


def jitter_box(
    box: Box, size: Size, rng: np.random.Generator, *, share: float, pixels: float
) -> Box:
    """Shift each side of a box at random, as in the training of SAM.

    A side moves by a normal deviate with a standard deviation of ``share`` of the box's length
    across it, at most ``pixels``. The result stays in the image and is at least a pixel wide.

    Args:
        box: (4,), x0, y0, x1, y1 in pixels.
        size: (H, W) of the image.
        rng: The only source of randomness.
        share: Standard deviation over the box's length; 0.1 in the SAM paper.
        pixels: Largest shift in pixels; 20 in the SAM paper.

    Reference:
        arXiv:2304.02643, appendix A, "Training algorithm".
    """
    x0, y0, x1, y1 = (float(edge) for edge in box)
    length = np.array([x1 - x0, y1 - y0, x1 - x0, y1 - y0])
    shift = np.clip(rng.normal(size=4) * share * length, -pixels, pixels)
    moved = np.array([x0, y0, x1, y1]) + shift
    height, width = size
    left, right = _inside(moved[0], moved[2], width)
    top, bottom = _inside(moved[1], moved[3], height)
    return np.array([left, top, right, bottom], dtype=np.float32)


def _inside(low: float, high: float, length: int) -> tuple[float, float]:
    """Clip an interval to [0, length]; one narrower than a pixel becomes the pixel it lies in."""
    low, high = float(np.clip(low, 0, length)), float(np.clip(high, 0, length))
    if high - low >= 1:
        return low, high
    pixel = min(int((low + high) / 2), length - 1)
    return float(pixel), float(pixel + 1)
