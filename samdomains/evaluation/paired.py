"""Two systems compared on the same cases: mean difference, interval, and p-value, by group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samdomains.evaluation.bootstrap import mean_with_interval

PERMUTATIONS = 9999
"""Ways of swapping the systems that are tried; with at most 13 groups these are all there are."""

SWAPS_AT_ONCE = 100
"""Rows of the matrix of signs kept in memory, each as long as the number of groups."""


@dataclass(frozen=True, slots=True)
class PairedTest:
    """How much better one system is than another on the same cases.

    Attributes:
        mean: Mean over the cases of the first minus the second; NaN without a common case.
        ci95: Bootstrap interval of it, resampled by group; NaN with fewer than two groups.
        p_value: Of the sign-flip test, two-sided; NaN with fewer than two groups.
        cases: Cases that both have a number for.
        groups: Independent groups (patients, scenes, slides) of these cases.
    """

    mean: float
    ci95: tuple[float, float]
    p_value: float
    cases: int
    groups: int


def paired_test(
    first: Mapping[str, float],
    second: Mapping[str, float],
    groups: Mapping[str, str],
    *,
    resamples: int,
    seed: int,
) -> PairedTest:
    """Compare two systems case by case.

    The p-value is the share of all ways of swapping the two systems within whole groups that make
    the mean of the groups' mean differences at least as large, in either direction, as it is. With
    more than 13 groups ``PERMUTATIONS`` ways are drawn, and the real one is counted among them. n
    groups cannot give less than 2 / 2^n, so five or fewer are never below 0.05.

    Args:
        first: Case → its score, NaN where it has none.
        second: The same of the other system, on the same cases.
        groups: Case → group.
        resamples: Bootstrap resamples of the interval.
        seed: Seeds the interval and the draw of swaps.

    Raises:
        ValueError: The systems differ in cases, or a case has no group.

    Example:
        >>> before = {"a": 0.5, "b": 0.6, "c": 0.4}
        >>> after = {"a": 0.7, "b": 0.7, "c": 0.7}
        >>> own = {"a": "1", "b": "2", "c": "3"}
        >>> paired_test(after, before, own, resamples=100, seed=0).p_value
        0.25

    Reference:
        Ernst, Statistical Science 19 (2004), doi:10.1214/088342304000000396; counting the real
        order: Phipson and Smyth 2010, doi:10.2202/1544-6115.1585.
    """
    different = sorted(set(first) ^ set(second))
    if different:
        raise ValueError(
            f"both systems must be scored on the same cases; they differ in {different}"
        )
    cases = [case for case in first if math.isfinite(first[case]) and math.isfinite(second[case])]
    missing = [case for case in cases if case not in groups]
    if missing:
        raise ValueError(f"every case needs a group; {missing[:5]} have none")
    names = [groups[case] for case in cases]
    differences = np.array([first[case] - second[case] for case in cases])
    interval = mean_with_interval(differences.tolist(), names, resamples=resamples, seed=seed)
    _, member = np.unique(names, return_inverse=True)
    means = np.bincount(member, weights=differences) / np.bincount(member)
    return PairedTest(
        mean=interval.mean,
        ci95=(interval.low, interval.high),
        p_value=sign_flip_p(means, seed=seed),
        cases=len(cases),
        groups=len(means),
    )


def sign_flip_p(differences: NDArray[np.float64], *, seed: int) -> float:
    """Two-sided p-value of independent differences whose signs chance might have drawn.

    Args:
        differences: (N,), finite.
        seed: Seeds the draw where there are too many ways to try all.

    Returns:
        In (0, 1]; NaN for fewer than two differences.

    Example:
        >>> sign_flip_p(np.array([0.1, 0.2, 0.3, 0.4]), seed=0)
        0.125
    """
    count = len(differences)
    if count < 2:
        return math.nan
    # Sums that differ by rounding alone are equal.
    real = abs(float(differences.sum())) - 1e-9 * float(np.abs(differences).sum())
    if 2**count <= PERMUTATIONS:
        every = np.array(list(product((-1.0, 1.0), repeat=count)))
        return float(np.mean(np.abs(every @ differences) >= real))
    rng, hits = np.random.default_rng(seed), 1
    for start in range(0, PERMUTATIONS, SWAPS_AT_ONCE):
        rows = min(SWAPS_AT_ONCE, PERMUTATIONS - start)
        signs = 2.0 * rng.integers(0, 2, size=(rows, count), dtype=np.int8) - 1
        hits += int(np.count_nonzero(np.abs(signs @ differences) >= real))
    return hits / (PERMUTATIONS + 1)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjust p-values for the number of comparisons (Holm's step-down method).

    Args:
        p_values: NaN stays NaN and counts as no comparison.

    Returns:
        In the same order, each at least as large as it was and at most 1: below 0.05 they may be
        relied on together, with a chance of 5 percent that any of them is wrong.

    Example:
        >>> holm([0.0625, 0.5, 0.125])
        (0.1875, 0.5, 0.25)

    Reference:
        Holm, Scandinavian Journal of Statistics 6 (1979), 65-70.
    """
    adjusted = list(p_values)
    tested = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    largest = 0.0
    for rank, (p, place) in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - rank) * p))
        adjusted[place] = largest
    return tuple(adjusted)


def compare_systems(
    values: Mapping[str, Mapping[str, Mapping[str, float]]],
    groups: Mapping[str, str],
    *,
    resamples: int,
    seed: int,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Compare every pair of systems with every way of prompting that both answered.

    Args:
        values: System → prompt → case → score; a pair is named in the order that they have here.
        groups: Case → group.
        resamples: As in ``paired_test``.
        seed: As in ``paired_test``.

    Returns:
        The part ``comparisons`` of ``metrics.json``: ``{prompt: {"tuned - zero_shot": {"mean",
        "ci95", "p", "p_holm", "cases", "groups"}}}``. ``p_holm`` is adjusted for all of them.

    Raises:
        ValueError: As ``paired_test``.
    """
    tests = {
        (prompt, f"{one} - {other}"): paired_test(
            values[one][prompt], values[other][prompt], groups, resamples=resamples, seed=seed
        )
        for one, other in combinations(values, 2)
        for prompt in values[one]
        if prompt in values[other]
    }
    adjusted = holm([test.p_value for test in tests.values()])
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for ((prompt, pair), test), p_holm in zip(tests.items(), adjusted, strict=True):
        found.setdefault(prompt, {})[pair] = {
            "mean": test.mean,
            "ci95": list(test.ci95),
            "p": test.p_value,
            "p_holm": p_holm,
            "cases": test.cases,
            "groups": test.groups,
        }
    return found
