"""Means with 95 percent intervals, resampling whole groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RESAMPLES_AT_ONCE = 100
"""Rows of the resampling matrix kept in memory, each as long as the number of groups."""


class Interval(NamedTuple):
    """A mean and where it may lie.

    Attributes:
        mean: Of the finite values; NaN where there is none.
        low: Lower end of the 95 percent interval; NaN with fewer than two groups.
        high: Upper end of it.
        n: Number of finite values.
    """

    mean: float
    low: float
    high: float
    n: int


def mean_with_interval(
    values: Sequence[float], groups: Sequence[str], *, resamples: int, seed: int
) -> Interval:
    """Mean of values and its percentile bootstrap interval.

    Groups (patients, scenes) are drawn with replacement, each with all its values: the cases of
    one patient are alike, and drawing them singly would claim too narrow an interval. NaN is left
    out. A single group says nothing about the spread between groups, so its interval is NaN.

    Args:
        values: One per case.
        groups: The group of each case.
        resamples: How often the groups are drawn.
        seed: The same seed gives the same interval.

    Raises:
        ValueError: ``values`` and ``groups`` differ in length, or ``resamples`` is below 1.

    Reference:
        Efron, The Annals of Statistics 7 (1979), doi:10.1214/aos/1176344552; the cluster
        bootstrap: Field and Welsh, JRSS B 69 (2007), doi:10.1111/j.1467-9868.2007.00593.x.
    """
    if len(values) != len(groups):
        raise ValueError(f"{len(values)} values need as many groups, got {len(groups)}")
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, got {resamples}")
    every = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(every)
    count = int(finite.sum())
    if count == 0:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    names = np.asarray(groups, dtype=np.str_)[finite]
    _, member = np.unique(names, return_inverse=True)
    sums = np.bincount(member, weights=every[finite]).astype(np.float64)
    counts = np.bincount(member).astype(np.float64)
    mean = float(sums.sum() / count)
    if len(sums) < 2:
        return Interval(mean, float("nan"), float("nan"), count)
    draws = resampled_groups(len(sums), resamples=resamples, seed=seed)
    means = np.concatenate([(drawn @ sums) / (drawn @ counts) for drawn in draws])
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(mean, float(low), float(high), count)


def resampled_groups(groups: int, *, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Draw groups with replacement, as many as there are, a few resamples in memory at a time.

    Args:
        groups: How many there are.
        resamples: How often they are drawn.
        seed: The same seed gives the same draws.

    Yields:
        (R, groups): how often each group is drawn in each of R resamples.
    """
    rng, shares = np.random.default_rng(seed), np.full(groups, 1 / groups)
    for start in range(0, resamples, RESAMPLES_AT_ONCE):
        yield rng.multinomial(groups, shares, size=min(RESAMPLES_AT_ONCE, resamples - start))
