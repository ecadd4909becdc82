"""Stored pixels to the (3, H, W) float32 image in [0, 1] that SAM expects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samdomains.errors import RecipeError, SamDomainsError
from samdomains.recipe import IntensityRecipe
from samdomains.types import CaseStatistics, Image, Normalizer, RawImage


@dataclass(frozen=True, slots=True)
class PercentileStretch:
    """Stretch between two percentiles of the whole case.

    Where both percentiles are the same intensity (a few bright targets on an even background), the
    case's extremes take their place, so that the targets stay visible.

    Attributes:
        lower: Percentile (0 to 100) that becomes 0.
        upper: Percentile (0 to 100) that becomes 1.
        per_channel: Stretch each channel by itself; otherwise the used channels are pooled, which
            keeps the ratio between colours.
        channels: Which stored channels make red, green and blue; see ``IntensityRecipe.channels``.
    """

    lower: float
    upper: float
    per_channel: bool = False
    channels: tuple[int, ...] | None = None

    def __call__(self, pixels: RawImage, statistics: CaseStatistics) -> Image:
        """(C, H, W) of any real dtype → (3, H, W) float32 in [0, 1].

        Raises:
            RecipeError: ``channels`` is needed, or names a channel that the image lacks.
            SamDomainsError: The image holds NaN or infinite values.
        """
        chosen = _choose_channels(len(pixels), self.channels)
        quantiles = statistics.quantiles[list(dict.fromkeys(chosen))]
        if not self.per_channel:
            quantiles = quantiles.reshape(1, -1)
        low, high = np.percentile(quantiles, [self.lower, self.upper], axis=1)
        darkest, brightest = quantiles.min(axis=1), quantiles.max(axis=1)
        # Interpolation leaves rounding errors, so equal percentiles may differ by a hair.
        flat = high - low <= 1e-9 * (brightest - darkest)
        low, high = np.where(flat, darkest, low), np.where(flat, brightest, high)
        return _stretch(pixels, chosen, low, high)


@dataclass(frozen=True, slots=True)
class FixedRange:
    """Divide between two fixed intensities: a CT window, 0 to 255 for photos.

    Attributes:
        lower: Intensity that becomes 0, in the unit of the stored pixels.
        upper: Intensity that becomes 1.
        channels: Which stored channels make red, green and blue; see ``IntensityRecipe.channels``.

    Example:
        >>> statistics = CaseStatistics("int16", np.zeros((1, 1001)), np.zeros(1), np.zeros(1))
        >>> window = FixedRange(-160.0, 240.0)  # soft tissue, in Hounsfield units
        >>> window(np.array([[[-1000, 40, 3000]]]), statistics)[0].tolist()
        [[0.0, 0.5, 1.0]]
    """

    lower: float
    upper: float
    channels: tuple[int, ...] | None = None

    def __call__(self, pixels: RawImage, statistics: CaseStatistics) -> Image:  # noqa: ARG002 (the protocol)
        """(C, H, W) of any real dtype → (3, H, W) float32 in [0, 1].

        Raises:
            RecipeError: ``channels`` is needed, or names a channel that the image lacks.
            SamDomainsError: The image holds NaN or infinite values.
        """
        chosen = _choose_channels(len(pixels), self.channels)
        return _stretch(pixels, chosen, np.array([self.lower]), np.array([self.upper]))


def make_normalizer(recipe: IntensityRecipe) -> Normalizer:
    """The normalizer that a recipe describes."""
    if recipe.method == "range":
        return FixedRange(recipe.lower, recipe.upper, recipe.channels)
    return PercentileStretch(recipe.lower, recipe.upper, recipe.per_channel, recipe.channels)


def _choose_channels(count: int, channels: tuple[int, ...] | None) -> tuple[int, int, int]:
    """Indices of the channels that become red, green and blue."""
    if channels is None:
        if count == 2:
            raise RecipeError(
                "an image with 2 channels could be shown in several ways; set intensity.channels, "
                "for example --set intensity.channels=[0] or --set intensity.channels=[0,1,1]"
            )
        return (0, 0, 0) if count == 1 else (0, 1, 2)
    missing = [index for index in channels if not 0 <= index < count]
    if missing:
        raise RecipeError(
            f"intensity.channels names channel {missing[0]}, but the image has {count}; "
            f"allowed: 0 to {count - 1}"
        )
    red, green, blue = channels * 3 if len(channels) == 1 else channels
    return red, green, blue


def _stretch(
    pixels: RawImage,
    chosen: tuple[int, int, int],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> Image:
    """Map low → 0 and high → 1, clipped; a range without width (a constant image) gives 0.

    ``low`` and ``high`` are (1,), or (K,) for the K different channels in ``chosen``.
    """
    used = list(dict.fromkeys(chosen))
    # float32 holds 16-bit integers exactly; wider types need float64 until they are scaled.
    values = pixels[used].astype(np.result_type(pixels.dtype, np.float32))
    if not np.isfinite(values).all():
        raise SamDomainsError(
            "the image holds NaN or infinite values, which cannot be normalised. "
            "Replace them (no-data pixels, for instance, by the background's value)"
        )
    bottom = low.astype(values.dtype)[:, None, None]
    top = high.astype(values.dtype)[:, None, None]
    np.clip(values, bottom, top, out=values)
    values -= bottom
    values /= np.where(top > bottom, top - bottom, 1)
    return values[[used.index(index) for index in chosen]].astype(np.float32, copy=False)
