from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.evaluation.video import (
    FrameScore,
    JAndF,
    Labels,
    ObjectTrack,
    boundary_measure,
    contour,
    score_frame,
    score_sequence,
)
from samdomains.types import Mask


def square(y: int, x: int, side: int, size: tuple[int, int] = (60, 80)) -> Mask:
    mask = np.zeros(size, dtype=bool)
    mask[y : y + side, x : x + side] = True
    return mask


EMPTY = np.zeros((60, 80), dtype=bool)
"""Its diagonal is 100 pixels: 0.008 of it, rounded up, is 1 pixel."""


class TestBoundary:
    def test_a_shift_within_the_tolerance_is_perfect(self) -> None:
        assert boundary_measure(square(20, 21, 20), square(20, 20, 20)) == 1
        assert boundary_measure(square(20, 23, 20), square(20, 20, 20), tolerance=0.03) == 1

    def test_a_shift_beyond_it_leaves_the_sides_along_the_shift(self) -> None:
        """The contour of a square of side 20 is a frame of 21 x 21, 80 pixels.

        Shifted by 5, with a tolerance of 1, of its upper and lower side 21 - 4 pixels each are
        near the other's, and of the side between them the two next to these.
        """
        assert np.count_nonzero(contour(square(20, 20, 20))) == 80
        found = boundary_measure(square(20, 25, 20), square(20, 20, 20))
        assert found == pytest.approx((17 + 17 + 2) / 80)

    def test_the_upper_half_of_a_bar_has_full_precision_and_half_of_the_recall(self) -> None:
        """Contours are frames of 41 x 3 and 21 x 3; a pixel more on each side is within reach."""
        truth, answer = np.zeros((2, 60, 80), dtype=bool)
        truth[10:50, 30:32], answer[10:30, 30:32] = True, True
        recall = (2 * 22 + 1) / 84
        assert boundary_measure(answer, truth) == pytest.approx(2 * recall / (1 + recall))

    def test_far_away_is_zero(self) -> None:
        assert boundary_measure(square(5, 60, 10), square(30, 5, 10)) == 0

    def test_an_empty_truth_is_no_number_and_an_empty_answer_is_zero(self) -> None:
        assert math.isnan(boundary_measure(square(5, 5, 5), EMPTY))
        assert math.isnan(boundary_measure(EMPTY, EMPTY))
        assert boundary_measure(EMPTY, square(5, 5, 5)) == 0

    def test_the_borders_of_the_image_are_no_contour(self) -> None:
        full = np.ones((60, 80), dtype=bool)
        assert not contour(full).any()
        assert boundary_measure(full, full) == 1
        assert boundary_measure(square(5, 5, 5), full) == 0

    def test_two_sizes_are_refused(self) -> None:
        with pytest.raises(ValueError, match="of one size"):
            boundary_measure(np.ones((2, 3), bool), np.ones((3, 2), bool))

    @given(st.integers(0, 2**32 - 1))
    def test_it_counts_contours_that_touch_the_widened_other(self, seed: int) -> None:
        """The same by dilation with a disc, as the benchmark defines it."""
        rng = np.random.default_rng(seed)
        smooth = ndimage.gaussian_filter(rng.normal(size=(2, 40, 50)), (0, 3, 3))
        answer, truth = smooth > 0
        reach = math.ceil(0.03 * math.hypot(40, 50))
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        disc = y**2 + x**2 <= reach**2
        one, other = contour(answer), contour(truth)
        precision = np.mean(ndimage.binary_dilation(other, disc)[one])
        recall = np.mean(ndimage.binary_dilation(one, disc)[other])
        found = boundary_measure(answer, truth, tolerance=0.03)
        assert found == pytest.approx(2 * precision * recall / (precision + recall))


def test_region_similarity_is_the_iou() -> None:
    score = score_frame(square(20, 30, 20), square(20, 20, 20))
    assert score.j == pytest.approx(200 / 600)
    assert score_frame(square(0, 0, 9), square(0, 0, 9)) == FrameScore(1, 1)
    assert all(map(math.isnan, score_frame(EMPTY, EMPTY)))


def clip(*masks: Mask, value: int = 1) -> list[NDArray[np.int64]]:
    return [np.where(mask, value, 0) for mask in masks]


def scored(
    answer: Sequence[Mask], truth: Sequence[Mask], prompted: Sequence[int] = (0,)
) -> ObjectTrack:
    pairs = zip(clip(*answer), clip(*truth), strict=True)
    return score_sequence(pairs, {1: prompted}).objects[1]


HERE, THERE = square(10, 10, 20), square(30, 50, 20)


class TestSequences:
    def test_prompted_frames_and_the_last_do_not_count(self) -> None:
        track = scored([THERE, HERE, HERE, THERE], [HERE] * 4)
        assert track.means == JAndF(1, 1)
        assert len(track.scores) == 2
        assert scored([THERE, HERE, THERE, THERE], [HERE] * 4, [0, 2]).means == JAndF(1, 1)

    def test_frames_before_the_prompted_one_count(self) -> None:
        assert scored([THERE, HERE, HERE], [HERE] * 3, [1]).means == JAndF(0, 0)

    def test_absence_is_left_out_and_false_alarms_are_counted_apart(self) -> None:
        truth = [HERE, HERE, EMPTY, EMPTY, HERE, HERE]
        answer = [HERE, HERE, EMPTY, THERE, THERE, HERE]
        track = scored(answer, truth)
        assert (track.absent, track.false_alarms) == (2, 1)
        assert track.means == JAndF(0.5, 0.5)

    def test_davis_counts_a_seen_absence_as_one_and_a_false_alarm_as_zero(self) -> None:
        truth = [HERE, HERE, EMPTY, EMPTY, EMPTY, HERE]
        answer = [HERE, HERE, EMPTY, EMPTY, THERE, HERE]
        assert scored(answer, truth).as_davis() == JAndF(0.75, 0.75)

    def test_a_sequence_is_the_mean_of_its_objects_not_of_their_frames(self) -> None:
        """Object 1 is right in one frame, object 2 wrong in two."""
        first = clip(HERE, HERE, EMPTY, HERE)
        second = clip(THERE, THERE, THERE, THERE, value=2)
        truth = [a + b for a, b in zip(first, second, strict=True)]
        score = score_sequence(zip(first, truth, strict=True), {1: [0], 2: [0]})
        assert score.means == JAndF(0.5, 0.5)
        assert score.means.mean == 0.5
        assert score.as_davis() == JAndF(0.5, 0.5)

    def test_an_object_that_never_counts_is_left_out(self) -> None:
        score = score_sequence(
            zip(clip(HERE, HERE, HERE), clip(HERE, HERE, HERE), strict=True), {1: [0], 9: [0]}
        )
        assert score.means == JAndF(1, 1)
        assert math.isnan(score.objects[9].means.mean)

    def test_frames_are_taken_one_at_a_time(self) -> None:
        taken: list[int] = []

        def frames() -> Iterator[tuple[Labels, Labels]]:
            for number, mask in enumerate(clip(HERE, HERE, HERE)):
                taken.append(number)
                yield mask, mask

        score_sequence(frames(), {1: [0]})
        assert taken == [0, 1, 2]
