from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from samdomains_satellite.polygons import outlined, rasterised

from samdomains.plugin import Mask, ObjectMask

MASKS = arrays.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))).filter(np.any)


@given(MASKS)
def test_any_mask_comes_back_from_its_outlines(mask: Mask) -> None:
    item = ObjectMask.from_mask(mask)
    found = rasterised(outlined(item.crop, item.origin), mask.shape)
    assert found is not None
    np.testing.assert_array_equal(found[0], item.crop)
    assert found[1] == item.origin


def test_holes_and_parts_that_touch_at_a_corner_are_kept() -> None:
    mask = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 1, 0], [0, 0, 0, 1]], dtype=bool)
    polygons = outlined(mask, (5, 7))
    assert [len(polygon) for polygon in polygons] == [2, 1]
    found = rasterised(polygons, (20, 20))
    assert found is not None
    np.testing.assert_array_equal(found[0], mask)
    assert found[1] == (5, 7)


def square(x0: float, y0: float, x1: float, y1: float) -> list[np.ndarray]:
    return [np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]])]


def test_a_pixel_counts_where_its_centre_lies_inside() -> None:
    found = rasterised([square(1.4, 0.6, 3.6, 2.4)], (5, 5))
    assert found is not None
    assert (found[0].shape, found[1]) == ((1, 3), (1, 1))


def test_what_leaves_the_image_is_cut_off() -> None:
    found = rasterised([square(-10, -10, 2, 3)], (5, 5))
    assert found is not None
    assert found[0].all()
    assert (found[0].shape, found[1]) == ((3, 2), (0, 0))


def test_nothing_in_the_image_is_none() -> None:
    assert rasterised([square(7, 7, 9, 9)], (5, 5)) is None
    assert rasterised([square(1.1, 1.1, 1.4, 1.4)], (5, 5)) is None


def test_overlapping_parts_are_one_object_without_a_hole() -> None:
    found = rasterised([square(0, 0, 3, 3), square(1, 1, 4, 4)], (5, 5))
    assert found is not None
    assert found[0].sum() == 14


def test_only_the_window_of_a_polygon_is_made() -> None:
    """A scene of 4 million square pixels would take 16 TiB."""
    size = (4_000_000, 4_000_000)
    found = rasterised([square(3_000_000, 2_000_000, 3_000_004, 2_000_002)], size)
    assert found is not None
    assert (found[0].shape, found[1]) == ((2, 4), (2_000_000, 3_000_000))
