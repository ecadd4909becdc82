from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samdomains.audit.findings import Finding
from samdomains.audit.shapes import (
    border_step,
    check_coarse_border,
    check_holes,
    check_objects_twice,
    check_stray_parts,
    told_once,
)
from samdomains.types import Mask, ObjectMask
from tests.audit_making import SIZE, disk, picture

CASE = picture(0).as_case("a")


def coarse(mask: Mask, step: int) -> Mask:
    small = mask[step // 2 :: step, step // 2 :: step]
    return np.kron(small, np.ones((step, step), dtype=bool))[: mask.shape[0], : mask.shape[1]]


def one(*objects: ObjectMask | Mask) -> tuple[ObjectMask, ...]:
    return tuple(
        item if isinstance(item, ObjectMask) else ObjectMask.from_mask(item) for item in objects
    )


@given(st.floats(9, 30), st.floats(40, 60), st.floats(40, 60))
@settings(max_examples=25, deadline=None)
def test_a_disk_goes_in_steps_of_one_pixel(radius: float, y: float, x: float) -> None:
    assert border_step(disk(y, x, radius).astype(np.int32)) == 1


@pytest.mark.parametrize("step", [2, 3, 4, 8])
def test_a_mask_drawn_at_lower_resolution_goes_in_its_steps(step: int) -> None:
    mask = coarse(disk(48, 48, 40), step)
    assert border_step(mask.astype(np.int32)) == step
    (finding,) = check_coarse_border(CASE, one(mask))
    assert finding.check == "blocky_border"
    assert f"steps of {step} px" in finding.problem


def test_a_step_that_is_no_whole_number_is_found() -> None:
    places = (np.arange(96) / 2.5).astype(int)
    small = disk(19, 19, 16)[:40, :40]
    assert border_step(small[np.ix_(places, places)].astype(np.int32)) in (2, 3)


def test_coarse_borders_of_most_images_are_told_once() -> None:
    mask = one(coarse(disk(48, 48, 40), 4))
    found = [
        finding
        for place in range(6)
        for finding in check_coarse_border(replace(CASE, id=str(place)), mask)
    ]
    assert told_once(found, 20) == found
    (finding,) = told_once(found, 8)
    assert finding.case == ""
    assert "6 of 8 images" in finding.problem


def test_boxes_along_the_axes_are_no_coarse_masks() -> None:
    rng = np.random.default_rng(0)
    labels = np.zeros((200, 200), dtype=np.int32)
    for number in range(12):
        y, x = 60 * (number // 4) + rng.integers(4, 20), 48 * (number % 4) + rng.integers(3, 15)
        labels[y : y + rng.integers(9, 30), x : x + rng.integers(9, 28)] = number + 1
    assert border_step(labels) == 1


def test_an_empty_mask_and_one_small_object_say_nothing_about_steps() -> None:
    assert border_step(np.zeros(SIZE, dtype=np.int32)) == 1
    assert border_step(disk(20, 20, 2).astype(np.int32)) == 1
    assert list(check_coarse_border(CASE, ())) == []


def test_pin_holes_are_counted_and_pointed_at_and_large_holes_are_meant() -> None:
    pricked = disk(40, 40, 20)
    pricked[40, 41] = pricked[30:32, 36] = False
    ring = disk(40, 90, 15) & ~disk(40, 90, 6)
    (finding,) = check_holes(CASE, one(ring, pricked))
    assert finding.check == "holes"
    assert finding.fix == "fill_holes"
    assert finding.object_index == 1
    assert "1 of 2 objects" in finding.problem
    assert "2 in all" in finding.problem
    assert finding.box == (36, 30, 37, 32)
    assert list(check_holes(CASE, one(ring, disk(40, 40, 20)))) == []


def test_a_small_part_apart_from_its_object_is_told_with_its_place() -> None:
    mask = disk(40, 40, 20)
    mask[80:84, 90:94] = True
    (finding,) = check_stray_parts(CASE, one(mask), 4)
    assert finding.check == "stray_parts"
    assert finding.box == (90, 80, 94, 84)


def test_objects_of_several_large_parts_are_drawn_so() -> None:
    assert list(check_stray_parts(CASE, one(disk(30, 30, 12) | disk(70, 80, 12)), 4)) == []


def test_parts_below_the_minimum_area_are_left_to_the_check_of_specks() -> None:
    mask = disk(40, 40, 20)
    mask[80, 90] = True
    assert list(check_stray_parts(CASE, one(mask), 4)) == []


def twice(*objects: ObjectMask) -> list[Finding]:
    return list(check_objects_twice(CASE, objects))


def test_an_object_that_was_annotated_twice_is_told() -> None:
    first, again, other = one(disk(40, 40, 15), disk(41, 40, 15), disk(40, 75, 12))
    (finding,) = twice(first, other, again)
    assert finding.check == "object_twice"
    assert finding.object_index == 2
    assert "1 of 3 objects" in finding.problem


def test_nested_objects_and_objects_of_another_class_are_not_the_same() -> None:
    cell, nucleus = one(disk(40, 40, 20), disk(40, 40, 12))
    assert twice(cell, nucleus) == []
    assert twice(cell, replace(cell, class_id=2)) == []
    assert twice(cell, replace(cell, crowd=True)) == []
