"""Whether an object goes on in the next slice, or what was found there is something else."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.prompts.boxes import window_of
from samdomains.types import Mask

LEAST_CONTRAST = 0.01
"""Difference of grey levels, in [0, 1], below which an object has no contrast to compare."""


class Evidence(NamedTuple):
    """What speaks for and against an object in a slice, beside a slice that is known to show it.

    Attributes:
        predicted: IoU that the model predicts, over that in the known slice.
        agreement: IoU of the answers to two ways of asking.
        appearance: Mean log-likelihood ratio of the object's pixels: its own grey levels against
            those around it.
        contrast: Difference of mean grey levels inside and around, over that in the known slice;
            1 where there was none.
        overlap: IoU with the object in the slice before, moved as the picture moves.
        size: Area over that in the slice before, as a logarithm.
    """

    predicted: float
    agreement: float
    appearance: float
    contrast: float
    overlap: float
    size: float


class Weights(NamedTuple):
    """A logistic regression on ``Evidence``: its weights, in the same order, and its offset."""

    predicted: float
    agreement: float
    appearance: float
    contrast: float
    overlap: float
    size: float
    offset: float


WEIGHTS = Weights(1.0, 1.0, 1.0, 1.0, 1.0, 0.0, -1.0)
"""Log-odds that an object goes on."""


def goes_on(evidence: Evidence) -> float:
    """Probability in [0, 1] that a slice shows the object."""
    *weights, offset = WEIGHTS
    odds = offset + sum(w * e for w, e in zip(weights, _bounded(evidence), strict=True))
    return float(1 / (1 + np.exp(-np.clip(odds, -50, 50))))


def _bounded(evidence: Evidence) -> Evidence:
    """Extremes count no more than what is clear already."""
    return Evidence(
        predicted=float(np.clip(evidence.predicted, 0, 1.5)),
        agreement=evidence.agreement,
        appearance=float(np.clip(evidence.appearance, -3, 3)),
        contrast=float(np.clip(evidence.contrast, -1, 1.5)),
        overlap=evidence.overlap,
        size=float(np.clip(abs(evidence.size), 0, 2)),
    )


def contrast(grey: NDArray[np.float32], mask: Mask) -> float:
    """Mean grey level of an object less that of the pixels around it.

    Args:
        grey: (H, W) in [0, 1].
        mask: (H, W), not empty.
    """
    width = max(2, round(0.2 * float(np.sqrt(np.count_nonzero(mask)))))
    window = window_of(mask, margin=width)
    inside, part = mask[window], grey[window]
    around = (ndimage.maximum_filter(inside.astype(np.uint8), 2 * width + 1) > 0) & ~inside
    return float(part[inside].mean() - part[around].mean()) if around.any() else 0.0


def relative(value: float, known: float) -> float:
    """A contrast over a known one; 1 where that is none."""
    return value / known if abs(known) >= LEAST_CONTRAST else 1.0


def iou(a: Mask, b: Mask) -> float:
    """Intersection over union of two masks of one size; 1 for two empty ones."""
    union = int(np.count_nonzero(a | b))
    return int(np.count_nonzero(a & b)) / union if union else 1.0
