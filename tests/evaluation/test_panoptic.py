from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics.panoptic_quality import compute_panoptic_quality

from samdomains.evaluation.metrics import overlap
from samdomains.evaluation.panoptic import MapComparison, compare_maps
from samdomains.types import ObjectMask
from tests.object_making import SIZE, random_answers, random_truths, rectangle


def painted(items: list[ObjectMask]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """(H, W) labels from 1, the last on top."""
    labels = np.zeros(SIZE, dtype=np.int64)
    for label, item in enumerate(items, start=1):
        labels[item.mask()] = label
    return labels


def compared(
    answers: list[ObjectMask], truths: list[ObjectMask], minimum_area: int = 1
) -> MapComparison:
    return compare_maps(answers, truths, SIZE, minimum_area)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_counts_and_overlap_are_those_of_other_libraries(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truths = random_truths(rng, 7)
    answers = random_answers(rng, truths)
    result = compared(answers, truths)
    answer_map = painted(answers[::-1])
    truth_map = painted(sorted(truths, key=lambda item: -item.area))
    if answers:
        found, false, missed, ious = compute_panoptic_quality(
            torch.from_numpy(answer_map), torch.from_numpy(truth_map), output_confusion_matrix=True
        ).tolist()
        assert (len(result.matched), result.false_answers) == (found, false)
        assert result.objects == found + missed
        assert sum(result.matched) == pytest.approx(ious, abs=1e-5)  # monai has float32
    assert result.semantic.overlap == overlap(answer_map > 0, truth_map > 0)
    assert result.answered == pytest.approx(np.mean(answer_map > 0))


def test_a_pixel_of_two_answers_goes_to_the_surest() -> None:
    truth = rectangle(0, 0, 10, 10)
    # The second keeps 40 of its pixels, all outside the object.
    result = compared([truth, rectangle(0, 0, 10, 14)], [truth])
    assert (result.matched, result.false_answers) == ((1.0,), 1)
    # A repetition keeps none.
    assert compared([truth, truth], [truth]).false_answers == 0


def test_a_pixel_of_two_objects_goes_to_the_smallest() -> None:
    nucleus, cell = rectangle(4, 4, 4, 4), rectangle(0, 0, 20, 20)
    result = compared([nucleus, cell], [nucleus, cell])
    assert result.matched == (1.0, 1.0)
    assert result.semantic.overlap == (1.0, 1.0)


def test_a_crowd_excuses_answers_and_is_no_foreground() -> None:
    crowd = replace(rectangle(0, 0, 20, 20), crowd=True)
    truth = rectangle(30, 30, 10, 10)
    result = compared([truth, rectangle(2, 2, 5, 5), rectangle(15, 10, 12, 5)], [truth, crowd])
    assert (result.objects, result.matched, result.false_answers) == (1, (1.0,), 1)
    assert result.semantic.overlap.dice == pytest.approx(200 / (100 + 100 + 35))


def test_specks_are_neither_missed_nor_false() -> None:
    speck = rectangle(0, 0, 2, 2)
    result = compared([rectangle(30, 30, 2, 2)], [speck], minimum_area=5)
    assert (result.objects, result.matched, result.false_answers) == (0, (), 0)


def test_an_image_without_objects_has_no_overlap_and_only_false_answers() -> None:
    result = compared([rectangle(0, 0, 6, 8)], [])
    assert (result.objects, result.false_answers) == (0, 1)
    assert math.isnan(result.semantic.overlap.dice)
    assert result.answered == pytest.approx(48 / (SIZE[0] * SIZE[1]))


def test_an_image_without_answers_is_all_missed() -> None:
    result = compared([], [rectangle(0, 0, 6, 8)])
    assert (result.objects, result.matched, result.answered) == (1, (), 0.0)
    assert result.semantic.overlap == (0.0, 0.0)
