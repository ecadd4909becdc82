"""Stored pixels to the (3, H, W) float32 image in [0, 1] that SAM expects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samdomains.errors import RecipeError, SamDomainsError
from samdomains.protocols import Normalizer
from samdomains.recipe import IntensityRecipe
from samdomains.types import CaseStatistics, Image, RawImage


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
        body: Take the upper percentile only of what is brighter than Otsu's threshold.
    """

    lower: float
    upper: float
    per_channel: bool = False
    channels: tuple[int, ...] | None = None
    body: bool = False

    def __call__(self, pixels: RawImage, statistics: CaseStatistics) -> Image:
        """(C, H, W) of any real dtype → (3, H, W) float32 in [0, 1].

        Raises:
            RecipeError: ``channels`` is needed, or names a channel that the image lacks.
            SamDomainsError: The image holds NaN or infinite values.
        """
        chosen = _choose_channels(len(pixels), self.channels)
        quantiles = _quantiles(statistics, chosen, per_channel=self.per_channel)
        low, high = np.percentile(quantiles, [self.lower, self.upper], axis=1)
        if self.body:
            high = np.percentile(_body(quantiles), self.upper, axis=1)
        darkest, brightest = quantiles.min(axis=1), quantiles.max(axis=1)
        # Interpolation leaves rounding errors, so equal percentiles may differ by a hair.
        flat = high - low <= 1e-9 * (brightest - darkest)
        low, high = np.where(flat, darkest, low), np.where(flat, brightest, high)
        return _stretch(pixels, chosen, low, high)


@dataclass(frozen=True, slots=True)
class ZScoreStretch:
    """Stretch between two numbers of standard deviations from the mean of the whole case.

    Attributes:
        lower: Number of standard deviations from the mean that becomes 0.
        upper: The same for 1.
        per_channel: As in ``PercentileStretch``.
        channels: As in ``PercentileStretch``.
        body: Take mean and deviation only of what is brighter than Otsu's threshold.
    """

    lower: float
    upper: float
    per_channel: bool = False
    channels: tuple[int, ...] | None = None
    body: bool = False

    def __call__(self, pixels: RawImage, statistics: CaseStatistics) -> Image:
        """(C, H, W) of any real dtype → (3, H, W) float32 in [0, 1].

        Raises:
            RecipeError: ``channels`` is needed, or names a channel that the image lacks.
            SamDomainsError: The image holds NaN or infinite values.
        """
        chosen = _choose_channels(len(pixels), self.channels)
        quantiles = _quantiles(statistics, chosen, per_channel=self.per_channel)
        quantiles = _body(quantiles) if self.body else quantiles
        mean, deviation = quantiles.mean(axis=1), quantiles.std(axis=1)
        return _stretch(
            pixels, chosen, mean + self.lower * deviation, mean + self.upper * deviation
        )


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
    stretch = ZScoreStretch if recipe.method == "zscore" else PercentileStretch
    return stretch(recipe.lower, recipe.upper, recipe.per_channel, recipe.channels, recipe.body)


def otsu_threshold(values: NDArray[np.float64]) -> float:
    """The border between dark and bright that parts the values best.

    Args:
        values: (N,), sorted; evenly spaced quantiles stand for all pixels.

    Reference:
        Otsu 1979, doi:10.1109/TSMC.1979.4310076.

    Example:
        >>> otsu_threshold(np.array([0.0, 1.0, 1.0, 9.0, 10.0]))
        5.0
    """
    count = np.arange(1, len(values))
    dark = np.cumsum(values)[:-1] / count
    bright = (values.sum() - np.cumsum(values)[:-1]) / (len(values) - count)
    best = int(np.argmax(count * (len(values) - count) * (bright - dark) ** 2))
    return float(values[best] + values[best + 1]) / 2


def _quantiles(
    statistics: CaseStatistics, chosen: tuple[int, int, int], *, per_channel: bool
) -> NDArray[np.float64]:
    """(1, N) of the used channels together, or (K, N) of the K different ones in ``chosen``."""
    quantiles = statistics.quantiles[list(dict.fromkeys(chosen))]
    return quantiles if per_channel else np.sort(quantiles.reshape(1, -1))


def _body(quantiles: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, N): quantiles of what is brighter than Otsu's threshold."""
    steps = np.linspace(0, 1, quantiles.shape[1])
    parts = []
    for row in quantiles:
        bright = row[row >= otsu_threshold(row)]
        parts.append(np.interp(steps, np.linspace(0, 1, len(bright)), bright))
    return np.stack(parts)


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
