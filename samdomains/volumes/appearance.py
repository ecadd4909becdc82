"""What an object looks like beside what is around it: histograms of grey levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.prompts.boxes import window_of
from samdomains.types import Mask

BINS = 64
"""Grey levels that are told apart."""

BLUR = 1.5
"""Standard deviation in bins that a histogram of few pixels is smoothed with."""

FLOOR = 0.005
"""Probability that every bin has at least, so that a new grey level proves nothing."""

MOST = 3.0
"""Largest evidence of one pixel, as a log-likelihood ratio."""

RING = 0.3
"""Width of what counts as around an object, as a share of the square root of its area."""

LEAST_RING = 3
"""The same in pixels, at least."""


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """Grey levels of an object and of what is around it.

    Attributes:
        inside: (BINS,) shares of the object's pixels.
        around: (BINS,) shares of the pixels around it.
    """

    inside: NDArray[np.float64]
    around: NDArray[np.float64]

    @classmethod
    def of(cls, grey: NDArray[np.float32], mask: Mask) -> Appearance:
        """What a slice shows of an object.

        Args:
            grey: (H, W) in [0, 1].
            mask: (H, W), not empty.
        """
        width = max(LEAST_RING, round(RING * float(np.sqrt(np.count_nonzero(mask)))))
        window = window_of(mask, margin=width)
        near = ndimage.maximum_filter(mask[window].astype(np.uint8), 2 * width + 1) > 0
        levels = _levels(grey[window])
        return cls(_shares(levels[mask[window]]), _shares(levels[near & ~mask[window]]))

    @classmethod
    def mean(cls, parts: Sequence[Appearance]) -> Appearance:
        """All of them, each with the same weight."""
        return cls(
            np.mean([part.inside for part in parts], axis=0),
            np.mean([part.around for part in parts], axis=0),
        )

    def evidence(self, grey: NDArray[np.float32]) -> NDArray[np.float32]:
        """(H, W): for each pixel of (H, W) the log-likelihood ratio of inside to around."""
        inside, around = (_smooth(shares) for shares in (self.inside, self.around))
        table = np.clip(np.log(inside / around), -MOST, MOST).astype(np.float32)
        return np.asarray(table[_levels(grey)])


def _levels(grey: NDArray[np.float32]) -> NDArray[np.intp]:
    return np.clip((grey * BINS).astype(np.intp), 0, BINS - 1)


def _shares(levels: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.bincount(levels, minlength=BINS) / max(1, levels.size)


def _smooth(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = ndimage.gaussian_filter1d(shares, BLUR)
    return np.asarray((spread + FLOOR) / (spread.sum() + FLOOR * BINS))
