"""Intensity statistics of one whole case."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samdomains.types import CaseStatistics, RawImage

STEPS = 1001
"""Quantiles from 0 to 100 percent in steps of 0.1."""

SAMPLE_SIZE = 4_000_000
"""Pixels of one channel that the quantiles are taken from; beyond that, every n-th pixel."""

BLOCK = 2**20
"""Pixels of one channel that are looked at together, in float64."""


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
    rows = max(1, BLOCK // math.prod(pixels.shape[2:]))
    starts = range(0, pixels.shape[1], rows)
    return statistics_of_blocks(lambda: (pixels[:, i : i + rows] for i in starts))


def statistics_of_blocks(blocks: Callable[[], Iterable[RawImage]]) -> CaseStatistics:
    """The statistics of a case that is not in memory as a whole.

    Args:
        blocks: Gives the case's parts, (C, ..., W), the same ones each time; it is called twice.

    Raises:
        ValueError: A channel has no finite pixel.
    """
    sums = []
    for block in blocks():
        finite = [_finite(channel) for channel in block]
        sums.append([(values.size, values.sum(dtype=np.float64)) for values in finite])
        dtype, width = block.dtype, block.shape[-1]
    count, total = np.sum(sums, axis=0).T
    if not count.all():
        raise ValueError(f"channel {count.argmin()} of {len(count)} has no finite pixel")
    tallies = [_Tally(s / n, _step(int(n), width)) for n, s in zip(count, total, strict=True)]
    for block in blocks():
        for tally, channel in zip(tallies, block, strict=True):
            tally.add(_finite(channel))
    return CaseStatistics(
        dtype=dtype.name,
        quantiles=np.stack([_quantiles(np.concatenate(tally.sample)) for tally in tallies]),
        mean=total / count,
        std=np.sqrt(np.array([tally.squares for tally in tallies]) / count),
    )


@dataclass(slots=True)
class _Tally:
    """What is known of one channel after some blocks.

    Attributes:
        mean: Over all blocks.
        step: Every how-manieth value belongs to the sample.
        seen: Values so far.
        squares: Sum of their squared differences from the mean.
        sample: Those that the quantiles are taken from.
    """

    mean: float
    step: int
    seen: int = 0
    squares: float = 0.0
    sample: list[NDArray[Any]] = field(default_factory=list)

    def add(self, values: NDArray[Any]) -> None:
        """Take in the finite values of a block."""
        apart = np.subtract(values, self.mean, dtype=np.float64)
        self.squares += float(np.square(apart, out=apart).sum())
        self.sample.append(values[-self.seen % self.step :: self.step].copy())
        self.seen += values.size


def _finite(channel: NDArray[Any]) -> NDArray[Any]:
    """The finite values, in a row."""
    return channel[np.isfinite(channel)] if channel.dtype.kind == "f" else channel.ravel()


def _step(count: int, width: int) -> int:
    """Distance of the values of a sample of ``SAMPLE_SIZE`` at most, the same each time."""
    step = math.ceil(count / SAMPLE_SIZE)
    # A step that divides the width would look at a few columns only.
    while math.gcd(step, width) > 1:
        step += 1
    return step


def _quantiles(sample: NDArray[Any]) -> NDArray[np.float64]:
    """As ``np.quantile`` of the values as float64, without making them float64 first."""
    sample.sort()
    places = np.linspace(0.0, 1.0, STEPS) * (sample.size - 1)
    below = np.floor(places).astype(np.intp)
    low, high = (
        sample[index].astype(np.float64)
        for index in (below, np.minimum(below + 1, sample.size - 1))
    )
    share, gap = places - below, high - low
    return np.where(share < 0.5, low + gap * share, high - gap * (1 - share))
