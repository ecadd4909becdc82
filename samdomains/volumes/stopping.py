"""Whether an object goes on in the next slice, or what was found there is something else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.special import expit

from samdomains.prompts.boxes import window_of
from samdomains.types import Mask

LEAST_CONTRAST = 0.01
"""Difference of grey levels, in [0, 1], below which an object has no contrast to compare."""


class Evidence(NamedTuple):
    """What speaks for an object in a slice, beside slices that are known to show it.

    Attributes:
        predicted: IoU that the model predicts, over that in the known slices.
        appearance: Mean log-likelihood ratio of the object's pixels: grey levels of the known
            object against those around it.
        contrast: Difference of mean grey levels inside and around, over that in the known slices;
            1 where there is none.
        overlap: IoU with the object in the slice before, moved as the picture moves.
    """

    predicted: float
    appearance: float
    contrast: float
    overlap: float


WEIGHTS = Evidence(predicted=1.3, appearance=1.5, contrast=0.9, overlap=0.4)
"""Of a logistic regression that tells steps to the same object from steps beyond its end, on
structures of CT and MRI and on nuclei in a stack (benchmarks/propagation.md)."""

OFFSET = -2.1
"""Log-odds without any evidence."""

BOUNDS = ((0.0, 1.5), (-3.0, 3.0), (-1.0, 1.5), (0.0, 1.0))
"""Evidence beyond these counts no more: it is clear already."""

FELL = 0.9
"""Share of its value at the prompt to which contrast must have fallen to make a dip."""


def goes_on(evidence: Evidence) -> float:
    """Probability in [0, 1] that a slice shows the object."""
    bounded = np.array(
        [np.clip(value, *bound) for value, bound in zip(evidence, BOUNDS, strict=True)]
    )
    return float(expit(OFFSET + bounded @ np.array(WEIGHTS)))


def before_dip(contrasts: Sequence[float], rise: float) -> int:
    """How many of the slices so far belong to an object, where others may lie right behind it.

    Between two blobs contrast falls and rises again. The first one ends where it is lowest.

    Args:
        contrasts: Of the slices from the prompt on, over that at the prompt.
        rise: By how much it must have risen again.

    Returns:
        Their number where there is no such dip.

    Example:
        >>> before_dip([1.0, 0.9, 0.5, 0.8], rise=0.1)
        2
    """
    lowest, place = 1.0, 0
    for index, value in enumerate(contrasts):
        if value < lowest:
            lowest, place = value, index
        if lowest < FELL and value > lowest + rise:
            return place
    return len(contrasts)


def contrast(pixels: NDArray[np.float32], mask: Mask) -> NDArray[np.float64]:
    """Mean grey level of an object less that of the pixels around it.

    Args:
        pixels: (H, W) in [0, 1], or (3, H, W) with colours.
        mask: (H, W), not empty.

    Returns:
        A number, or (3,).
    """
    width = max(2, round(0.2 * float(np.sqrt(np.count_nonzero(mask)))))
    window = window_of(mask, margin=width)
    inside, part = mask[window], pixels[(..., *window)]
    around = (ndimage.maximum_filter(inside.astype(np.uint8), 2 * width + 1) > 0) & ~inside
    if not around.any():
        return np.zeros(pixels.shape[:-2])
    return np.asarray(part[..., inside].mean(axis=-1) - part[..., around].mean(axis=-1), float)


def relative(value: ArrayLike, known: ArrayLike) -> float:
    """A contrast over a known one, along its direction of colours; 1 where that is none."""
    now, before = np.asarray(value, dtype=float), np.asarray(known, dtype=float)
    size = float(np.vdot(before, before))
    return float(np.vdot(now, before)) / size if size >= LEAST_CONTRAST**2 else 1.0


def iou(a: Mask, b: Mask) -> float:
    """Intersection over union of two masks of one size; 1 for two empty ones."""
    union = int(np.count_nonzero(a | b))
    return int(np.count_nonzero(a & b)) / union if union else 1.0
