"""Intensity statistics of one whole case."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samdomains.types import CaseStatistics, RawImage

STEPS = 1001
"""Quantiles from 0 to 100 percent in steps of 0.1."""

SAMPLE_SIZE = 4_000_000
"""Pixels of one channel that the quantiles are taken from; beyond that, every n-th pixel."""


def case_statistics(pixels: RawImage) -> CaseStatistics:
    """Quantiles, mean and standard deviation of each channel, over its finite pixels.

    Args:
        pixels: (C, H, W), or (C, Z, H, W) of a volume; the whole case, never a tile or a slice.

    Raises:
        ValueError: A channel has no finite pixel.

    Example:
        >>> pixels = np.arange(101, dtype=np.uint8).reshape(1, 1, 101)
        >>> case_statistics(pixels).percentile(25.0).tolist()
        [25.0]
    """
    channels = [_finite(channel) for channel in pixels]
    empty = [index for index, channel in enumerate(channels) if channel.size == 0]
    if empty:
        raise ValueError(f"channel {empty[0]} of {len(channels)} has no finite pixel")
    width = pixels.shape[-1]
    percents = np.linspace(0.0, 1.0, STEPS)
    return CaseStatistics(
        dtype=pixels.dtype.name,
        quantiles=np.stack(
            [np.quantile(_sample(channel, width), percents) for channel in channels]
        ),
        mean=np.array([channel.mean(dtype=np.float64) for channel in channels]),
        std=np.array([channel.std(dtype=np.float64) for channel in channels]),
    )


def _finite(channel: NDArray[Any]) -> NDArray[Any]:
    """The finite values, in a row."""
    return channel[np.isfinite(channel)] if channel.dtype.kind == "f" else channel.ravel()


def _sample(values: NDArray[Any], width: int) -> NDArray[np.float64]:
    """At most ``SAMPLE_SIZE`` values, evenly spread, the same each time."""
    step = math.ceil(values.size / SAMPLE_SIZE)
    # A step that divides the width would look at a few columns only.
    while math.gcd(step, width) > 1:
        step += 1
    return values[::step].astype(np.float64)
