"""Solving at a reduced size and coming back: means of blocks, linear models of opacity."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from scipy import ndimage

from samdomains.plugin import Mask, Size

RADIUS = 2
"""Of the windows of a linear model, in reduced pixels: 5 x 5, enough to tell three slopes."""

SMOOTHNESS = 1e-5
"""Regularises the slopes of a linear model, as a variance of colours in [0, 1]."""

Floats = NDArray[np.float64]


def mean_of_blocks(array: NDArray[Any], step: int) -> Floats:
    """Means of square blocks, the last ones filled up with the nearest pixels.

    Args:
        array: (H, W) or (H, W, C).
        step: Side of a block in pixels.
    """
    height, width = array.shape[:2]
    rest = [(0, -height % step), (0, -width % step)] + [(0, 0)] * (array.ndim - 2)
    full = np.pad(array, rest, mode="edge")
    rows, columns = full.shape[0] // step, full.shape[1] // step
    means: Floats = full.reshape(rows, step, columns, step, *full.shape[2:]).mean(axis=(1, 3))
    return means


def enlarge(array: Floats, step: int, size: Size) -> Floats:
    """Bilinear, the inverse of :func:`mean_of_blocks`: (h, w) or (h, w, C) → ``size``."""
    if array.ndim == 3:
        return np.stack(
            [enlarge(array[..., i], step, size) for i in range(array.shape[2])], axis=-1
        )
    height, width = array.shape
    picture = PillowImage.fromarray(array.astype(np.float32))
    large = picture.resize((width * step, height * step), PillowImage.Resampling.BILINEAR)
    return np.asarray(large, dtype=np.float64)[: size[0], : size[1]]


def linear_model(image: Floats, alpha: Floats, unknown: Mask) -> tuple[Floats, Floats]:
    """Opacity as a linear function of the colours around each pixel of a band.

    The guided filter (He, Sun and Tang 2013, doi:10.1109/TPAMI.2012.213).

    Args:
        image: (h, w, 3), the guide.
        alpha: (h, w), to be explained.
        unknown: (h, w), the band.

    Returns:
        Slope, (h, w, 3), and offset, (h, w): ``alpha`` is about ``slope · image + offset``.
        Far from the band the slope is 0 and the offset ``alpha``.
    """
    slope, offset = np.zeros(image.shape), alpha.copy()
    near = ndimage.binary_dilation(unknown, np.ones((3, 3)), iterations=RADIUS)
    mean, mean_alpha = _windows(image), _windows(alpha)
    joint = _windows(image * alpha[..., None])[near] - (mean * mean_alpha[..., None])[near]
    spread = np.empty((len(joint), 3, 3))
    for i in range(3):
        for j in range(3):
            product = _windows(image[..., i] * image[..., j])
            spread[:, i, j] = (product - mean[..., i] * mean[..., j])[near]
    spread += SMOOTHNESS * np.eye(3)
    slope[near] = np.linalg.solve(spread, joint[..., None])[..., 0]
    offset[near] = mean_alpha[near] - (slope[near] * mean[near]).sum(axis=-1)
    return slope, offset


def _windows(array: Floats) -> Floats:
    """Means of windows, over the first two axes."""
    side = 2 * RADIUS + 1
    size = (side, side) + (1,) * (array.ndim - 2)
    means: Floats = ndimage.uniform_filter(array, size, mode="nearest")
    return means
