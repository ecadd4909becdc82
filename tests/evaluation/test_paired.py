from __future__ import annotations

import math
import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from samdomains.evaluation.paired import (
    PERMUTATIONS,
    PairedTest,
    compare_systems,
    holm,
    paired_test,
    sign_flip_p,
)

differences = st.lists(st.floats(-1, 1).map(lambda x: round(x, 2)), min_size=2, max_size=10)
p_values = st.lists(st.floats(0, 1), max_size=8)


def of_groups(values: dict[str, list[float]]) -> PairedTest:
    """Compare with zeros: group → the difference in each of its cases."""
    first = {f"{group}{i}": value for group, own in values.items() for i, value in enumerate(own)}
    groups = {case: case[0] for case in first}
    return paired_test(first, dict.fromkeys(first, 0.0), groups, resamples=200, seed=0)


class TestSignFlips:
    @settings(max_examples=30, deadline=None)
    @given(differences)
    def test_with_few_groups_the_p_value_is_that_of_scipy(self, values: list[float]) -> None:
        expected = permutation_test(
            (np.array(values),),
            lambda sample, axis: np.round(np.mean(sample, axis=axis), 9),
            permutation_type="samples",
            n_resamples=np.inf,
        )
        assert sign_flip_p(np.array(values), seed=0) == pytest.approx(min(1, expected.pvalue))

    def test_with_many_groups_it_is_near_that_of_scipy(self) -> None:
        values = np.random.default_rng(0).normal(0.2, 0.7, size=40)
        expected = permutation_test(
            (values,), np.mean, permutation_type="samples", n_resamples=PERMUTATIONS
        ).pvalue
        found = sign_flip_p(values, seed=0)
        assert found == pytest.approx(expected, abs=4 * math.sqrt(expected / PERMUTATIONS))
        assert found == sign_flip_p(values, seed=0) != sign_flip_p(values, seed=1)

    def test_many_groups_that_all_agree_have_the_smallest_p_value(self) -> None:
        assert sign_flip_p(np.full(50, 0.1), seed=0) == 1 / (PERMUTATIONS + 1)

    def test_no_difference_is_no_evidence(self) -> None:
        assert sign_flip_p(np.zeros(6), seed=0) == sign_flip_p(np.zeros(60), seed=0) == 1

    def test_chance_finds_a_difference_as_often_as_the_p_value_says(self) -> None:
        rng = np.random.default_rng(1)
        found = [sign_flip_p(rng.normal(size=8), seed=0) for _ in range(400)]
        assert np.mean(np.array(found) <= 0.1) == pytest.approx(0.1, abs=0.045)


class TestPairs:
    def test_cases_count_in_the_mean_and_groups_in_the_p_value(self) -> None:
        found = of_groups({"a": [0.1] * 20, "b": [0.4], "c": [0.1, 0.3]})
        assert found.mean == pytest.approx((20 * 0.1 + 0.4 + 0.1 + 0.3) / 23)
        assert (found.cases, found.groups, found.p_value) == (23, 3, 0.25)
        low, high = found.ci95
        assert 0.1 <= low < found.mean < high <= 0.4

    def test_many_cases_of_one_patient_prove_nothing(self) -> None:
        found = of_groups({"a": [0.1] * 50})
        assert found.mean == pytest.approx(0.1)
        assert math.isnan(found.p_value)
        assert all(map(math.isnan, found.ci95))

    def test_cases_without_a_number_on_either_side_are_left_out(self) -> None:
        first = {"a": 0.9, "b": math.nan, "c": 0.8}
        second = {"a": 0.5, "b": 0.5, "c": math.nan}
        groups = dict.fromkeys(first, "g")
        assert paired_test(first, second, groups, resamples=10, seed=0).cases == 1
        nothing = paired_test({"b": math.nan}, {"b": 0.5}, groups, resamples=10, seed=0)
        assert (nothing.cases, nothing.groups) == (0, 0)
        assert math.isnan(nothing.mean)
        assert math.isnan(nothing.p_value)

    @given(st.dictionaries(st.sampled_from(string.ascii_lowercase), differences, min_size=2))
    def test_the_other_way_round_only_the_sign_changes(
        self, values: dict[str, list[float]]
    ) -> None:
        there = of_groups(values)
        back = of_groups({group: [-x for x in own] for group, own in values.items()})
        assert there.mean == pytest.approx(-back.mean)
        assert there.p_value == pytest.approx(back.p_value)

    def test_other_cases_and_cases_without_a_group_are_refused(self) -> None:
        with pytest.raises(ValueError, match=r"same cases; they differ in \['b'\]"):
            paired_test({"a": 1.0}, {"a": 1.0, "b": 1.0}, {}, resamples=10, seed=0)
        with pytest.raises(ValueError, match=r"'a'.* have none"):
            paired_test({"a": 1.0}, {"a": 1.0}, {}, resamples=10, seed=0)


class TestHolm:
    def test_the_smallest_is_multiplied_by_all_and_the_order_stays(self) -> None:
        """The example of R's ``p.adjust``."""
        found = holm([0.01, 0.04, 0.03, 0.005])
        assert found == pytest.approx((0.03, 0.06, 0.06, 0.02))

    def test_what_was_not_tested_counts_for_nothing(self) -> None:
        first, second, third = holm([0.02, math.nan, 0.5])
        assert (first, third) == (0.04, 0.5)
        assert math.isnan(second)
        assert holm([]) == ()

    @given(p_values, st.floats(0.001, 0.5))
    def test_it_rejects_what_the_step_down_procedure_rejects(
        self, values: list[float], level: float
    ) -> None:
        rejected: set[int] = set()
        for place in sorted(range(len(values)), key=values.__getitem__):
            if (len(values) - len(rejected)) * values[place] > level:
                break
            rejected.add(place)
        assert {place for place, p in enumerate(holm(values)) if p <= level} == rejected

    @given(p_values)
    def test_it_only_ever_raises_and_never_above_one(self, values: list[float]) -> None:
        adjusted = holm(values)
        assert all(p <= q <= 1 for p, q in zip(values, adjusted, strict=True))


def test_every_pair_that_answered_a_prompt_is_compared_and_adjusted_together() -> None:
    groups = {case: case for case in string.ascii_lowercase[:6]}
    better, worse = dict.fromkeys(groups, 0.8), dict.fromkeys(groups, 0.5)
    values = {
        "tuned": {"box": better, "point": worse},
        "zero_shot": {"box": worse, "point": worse},
        "box_ellipse": {"box": better},
    }
    found = compare_systems(values, groups, resamples=50, seed=0)
    assert {prompt: set(pairs) for prompt, pairs in found.items()} == {
        "box": {"tuned - zero_shot", "tuned - box_ellipse", "zero_shot - box_ellipse"},
        "point": {"tuned - zero_shot"},
    }
    assert found["box"]["tuned - zero_shot"] == {
        "mean": pytest.approx(0.3),
        "ci95": pytest.approx([0.3, 0.3]),
        "p": 2 / 64,
        "p_holm": 4 * 2 / 64,
        "cases": 6,
        "groups": 6,
    }
    assert found["box"]["zero_shot - box_ellipse"]["mean"] == pytest.approx(-0.3)
    assert found["point"]["tuned - zero_shot"]["p_holm"] == 1
