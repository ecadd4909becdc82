"""How well the outline of one object of an image is met, in pixels.

Three measures, since each says something else: the boundary F-measure of DAVIS, whose tolerance
grows with the image; the normalised surface distance, whose tolerance is given in pixels; and the
95 percent Hausdorff distance, which tells how far off the worst parts are. All are computed in the
window that holds answer and object, and come to what the full-size masks would.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from samdomains.evaluation.surface import distances_to, surface_distances
from samdomains.types import Mask, ObjectMask, Prediction

TOLERANCE = 0.008
"""Distance within which contours agree, as a share of the image's diagonal: the value of DAVIS."""


class BoundaryScore(NamedTuple):
    """How well an object's outline was met; all NaN where the object is absent.

    Attributes:
        boundary_f: Boundary F-measure, in [0, 1]; 0 for an empty answer.
        nsd: Normalised surface distance, in [0, 1]; 0 for an empty answer.
        hd95_px: 95 percent Hausdorff distance in pixels; NaN for an empty answer, which is at none.
    """

    boundary_f: float
    nsd: float
    hd95_px: float


def object_boundaries(
    prediction: Prediction, truth: ObjectMask, *, tolerance_px: float
) -> BoundaryScore:
    """Compare the outline of an answer with that of an object.

    For the boundary F-measure an object that the image's border cuts has no contour there, as in
    DAVIS; for the other two what lies outside the image is background, as in volumes.

    Args:
        prediction: The answer, with its window of the image.
        truth: The annotated object of the same image.
        tolerance_px: Deviation that counts as correct in ``nsd``, in pixels.

    Raises:
        ValueError: They belong to images of different size, or the tolerance is no positive number.

    Reference:
        Boundary F: Perazzi et al. 2016, doi:10.1109/CVPR.2016.85. Normalised surface distance:
        Nikolov et al. 2021, doi:10.2196/26151. What they mean: Maier-Hein et al. 2024,
        doi:10.1038/s41592-023-02151-z.
    """
    if prediction.image_size != truth.image_size:
        raise ValueError(
            f"masks must be of one image size, got {prediction.image_size} and {truth.image_size}"
        )
    if not (math.isfinite(tolerance_px) and tolerance_px > 0):
        raise ValueError(f"a tolerance is a positive number of pixels, got {tolerance_px}")
    if truth.area == 0:
        return BoundaryScore(math.nan, math.nan, math.nan)
    if not (prediction.logits > 0).any():
        return BoundaryScore(0.0, 0.0, math.nan)
    pair = _side_by_side(ObjectMask.from_prediction(prediction), truth)
    found = surface_distances(*pair, spacing=(1.0, 1.0), tolerance=tolerance_px)
    return BoundaryScore(_f_measure(*pair, _reach(truth.image_size)), found.nsd, found.hd95)


def boundary_measure(answer: Mask, truth: Mask, tolerance: float = TOLERANCE) -> float:
    """F: the harmonic mean of the precision and the recall of the contour's pixels.

    A pixel of one contour is found where the other passes within the tolerance.

    Args:
        answer: (H, W).
        truth: (H, W).
        tolerance: As a share of the image's diagonal; rounded up to whole pixels.

    Returns:
        In [0, 1]; NaN where the truth is empty, 0 where only the answer is.

    Raises:
        ValueError: The masks differ in size.

    Example:
        >>> mask = np.zeros((40, 40), dtype=bool)
        >>> mask[10:30, 10:30] = True
        >>> boundary_measure(np.roll(mask, 1, axis=1), mask), boundary_measure(~mask & False, mask)
        (1.0, 0.0)

    Reference:
        Perazzi et al. 2016, doi:10.1109/CVPR.2016.85.
    """
    if answer.shape != truth.shape:
        raise ValueError(f"masks must be of one size, got {answer.shape} and {truth.shape}")
    if not truth.any():
        return math.nan
    if not answer.any():  # a truth that fills the image has no contour to be missed
        return 0.0
    return _f_measure(answer, truth, _reach(truth.shape, tolerance))


def contour(mask: Mask) -> Mask:
    """(H, W), true at pixels that differ from the one to the right, below, or both.

    Where the image's border cuts an object there is no contour.

    Example:
        >>> contour(np.array([[0, 1, 1], [0, 1, 1], [0, 0, 0]], dtype=bool)).astype(int).tolist()
        [[1, 0, 0], [1, 1, 1], [0, 0, 0]]
    """
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    right, below, both = padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    differs: Mask = (mask != right) | (mask != below) | (mask != both)
    return differs


def _reach(image_size: tuple[int, ...], tolerance: float = TOLERANCE) -> int:
    """The tolerance in whole pixels of an image."""
    return math.ceil(tolerance * math.hypot(*image_size))


def _f_measure(answer: Mask, truth: Mask, reach: int) -> float:
    answered, true = np.argwhere(contour(answer)), np.argwhere(contour(truth))
    precision, recall = _near(answered, true, reach), _near(true, answered, reach)
    return 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)


def _near(pixels: NDArray[np.intp], others: NDArray[np.intp], reach: int) -> float:
    """Share of pixels that have one of the others within ``reach``; 1 where there is no pixel."""
    if len(pixels) == 0:
        return 1.0
    if len(others) == 0:
        return 0.0
    return float(np.mean(distances_to(pixels, others) <= reach))


def _side_by_side(one: ObjectMask, other: ObjectMask) -> tuple[Mask, Mask]:
    """Both in the window that holds them and a pixel around, where the image has one.

    That pixel is background: it tells the contour that an object ends before the image does.
    """
    parts = [(item, *item.origin, *item.crop.shape) for item in (one, other)]
    top = max(min(y for _, y, _, _, _ in parts) - 1, 0)
    left = max(min(x for _, _, x, _, _ in parts) - 1, 0)
    bottom = min(max(y + height for _, y, _, height, _ in parts) + 1, one.image_size[0])
    right = min(max(x + width for _, _, x, _, width in parts) + 1, one.image_size[1])
    placed = []
    for item, y, x, height, width in parts:
        mask = np.zeros((bottom - top, right - left), dtype=bool)
        mask[y - top : y - top + height, x - left : x - left + width] = item.crop
        placed.append(mask)
    return placed[0], placed[1]
