from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samdomains.volumes.fusion import ROOM, Block, Fused, follow_three_axes
from samdomains.volumes.sections import Section
from tests.volumes.conftest import (
    BRIGHT,
    THREE_AXES,
    Threshold,
    Volume,
    ball,
    boxed,
    dice,
    extent,
    grey_of,
    planes_in,
    tube,
)

SHAPE = (12, 30, 32)


def fused(
    truth: Volume,
    *prompted: int,
    grey: np.ndarray | None = None,
    spacing: tuple[float, float, float] | None = None,
) -> Fused:
    slices = planes_in(grey_of(truth) if grey is None else grey, spacing=spacing)
    result = follow_three_axes(slices, boxed(truth, *prompted), THREE_AXES)[1]
    assert result is not None
    assert result.share.origin == result.doubt.origin
    assert result.share.values.shape == result.doubt.values.shape
    return result


def whole(block: Block, shape: tuple[int, int, int]) -> np.ndarray:
    values = np.zeros(shape, dtype=np.float32)
    values[block.place] = block.values
    return values


@settings(max_examples=4)
@given(
    st.tuples(st.floats(3, 8), st.floats(8, 22), st.floats(8, 24)),
    st.floats(4, 8),
    st.sampled_from([(1.0, 1.0, 1.0), (2.0, 1.0, 1.0)]),
)
def test_a_segmenter_that_is_always_right_gives_the_object_back_without_doubt(
    centre: tuple[float, float, float], radius: float, spacing: tuple[float, float, float]
) -> None:
    truth = ball(SHAPE, centre, radius, spacing)
    result = fused(truth, round(centre[0]), spacing=spacing)
    found, doubt = whole(result.share, SHAPE) > 0.5, whole(result.doubt, SHAPE)
    assert dice(found, truth) > 0.9
    assert 0 <= doubt.min() <= doubt.max() <= 1
    assert np.mean(doubt[truth & found] < 0.05) > 0.5


def test_where_all_votes_agree_there_is_no_doubt() -> None:
    truth = np.zeros(SHAPE, dtype=bool)
    truth[:, 8:20, 10:22] = True
    result = fused(truth, 5)
    assert np.array_equal(whole(result.share, SHAPE) > 0.5, truth)
    assert whole(result.doubt, SHAPE)[:, 11:17, 13:19].max() < 0.05


def test_doubt_is_where_the_other_axes_disagree() -> None:
    truth = np.zeros(SHAPE, dtype=bool)
    truth[:, 8:20, 10:22] = True
    grey = grey_of(truth)
    grey[6, 8:20, 10:22] = 0.52  # a slice so dark that seen from the side it is next to nothing
    grey[6, 8:20, 15:22] = 0.2
    doubt = whole(fused(truth, 2, grey=grey).doubt, SHAPE)
    assert doubt[6].sum() > 3 * doubt[3].sum()


def test_a_spacing_of_20_to_1_is_no_obstacle() -> None:
    spacing = (10.0, 0.5, 0.5)
    truth = ball((7, 40, 44), (3, 20, 22), 8 * 0.5 * 2.0, spacing)
    truth |= tube((7, 40, 44), [(20, 22)] * 7, 7)
    result = fused(truth, 3, spacing=spacing)
    assert dice(whole(result.share, truth.shape) > 0.5, truth) > 0.9


def test_a_volume_of_one_slice_can_be_looked_at_from_the_side_too() -> None:
    truth = ball((1, 30, 32), (0, 15, 16), 8)
    result = fused(truth, 0, spacing=(5.0, 1.0, 1.0))
    assert dice(whole(result.share, truth.shape) > 0.5, truth) > 0.9


def test_an_object_at_the_borders_of_the_volume_stays_in_it() -> None:
    truth = np.zeros(SHAPE, dtype=bool)
    truth[:, :12, 20:] = True
    result = fused(truth, 0)
    assert result.share.origin[:2] == (0, 0)
    assert dice(whole(result.share, SHAPE) > 0.5, truth) > 0.95
    assert extent(whole(result.share, SHAPE) > 0.5) == (0, 11)


def test_the_other_axes_may_find_more_but_only_near_the_object() -> None:
    truth = np.zeros((12, 40, 60), dtype=bool)
    truth[4:8, 10:22, 4:16] = True
    result = fused(truth, 5)
    room = int(np.ceil(max(4, ROOM * 14)))
    (z, y, x), shape = result.share.origin, result.share.values.shape
    assert z == 0
    assert 10 - room - 1 <= y < 10
    assert x == 0
    assert x + shape[2] <= 16 + room + 1


def test_where_the_prompts_show_nothing_there_is_nothing_to_vote_on() -> None:
    truth = ball(SHAPE, (6, 15, 16), 4)
    segmenter = Threshold(BRIGHT + 0.05)
    seen: list[Section] = []
    slices = planes_in(grey_of(truth), segmenter)
    found = follow_three_axes(slices, boxed(truth, 6), THREE_AXES, seen.append)
    assert found == ([], None)
    assert seen == []


def test_slices_are_seen_as_soon_as_they_are_found() -> None:
    truth = ball(SHAPE, (6, 15, 16), 4)
    segmenter = Threshold()
    slices = planes_in(grey_of(truth), segmenter)
    seen: list[Section] = []
    first, result = follow_three_axes(slices, boxed(truth, 6), THREE_AXES, seen.append)
    assert sorted(seen, key=lambda section: section.index) == first
    assert result is not None
    assert {s.index for s in first} == set(range(extent(truth)[0], extent(truth)[1] + 1))


@given(st.tuples(*[st.integers(0, 9)] * 3), st.tuples(*[st.integers(1, 5)] * 3))
def test_a_block_says_where_it_lies(
    origin: tuple[int, int, int], shape: tuple[int, int, int]
) -> None:
    canvas = np.zeros((15, 15, 15), dtype=np.float32)
    block = Block(np.ones(shape, dtype=np.float32), origin)
    canvas[block.place] = block.values
    assert canvas.sum() == np.prod(shape)
    assert tuple(np.argwhere(canvas).min(axis=0)) == origin
    assert pytest.approx(1.0) == canvas[block.place].mean()
