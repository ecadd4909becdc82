from __future__ import annotations

import math

import pytest

from samdomains.evaluation.averages import finite_mean, grouped, mean_of


def test_groups_and_their_members_keep_the_order_of_first_appearance() -> None:
    found = grouped(["pear", "apple", "plum", "fig", "avocado"], lambda name: name[0])
    assert list(found.items()) == [
        ("p", ["pear", "plum"]),
        ("a", ["apple", "avocado"]),
        ("f", ["fig"]),
    ]


def test_what_has_no_value_is_left_out_of_a_mean() -> None:
    assert finite_mean([1.0, math.nan, 2.0]) == 1.5
    assert math.isnan(finite_mean([math.nan]))
    assert math.isnan(finite_mean([]))


def test_a_mean_over_cases_counts_them_and_has_an_interval() -> None:
    found = mean_of([0.5, 0.7, math.nan], ["a", "b", "c"], resamples=200, seed=0)
    assert found["mean"] == pytest.approx(0.6)
    assert found["n"] == 2
    low, high = found["ci95"]
    assert 0.5 <= low <= 0.6 <= high <= 0.7
