from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from samdomains.audit.findings import SafeFix
from samdomains.audit.mending import PIN_HOLE, mended, pin_holes_of, specks_of
from samdomains.types import Mask, ObjectMask

SIZE = (16, 20)
BOTH: set[SafeFix] = {"remove_specks", "fill_holes"}


def drawn(*blocks: tuple[int, int, int, int], crowd: bool = False) -> ObjectMask:
    """Blocks of x0, y0, x1, y1 in one object."""
    mask = np.zeros(SIZE, dtype=bool)
    for x0, y0, x1, y1 in blocks:
        mask[y0:y1, x0:x1] = True
    return ObjectMask.from_mask(mask, crowd=crowd)


def with_hole(x: int, y: int) -> ObjectMask:
    mask = drawn((2, 2, 12, 12)).mask()
    mask[y, x] = False
    return ObjectMask.from_mask(mask)


def test_a_small_object_on_the_background_is_removed() -> None:
    (speck, sound) = mended([drawn((15, 2, 16, 3)), drawn((2, 2, 8, 8))], {"remove_specks"}, 4)
    assert (speck.after, speck.specks) == (None, 1)
    assert sound.after is not None
    assert (sound.after.area, sound.specks) == (36, 0)


def test_a_detached_part_is_removed_and_the_rest_keeps_its_place() -> None:
    (found,) = mended([drawn((5, 6, 11, 12), (1, 1, 2, 2))], {"remove_specks"}, 4)
    assert found.specks == 1
    assert found.after is not None
    assert found.after.box.tolist() == [5, 6, 11, 12]


def test_a_part_that_touches_at_a_corner_is_not_detached() -> None:
    assert not specks_of(drawn((5, 5, 9, 9), (9, 9, 10, 10)), 4).any()


def test_an_object_of_nothing_but_small_parts_is_left() -> None:
    item = drawn((1, 1, 3, 2), (6, 6, 7, 7), (9, 9, 10, 10))
    assert not specks_of(item, 4).any()


def test_specks_and_holes_that_touch_another_object_are_left() -> None:
    beside = [drawn((15, 2, 16, 3)), drawn((16, 3, 20, 8))]
    assert [one.specks for one in mended(beside, {"remove_specks"}, 4)] == [0, 0]
    inside = [with_hole(6, 6), drawn((6, 6, 7, 7))]
    assert mended(inside, {"fill_holes"}, 4)[0].holes == 0


def test_small_holes_are_filled_and_large_ones_are_not() -> None:
    (found,) = mended([with_hole(6, 6)], {"fill_holes"}, 4)
    assert found.after is not None
    assert (found.holes, found.after.area) == (1, 100)
    item = with_hole(6, 6).mask()
    item[6:8, 6:9] = False
    assert not pin_holes_of(ObjectMask.from_mask(item)).any()


def test_a_notch_at_the_border_is_no_hole() -> None:
    assert not pin_holes_of(with_hole(2, 6)).any()


def test_only_what_was_asked_for_is_done() -> None:
    item = with_hole(6, 6)
    assert mended([item], {"remove_specks"}, 4)[0].holes == 0
    assert mended([drawn((0, 0, 1, 1))], {"fill_holes"}, 4)[0].after is not None


def test_crowd_regions_are_left() -> None:
    (found,) = mended([drawn((15, 2, 16, 3), crowd=True)], BOTH, 4)
    assert found.after is found.before


@given(arrays(np.bool_, (9, 11)).filter(np.any), st.integers(1, 9))
def test_mending_changes_small_parts_alone_and_a_second_time_nothing(
    mask: Mask, minimum: int
) -> None:
    (once,) = mended([ObjectMask.from_mask(mask)], BOTH, minimum)
    after = np.zeros_like(mask) if once.after is None else once.after.mask()
    assert (after & ~mask).sum() <= once.holes * PIN_HOLE
    assert (mask & ~after).sum() <= once.specks * (minimum - 1)
    if once.after is not None:
        (twice,) = mended([once.after], BOTH, minimum)
        assert (twice.specks, twice.holes) == (0, 0)
