"""Where an object of one slice lies in the next: dense optical flow around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.registration import optical_flow_ilk
from skimage.transform import resize

from samdomains.prompts.boxes import window_of
from samdomains.types import Mask

REACH = 0.5
"""Surroundings that are looked at beside an object, as a share of its longer side."""

LEAST_REACH = 8
"""The same in pixels, at least."""

WORKING_SIDE = 96
"""Longest side in pixels that the flow is computed at; larger surroundings are scaled down."""

RADIUS = 3
"""Of the window in which the flow is even, in pixels of the working size."""


def moved(
    mask: Mask, before: NDArray[np.float32], after: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Move an object as the picture moves from one slice to the next.

    Flow by the iterative Lucas-Kanade method (Le Besnerais and Champagnat 2005,
    doi:10.1109/ICIP.2005.1529706), from scikit-image, on the object's surroundings alone.

    Args:
        mask: (H, W), the object in the slice before; not empty.
        before: (H, W), grey levels of that slice.
        after: (H, W), of the next one.

    Returns:
        (H, W), how far each pixel of the next slice belongs to the object, in [0, 1].
    """
    rows, columns = window_of(mask)
    longer = max(rows.stop - rows.start, columns.stop - columns.start)
    window = window_of(mask, margin=max(LEAST_REACH, round(REACH * longer)))
    result = np.zeros(mask.shape, dtype=np.float32)
    result[window] = _moved(mask[window], before[window], after[window])
    return result


def _moved(
    mask: Mask, before: NDArray[np.float32], after: NDArray[np.float32]
) -> NDArray[np.float32]:
    low, high = np.percentile(before, [1, 99])
    if high <= low:  # nothing to see that could move
        return mask.astype(np.float32)
    height, width = mask.shape
    scale = min(1.0, WORKING_SIDE / max(height, width))
    size = max(RADIUS, round(height * scale)), max(RADIUS, round(width * scale))
    first, second = (
        resize((image - low) / (high - low), size, anti_aliasing=scale < 1)
        for image in (after, before)
    )
    flow = optical_flow_ilk(first, second, radius=RADIUS, gaussian=True)
    down, right = (
        resize(part, (height, width)) * length / n
        for part, length, n in zip(flow, (height, width), size, strict=True)
    )
    y, x = np.mgrid[:height, :width]
    share = ndimage.map_coordinates(
        mask.astype(np.float32), [y + down, x + right], order=1, mode="nearest"
    )
    return np.asarray(share, dtype=np.float32)
