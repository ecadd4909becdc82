"""What an object looks like beside what is around it: histograms of grey levels or colours."""

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

EVEN = 0.32
"""Weight of an even histogram beside one of grey levels, so that a new level proves nothing."""

SHADES = 16
"""Levels of each of three channels that are told apart in a joint histogram of colours."""

SHADE_BLUR = 0.8
"""As ``BLUR``, for colours."""

EVEN_COLOUR = 0.05
"""As ``EVEN``, for colours: they tell things apart better, so a new one is doubtful."""

MOST = 3.0
"""Largest evidence of one pixel, as a log-likelihood ratio."""

RING = 0.3
"""Width of what counts as around an object, as a share of the square root of its area."""

LEAST_RING = 3
"""The same in pixels, at least."""


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """Grey levels or colours of an object and of what is around it.

    Attributes:
        inside: (BINS,) shares of the object's pixels, or (SHADES, SHADES, SHADES) of colours.
        around: The same of the pixels around it.
    """

    inside: NDArray[np.float64]
    around: NDArray[np.float64]

    @classmethod
    def of(cls, pixels: NDArray[np.float32], mask: Mask) -> Appearance:
        """What a slice shows of an object.

        Args:
            pixels: (H, W) grey levels in [0, 1], or (3, H, W) colours.
            mask: (H, W), not empty.
        """
        width = max(LEAST_RING, round(RING * float(np.sqrt(np.count_nonzero(mask)))))
        window = window_of(mask, margin=width)
        near = ndimage.maximum_filter(mask[window].astype(np.uint8), 2 * width + 1) > 0
        part = pixels[(..., *window)]
        levels, shape = _levels(part), _shape(part)
        inside, around = levels[mask[window]], levels[near & ~mask[window]]
        return cls(_shares(inside, shape), _shares(around, shape))

    @classmethod
    def mean(cls, parts: Sequence[Appearance]) -> Appearance:
        """All of them, each with the same weight."""
        return cls(
            np.mean([part.inside for part in parts], axis=0),
            np.mean([part.around for part in parts], axis=0),
        )

    def evidence(self, pixels: NDArray[np.float32], novel: float = 0.0) -> NDArray[np.float32]:
        """(H, W): for each pixel the log-likelihood ratio of inside to around.

        Args:
            pixels: (H, W), or (3, H, W), as the appearance was made of.
            novel: Share of what is around that may look like anything, such as something that
                passes in front of the object.
        """
        inside, around = _smooth(self.inside), _smooth(self.around)
        around = (1 - novel) * around + novel / around.size
        table = np.clip(np.log(inside / around), -MOST, MOST).astype(np.float32)
        return np.asarray(table.ravel()[_levels(pixels)])

    def likeness(self, other: Appearance) -> float:
        """How alike two objects look, in [0, 1], whatever is around them.

        The coefficient of Bhattacharyya (1943) of their histograms, as in the tracking of
        Comaniciu et al. (2003, doi:10.1109/TPAMI.2003.1195991).
        """
        return float(np.sqrt(_smooth(self.inside) * _smooth(other.inside)).sum())


def _shape(pixels: NDArray[np.float32]) -> tuple[int, ...]:
    """Of the histogram: of grey levels, or of colours."""
    return (BINS,) if pixels.ndim == 2 else (SHADES,) * 3


def _levels(pixels: NDArray[np.float32]) -> NDArray[np.intp]:
    """(H, W): the place of each pixel in the flattened histogram."""
    shape = _shape(pixels)
    levels = np.clip((pixels * shape[0]).astype(np.intp), 0, shape[0] - 1)
    if pixels.ndim == 2:
        return levels
    return np.asarray((levels[0] * SHADES + levels[1]) * SHADES + levels[2])


def _shares(levels: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.float64]:
    counts = np.bincount(levels, minlength=int(np.prod(shape)))
    return np.asarray(counts.reshape(shape) / max(1, levels.size))


def _smooth(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    blur, even = (BLUR, EVEN) if shares.ndim == 1 else (SHADE_BLUR, EVEN_COLOUR)
    spread = ndimage.gaussian_filter(shares, blur)
    return np.asarray((spread + even / spread.size) / (spread.sum() + even))
