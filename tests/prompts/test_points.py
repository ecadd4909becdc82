from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from samdomains.prompts.points import background_point, interior_point, random_point
from samdomains.types import Mask, Points

SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, max_side=24)
ANY_MASK = arrays.arrays(np.bool_, SHAPES).filter(np.any)
"""Masks of any shape with a true pixel: single pixels, scattered parts, holes, full ones."""


def at(mask: Mask, point: Points) -> bool:
    """The mask's value under a point (x, y)."""
    return bool(mask[int(point[1]), int(point[0])])


@given(ANY_MASK, st.integers(0, 2**32 - 1))
def test_points_on_the_object_never_leave_it(mask: Mask, seed: int) -> None:
    assert at(mask, random_point(mask, np.random.default_rng(seed)))
    assert at(mask, interior_point(mask))


@given(ANY_MASK, st.integers(0, 2**32 - 1))
def test_background_points_are_never_on_the_object(mask: Mask, seed: int) -> None:
    point = background_point(mask, np.random.default_rng(seed))
    assert mask.all() or point is None or not at(mask, point)


def test_a_full_mask_has_no_background_point(rng: np.random.Generator) -> None:
    assert background_point(np.ones((5, 7), dtype=bool), rng) is None


def test_background_points_stay_near_the_object(square: Mask, rng: np.random.Generator) -> None:
    for _ in range(300):
        point = background_point(square, rng)
        assert point is not None
        assert 14 <= point[0] < 56
        assert 4 <= point[1] < 36


def test_random_points_cover_the_object_evenly(rng: np.random.Generator) -> None:
    mask = np.zeros((6, 9), dtype=bool)
    mask[1, 2] = mask[4, 3:6] = True
    hits = np.zeros(mask.shape)
    for _ in range(4000):
        x, y = random_point(mask, rng).astype(int)
        hits[y, x] += 1
    assert np.allclose(hits[mask] / 4000, 0.25, atol=0.03)


def test_the_interior_point_is_the_middle_of_a_square(square: Mask) -> None:
    x, y = interior_point(square).tolist()
    assert y in (19, 20)
    assert 29 <= x <= 40


def test_the_interior_point_avoids_a_hole() -> None:
    mask = np.ones((9, 15), dtype=bool)
    mask[3:6, 2:5] = False
    assert interior_point(mask).tolist() == [9.0, 4.0]


def test_the_border_of_the_image_is_a_border_of_the_object() -> None:
    mask = np.zeros((9, 9), dtype=bool)
    mask[:, :5] = True
    assert interior_point(mask).tolist() == [2.0, 2.0]


def test_a_single_pixel_is_its_own_interior() -> None:
    mask = np.zeros((3, 4), dtype=bool)
    mask[2, 3] = True
    assert interior_point(mask).tolist() == [3.0, 2.0]


@pytest.mark.parametrize(
    "find", [interior_point, partial(random_point, rng=np.random.default_rng(0))]
)
def test_an_empty_mask_has_no_point(find: Callable[[Mask], Points]) -> None:
    with pytest.raises(ValueError, match="without a true pixel"):
        find(np.zeros((4, 4), dtype=bool))
