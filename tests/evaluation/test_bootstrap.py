from __future__ import annotations

import math

import numpy as np
import pytest

from samdomains.evaluation.bootstrap import mean_with_interval, resampled_groups


def test_the_mean_is_over_values_not_over_groups() -> None:
    interval = mean_with_interval([0.0, 0.0, 0.0, 1.0], list("aaab"), resamples=200, seed=0)
    assert interval.mean == 0.25
    assert interval.n == 4


def test_nan_is_left_out_and_not_counted() -> None:
    interval = mean_with_interval([0.5, math.nan, 0.7], list("abc"), resamples=50, seed=0)
    assert interval.mean == pytest.approx(0.6)
    assert interval.n == 2


def test_without_a_finite_value_everything_is_nan() -> None:
    for values in ([], [math.nan, math.nan]):
        interval = mean_with_interval(values, ["a"] * len(values), resamples=50, seed=0)
        assert np.isnan(interval[:3]).all()
        assert interval.n == 0


def test_one_group_has_a_mean_and_no_interval() -> None:
    interval = mean_with_interval([0.2, 0.4], ["a", "a"], resamples=50, seed=0)
    assert interval.mean == pytest.approx(0.3)
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)


def test_equal_values_have_an_interval_of_no_width() -> None:
    interval = mean_with_interval([0.5] * 6, list("aabbcc"), resamples=50, seed=0)
    assert interval == (0.5, 0.5, 0.5, 6)


def test_the_interval_has_the_width_of_the_standard_error() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.1, 400)
    groups = [str(index) for index in range(400)]
    interval = mean_with_interval(values.tolist(), groups, resamples=4000, seed=0)
    assert interval.low == pytest.approx(values.mean() - 1.96 * values.std() / 20, abs=8e-4)
    assert interval.high == pytest.approx(values.mean() + 1.96 * values.std() / 20, abs=8e-4)


def test_alike_cases_of_a_group_widen_the_interval() -> None:
    rng = np.random.default_rng(2)
    values = np.repeat(rng.normal(0.5, 0.1, 10), 20).tolist()
    grouped = [str(index // 20) for index in range(200)]
    single = [str(index) for index in range(200)]
    honest = mean_with_interval(values, grouped, resamples=1000, seed=0)
    naive = mean_with_interval(values, single, resamples=1000, seed=0)
    assert honest.high - honest.low > 3 * (naive.high - naive.low)


def test_the_same_seed_gives_the_same_interval() -> None:
    values, groups = [0.1, 0.5, 0.4, 0.9], list("abcd")
    first = mean_with_interval(values, groups, resamples=333, seed=5)
    assert first == mean_with_interval(values, groups, resamples=333, seed=5)


def test_mismatched_or_senseless_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="as many groups"):
        mean_with_interval([0.1, 0.2], ["a"], resamples=10, seed=0)
    with pytest.raises(ValueError, match="at least 1"):
        mean_with_interval([0.1], ["a"], resamples=0, seed=0)


def test_every_resample_draws_as_many_groups_as_there_are() -> None:
    draws = list(resampled_groups(5, resamples=230, seed=3))
    assert [len(draw) for draw in draws] == [100, 100, 30]
    assert all((draw.sum(axis=1) == 5).all() for draw in draws)
    again = next(resampled_groups(5, resamples=230, seed=3))
    assert (draws[0] == again).all()
