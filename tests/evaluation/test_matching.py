from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from samdomains.evaluation.matching import (
    FALSE,
    IGNORED,
    RIGHT,
    THRESHOLDS,
    coco_outcomes,
    one_to_one,
    overlapping_pairs,
)
from samdomains.evaluation.metrics import overlap
from samdomains.types import ObjectMask
from tests.object_making import random_answers, random_truths, rectangle

SEEDS = st.integers(0, 2**32 - 1)


def outcomes(answers: list[ObjectMask], truths: list[ObjectMask], area: int = 1) -> list[int]:
    """At the lowest threshold."""
    return list(coco_outcomes(answers, truths, overlapping_pairs(answers, truths), area)[0])


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_pairs_have_the_overlap_of_their_full_size_masks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truths = random_truths(rng, 6)
    answers = random_answers(rng, truths)
    pairs = overlapping_pairs(answers, truths)
    found = dict(zip(zip(pairs.answers, pairs.truths, strict=True), pairs.iou, strict=True))
    for i, answer in enumerate(answers):
        for j, truth in enumerate(truths):
            assert found.get((i, j), 0.0) == overlap(answer.mask(), truth.mask()).iou


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_the_matching_is_that_of_the_whole_table(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truths = random_truths(rng, 8)
    answers = random_answers(rng, truths)
    pairs = overlapping_pairs(answers, truths)
    table = np.zeros((len(answers), len(truths)))
    table[pairs.answers, pairs.truths] = pairs.iou
    chosen = one_to_one(pairs)
    assert len(set(chosen.values())) == len(chosen)
    best = table[linear_sum_assignment(table, maximize=True)].sum()
    assert sum(table[answer, truth] for truth, answer in chosen.items()) == pytest.approx(best)
    assert all(table[answer, truth] > 0 for truth, answer in chosen.items())


def test_an_answer_between_two_objects_goes_where_the_sum_is_largest() -> None:
    left, right = rectangle(0, 0, 10, 10), rectangle(0, 10, 10, 10)
    both, exact = rectangle(0, 4, 10, 12), rectangle(0, 10, 10, 10)
    pairs = overlapping_pairs([both, exact], [left, right])
    assert one_to_one(pairs) == {0: 0, 1: 1}
    assert one_to_one(pairs.only(np.array([True, False]))) == {0: 0}


def test_nothing_is_matched_with_nothing() -> None:
    assert one_to_one(overlapping_pairs([], [rectangle(0, 0, 4, 4)])) == {}
    assert one_to_one(overlapping_pairs([rectangle(0, 0, 4, 4)], [])) == {}


def test_the_surest_answer_takes_the_object_and_a_duplicate_is_false() -> None:
    truth = rectangle(5, 5, 10, 10)
    assert outcomes([rectangle(5, 5, 10, 8), truth], [truth]) == [RIGHT, FALSE]


def test_an_answer_is_right_from_its_threshold_on() -> None:
    truth, answer = rectangle(0, 0, 10, 10), rectangle(0, 0, 10, 8)  # IoU 0.8
    table = coco_outcomes([answer], [truth], overlapping_pairs([answer], [truth]), 1)
    assert [row[0] for row in table] == [RIGHT if t <= 0.8 else FALSE for t in THRESHOLDS]


def test_a_crowd_takes_any_number_of_answers_and_an_object_comes_first() -> None:
    crowd = replace(rectangle(0, 0, 20, 40), crowd=True)
    truth = rectangle(0, 0, 6, 6)
    answers = [rectangle(10, 10, 4, 4), rectangle(0, 0, 6, 6), rectangle(10, 20, 4, 4)]
    assert outcomes(answers, [crowd, truth]) == [IGNORED, RIGHT, IGNORED]


def test_specks_are_ignored_in_the_truth_and_in_the_answers() -> None:
    speck, elsewhere = rectangle(0, 0, 2, 2), rectangle(30, 30, 2, 2)
    larger = rectangle(40, 40, 3, 3)
    assert outcomes([speck, elsewhere, larger], [speck], area=5) == [IGNORED, IGNORED, FALSE]
