"""Images whose grey levels are unlike those of the others: darker, saturated, inverted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from samdomains.audit.looks import Look
from samdomains.types import RawImage

LEAST_IMAGES = 6
"""With fewer images nobody can say what is usual in the set."""

FAR = 5.0
"""Robust standard deviations from the median of the set from which an image stands out."""

LEAST_POWER_SPREAD = 0.35
"""Least spread that is reckoned with, in powers of two of contrast and brightness: in a set of one
exposure an image with 3.4 times its contrast, or less than that part of it, stands out."""

LEAST_LEVEL_SPREAD = 0.1
"""The same for the middle grey level, as a share of the usual contrast of the set."""

LEAST_SATURATED_SPREAD = 0.15
"""The same for the share of saturated pixels: three quarters of the image stand out."""

SAME_POLARITY = 0.9
"""Share of images whose objects are all brighter, or all darker, than their background from which
the opposite is a sign of an inverted image."""

CLEAR_POLARITY = 0.5
"""Clear difference of objects and background, in standard deviations of the image."""

MOST_OUTLIERS = 0.23
"""Share of the images above which they are no outliers but another kind of image in the set."""

TOLD = 8.0
"""Times darker or brighter that an image must stand out if the set is said to be judged."""

TAIL_QUANTILE = 1.28
"""Of a normal distribution, in standard deviations: 10 percent lie beyond."""

Oddity: TypeAlias = Literal["contrast", "brightness", "level", "saturated", "inverted"]

_SAMPLE = 20_000  # pixels of each channel that the percentiles are of


@dataclass(frozen=True, slots=True)
class GreyLevels:
    """Grey levels of an image, over its finite pixels of all channels but alpha.

    Attributes:
        dtype: Name of the stored dtype.
        low: 1st percentile.
        middle: Median.
        high: 99th percentile.
        saturated: Share of pixels that have the largest value of the image.
        polarity: Mean of the objects minus that of the background, in standard deviations of the
            image; 0 where one of them is missing.
    """

    dtype: str
    low: float
    middle: float
    high: float
    saturated: float
    polarity: float


@dataclass(frozen=True, slots=True)
class Outlier:
    """An image unlike the others.

    Attributes:
        place: Of the image in the sequence that was judged.
        oddity: What is unlike: its ``contrast``, its ``brightness`` (99th percentile) or middle
            ``level``, the share of ``saturated`` pixels, or that it seems ``inverted``.
        value: The image's, as stored; of ``inverted`` the polarity.
        usual: The median of the set.
        distance: In robust standard deviations; of an inverted one infinite.
    """

    place: int
    oddity: Oddity
    value: float
    usual: float
    distance: float


def grey_levels(pixels: RawImage, look: Look) -> GreyLevels:
    """Measure an image that has a finite pixel.

    Args:
        pixels: (C, H, W), as stored.
        look: The image and its masks.
    """
    used = pixels[:1] if len(pixels) == 2 else pixels[:3]
    flat = used.reshape(len(used), -1)
    step = max(1, flat.shape[1] // _SAMPLE)
    while step > 1 and pixels.shape[2] % step == 0:  # would look at a few columns only
        step -= 1
    sample = flat[:, ::step].astype(np.float64).ravel()
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return GreyLevels(pixels.dtype.name, 0.0, 0.0, 0.0, 0.0, 0.0)
    low, middle, high = np.percentile(sample, (1, 50, 99))
    saturated = float(np.mean(sample == sample.max()))
    return GreyLevels(
        pixels.dtype.name, float(low), float(middle), float(high), saturated, _polarity(look)
    )


def find_outliers(levels: Sequence[GreyLevels]) -> tuple[Outlier, ...]:
    """The images that stand out, at most once each, by what is most unlike.

    Args:
        levels: One for each image.
    """
    if len(levels) < LEAST_IMAGES:
        return ()
    values: dict[Oddity, NDArray[np.float64]] = {
        "contrast": np.array([item.high - item.low for item in levels]),
        "brightness": np.array([item.high for item in levels]),
        "level": np.array([item.middle for item in levels]),
        "saturated": np.array([item.saturated for item in levels]),
        "inverted": np.array([item.polarity for item in levels]),
    }
    distances = _all_distances(values)
    for far in distances.values():
        if np.mean(far >= FAR) > MOST_OUTLIERS:
            far[:] = 0.0
    found = []
    for place in range(len(levels)):
        oddity = max(distances, key=lambda name: float(distances[name][place]))
        distance = float(distances[oddity][place])
        if distance >= FAR:
            own, median = float(values[oddity][place]), float(np.median(values[oddity]))
            found.append(Outlier(place, oddity, own, median, distance))
    return tuple(found)


def why_unjudged(levels: Sequence[GreyLevels]) -> str:
    """Why even an image that is 8 times darker would not stand out; empty where it would.

    Args:
        levels: One for each image.
    """
    if len(levels) < LEAST_IMAGES:
        return f"there are {len(levels)} images, and {LEAST_IMAGES} are needed"
    contrast = np.array([item.high - item.low for item in levels])
    brightness = np.array([item.high for item in levels])
    measures = [contrast, brightness] if brightness.min() >= 0 else [contrast]
    least = min(_widest(np.log2(np.maximum(values, 1e-12))) for values in measures)
    if FAR * least <= math.log2(TOLD):
        return ""
    return (
        f"exposure differs too much: an image {TOLD:g} times darker than usual would not stand out"
    )


def _all_distances(
    values: dict[Oddity, NDArray[np.float64]],
) -> dict[Oddity, NDArray[np.float64]]:
    """(N,) of each oddity: how far each image is from what is usual."""
    usual = max(float(np.median(values["contrast"])), 1e-12)
    share = values["saturated"]
    distances: dict[Oddity, NDArray[np.float64]] = {
        # An image without contrast is reported as a blank one, if it is one.
        "contrast": _distances(
            np.log2(np.maximum(values["contrast"], 1e-6 * usual)), LEAST_POWER_SPREAD
        ),
        "brightness": np.zeros(len(share)),
        "level": _distances(values["level"], LEAST_LEVEL_SPREAD * usual),
        "saturated": np.where(
            share > np.median(share), _distances(share, LEAST_SATURATED_SPREAD), 0.0
        ),
        "inverted": _inverted(values["inverted"]),
    }
    brightness = values["brightness"]
    if brightness.min() >= 0:  # of Hounsfield units powers say nothing
        distances["brightness"] = _distances(
            np.log2(np.maximum(brightness, 1e-6 * usual)), LEAST_POWER_SPREAD
        )
    return distances


def _distances(values: NDArray[np.float64], least_spread: float) -> NDArray[np.float64]:
    """(N,): how far each is from the median, in standard deviations by the median deviation."""
    apart = np.abs(values - np.median(values))
    distances: NDArray[np.float64] = apart / max(_spread(values), least_spread)
    return distances


def _widest(values: NDArray[np.float64]) -> float:
    """The larger spread of the lower and the upper tail, in standard deviations.

    The median deviation does not see a tail of a few images, but a few more outliers let it grow
    to that.
    """
    low, middle, high = np.quantile(values, (0.1, 0.5, 0.9))
    return float(max(middle - low, high - middle)) / TAIL_QUANTILE


def _spread(values: NDArray[np.float64]) -> float:
    """Robust standard deviation, by the median deviation."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _inverted(polarity: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,): infinite where objects are clearly on the other side of the background than usual."""
    known = polarity[polarity != 0]
    if len(known) < LEAST_IMAGES:
        return np.zeros(len(polarity))
    usual = np.sign(np.median(known))
    if np.mean(np.sign(known) == usual) < SAME_POLARITY:
        return np.zeros(len(polarity))
    return np.where(-usual * polarity >= CLEAR_POLARITY, np.inf, 0.0)


def _polarity(look: Look) -> float:
    inside = look.labels > 0
    if not inside.any() or inside.all():
        return 0.0
    grey = look.channels.mean(axis=0)
    spread = max(float(grey.std()), 1e-6)
    return float(grey[inside].mean() - grey[~inside].mean()) / spread
