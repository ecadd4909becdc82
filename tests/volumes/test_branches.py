from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from samdomains.types import Mask
from samdomains.volumes.branches import entries
from tests.volumes.conftest import ball, tube


def rectangle(x0: int, x1: int, height: int = 12) -> Mask:
    mask = np.zeros((24, 60), dtype=bool)
    mask[6 : 6 + height, x0:x1] = True
    return mask


def test_where_two_branches_meet_the_other_one_is_entered() -> None:
    left, right = rectangle(4, 18), rectangle(30, 44)
    (found,) = entries({7: left, 8: left | right, 9: left | right})
    index, step, part = found
    assert (index, step) == (8, -1)
    assert np.array_equal(part, right)


def test_what_ends_in_the_next_slice_is_looked_for_there_too() -> None:
    left, right = rectangle(4, 18), rectangle(30, 44)
    (found,) = entries({7: left | right, 8: left})
    assert found[:2] == (7, 1)


def test_branches_apart_are_entered_one_by_one() -> None:
    middle, both = rectangle(22, 34), rectangle(4, 16) | rectangle(40, 52)
    found = list(entries({3: middle, 4: middle | both}))
    assert [item[:2] for item in found] == [(4, -1), (4, -1)]
    assert np.array_equal(found[0][2] | found[1][2], both)


def test_beyond_the_slices_that_show_an_object_nothing_is_looked_for() -> None:
    assert list(entries({5: rectangle(4, 18)})) == []
    assert list(entries({5: rectangle(4, 18), 9: rectangle(30, 44)})) == []
    assert list(entries({})) == []


def test_a_speck_and_a_rim_are_no_branches() -> None:
    body, speck = rectangle(4, 34), np.zeros((24, 60), dtype=bool)
    speck[10:13, 45:48] = True
    assert list(entries({3: body, 4: body | speck})) == []
    assert list(entries({3: body, 4: rectangle(4, 39)})) == []


@settings(max_examples=8)
@given(st.floats(4, 9), st.floats(-1, 1), st.floats(-1, 1))
def test_the_surface_of_a_smooth_object_is_no_branch(radius: float, down: float, by: float) -> None:
    for volume in (
        ball((12, 36, 36), (6, 18, 18), radius),
        tube((12, 36, 36), [(18 + down * (z - 6), 18 + by * (z - 6)) for z in range(12)], radius),
    ):
        masks = {index: mask for index, mask in enumerate(volume) if mask.any()}
        assert list(entries(masks)) == []
