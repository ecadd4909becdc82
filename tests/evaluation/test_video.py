from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from samdomains.evaluation.video import (
    FrameScore,
    JAndF,
    Labels,
    ObjectTrack,
    score_frame,
    score_sequence,
)
from samdomains.types import Mask


def square(y: int, x: int, side: int, size: tuple[int, int] = (60, 80)) -> Mask:
    mask = np.zeros(size, dtype=bool)
    mask[y : y + side, x : x + side] = True
    return mask


EMPTY = np.zeros((60, 80), dtype=bool)


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
