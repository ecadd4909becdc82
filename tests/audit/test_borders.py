from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from samdomains.audit.borders import BestShift, best_shift, in_words, judge_placement
from samdomains.audit.looks import Look, take_look
from samdomains.types import ObjectMask
from tests.audit_making import SIZE, Picture, disk, noise, picture, pictures


def look_at(shown: Picture) -> Look:
    return take_look(shown.pixels, shown.objects)


def found(shown: Picture) -> BestShift:
    shift = best_shift(look_at(shown))
    assert shift is not None
    return shift


def test_masks_that_fit_need_no_shift() -> None:
    shift = found(picture(0))
    assert (shift.down, shift.right) == (0, 0)
    assert shift.gain == shift.clearness == 0


@pytest.mark.parametrize(("down", "right"), [(3, 0), (0, -3), (2, 2), (-4, 1)])
def test_shifted_masks_fit_best_where_they_came_from(down: int, right: int) -> None:
    shift = found(picture(1).moved(down, right))
    assert (shift.down, shift.right) == (-down, -right)
    assert shift.gain > 0.5
    assert shift.clearness > 5


def test_shifts_of_a_reduced_image_are_told_in_its_own_pixels() -> None:
    look = replace(look_at(picture(1).moved(3, 0)), scale=2)
    shift = best_shift(look)
    assert shift is not None
    assert (shift.down, shift.right) == (-6, 0)


def test_a_speck_and_an_image_without_objects_cannot_be_judged() -> None:
    speck = ObjectMask.from_mask(disk(40, 40, 1))
    assert best_shift(look_at(replace(picture(0), objects=(speck,)))) is None
    assert best_shift(look_at(replace(picture(0), objects=()))) is None


def test_an_image_smaller_than_the_search_cannot_be_judged() -> None:
    pixels = np.arange(80, dtype=np.uint8).reshape(1, 8, 10)
    assert best_shift(take_look(pixels, (ObjectMask.from_mask(pixels[0] > 40),))) is None


def test_the_one_shifted_mask_of_a_set_stands_out() -> None:
    shown = pictures(10)
    shown[4] = shown[4].moved(3, -3)
    placement = judge_placement([found(item) for item in shown])
    assert placement.reliable
    assert placement.usual == (0, 0)
    assert placement.agreement == 1
    (misplaced,) = placement.misplaced
    assert misplaced.place == 4
    assert (misplaced.shift.down, misplaced.shift.right) == (-3, 3)
    assert misplaced.certain


def test_images_that_cannot_be_judged_keep_their_places() -> None:
    shifts = [None, *(found(item) for item in pictures(6)), found(picture(9).moved(0, 4))]
    placement = judge_placement(shifts)
    assert placement.judged == 7
    assert [item.place for item in placement.misplaced] == [7]


def test_a_set_that_is_shifted_as_a_whole_has_no_misplaced_mask() -> None:
    placement = judge_placement([found(item.moved(2, 0)) for item in pictures(8)])
    assert placement.reliable
    assert placement.usual == (-2, 0)
    assert placement.misplaced == ()


def test_where_borders_follow_no_edge_nothing_is_said() -> None:
    shown = [replace(picture(seed), pixels=noise(seed)) for seed in range(12)]
    placement = judge_placement([found(item) for item in shown])
    assert not placement.reliable
    assert placement.misplaced == ()


def test_few_images_say_nothing_about_what_is_usual() -> None:
    placement = judge_placement([found(picture(0)), found(picture(1).moved(4, 0))])
    assert not placement.reliable
    assert placement.misplaced == ()
    nothing = judge_placement([None])
    assert not nothing.reliable
    assert math.isnan(nothing.usual[0])


def test_shifts_are_told_in_words() -> None:
    assert in_words(-1, 3) == "3 px further right and 1 px further up"
    assert in_words(0.5, 0) == "0.5 px further down"


def test_the_shapes_of_the_making_fit_the_image() -> None:
    assert all(item.image_size == SIZE for item in picture(0).objects)
