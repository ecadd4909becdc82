from __future__ import annotations

import numpy as np

from samdomains.audit.masks import (
    check_classes,
    check_full_masks,
    check_mask_size,
    check_specks,
    numbered,
    pixel_box,
)
from samdomains.types import Case, ObjectMask, RawImage

SIZE = (6, 8)


def nothing() -> RawImage:
    return np.zeros((1, *SIZE))


CASE = Case("a", "a", nothing, None, {1: "cell"})


def block(x0: int, y0: int, side: int, *, class_id: int = 1, crowd: bool = False) -> ObjectMask:
    mask = np.zeros(SIZE, dtype=bool)
    mask[y0 : y0 + side, x0 : x0 + side] = True
    return ObjectMask.from_mask(mask, class_id=class_id, crowd=crowd)


def test_indices_are_those_of_all_objects() -> None:
    objects = [block(0, 0, 2, crowd=True), block(3, 3, 1)]
    assert numbered(objects) == [(1, objects[1])]


def test_the_box_of_an_object_is_x_first_and_exclusive() -> None:
    assert pixel_box(block(4, 1, 3)) == (4, 1, 7, 4)


def test_the_smallest_speck_is_pointed_at() -> None:
    objects = [block(0, 0, 3), block(4, 1, 2), block(7, 5, 1)]
    (finding,) = check_specks(CASE, objects, minimum_area=5)
    assert (finding.object_index, finding.box, finding.fix) == (2, (7, 5, 8, 6), "remove_specks")


def test_a_speck_apart_from_its_object_is_pointed_at() -> None:
    mask = block(1, 1, 3).mask()
    mask[5, 6] = True
    (finding,) = check_specks(CASE, [block(6, 0, 2), ObjectMask.from_mask(mask)], minimum_area=4)
    assert finding.problem.startswith("1 of 2 objects have specks of fewer than 4 pixels")
    assert (finding.object_index, finding.box) == (1, (6, 5, 7, 6))


def test_an_unknown_class_points_at_its_first_object() -> None:
    (finding,) = check_classes(CASE, [block(0, 0, 2), block(3, 3, 2, class_id=4)])
    assert (finding.object_index, finding.box) == (1, (3, 3, 5, 5))


def test_crowd_regions_are_not_looked_at() -> None:
    crowd = [block(0, 0, 1, class_id=4, crowd=True)]
    assert not [*check_classes(CASE, crowd), *check_specks(CASE, crowd, 4)]
    full = ObjectMask(np.ones(SIZE, dtype=bool), (0, 0), SIZE, crowd=True)
    assert not list(check_full_masks(CASE, [full]))


def test_masks_of_the_images_size_are_fine() -> None:
    assert not list(check_mask_size(CASE, [block(0, 0, 2)], SIZE))
