"""Means of scores, as every summary in `metrics.json` takes them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, TypeAlias, TypeVar

import numpy as np
from pydantic import BeforeValidator

from samdomains.evaluation.bootstrap import mean_with_interval

Key = TypeVar("Key")
Item = TypeVar("Item")


def nan_if_none(value: Any) -> Any:  # noqa: ANN401 (whatever a file holds)
    """What ``write_json`` wrote for NaN is NaN again; other values stay."""
    return math.nan if value is None else value


Number: TypeAlias = Annotated[float, BeforeValidator(nan_if_none)]
"""A number that pydantic reads back from JSON, where null was NaN."""


def grouped(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """Items by a key, both in the order of first appearance."""
    groups: dict[Key, list[Item]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return dict(groups)


def finite_mean(values: Iterable[float]) -> float:
    """Mean without NaN; NaN where nothing is left.

    Example:
        >>> finite_mean([0.5, float("nan"), 1.0])
        0.75
    """
    finite = [value for value in values if math.isfinite(value)]
    return float(np.mean(finite)) if finite else math.nan


def mean_of(
    values: Sequence[float], groups: Sequence[str], *, resamples: int, seed: int
) -> dict[str, Any]:
    """A mean over cases with its 95 percent interval, as `metrics.json` holds it.

    Args:
        values: One per case; NaN is left out.
        groups: The group of each case.
        resamples: Bootstrap resamples.
        seed: Seeds them.

    Returns:
        ``{"mean", "ci95": [low, high], "n"}``.
    """
    interval = mean_with_interval(values, groups, resamples=resamples, seed=seed)
    return {"mean": interval.mean, "ci95": [interval.low, interval.high], "n": interval.n}
