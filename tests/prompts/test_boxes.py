from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from samdomains.prompts.boxes import box_of, jitter_box, window_of
from samdomains.types import Mask, ObjectMask

SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, max_side=24)
ANY_MASK = arrays.arrays(np.bool_, SHAPES).filter(np.any)
"""Masks of any shape with a true pixel: single pixels, scattered parts, holes, full ones."""


def test_the_box_is_tight_with_exclusive_ends(square: Mask) -> None:
    assert box_of(square).tolist() == [20, 10, 50, 30]


@given(ANY_MASK)
def test_the_box_is_that_of_the_cropped_object(mask: Mask) -> None:
    assert np.array_equal(box_of(mask), ObjectMask.from_mask(mask).box)


def test_an_empty_mask_has_no_box() -> None:
    with pytest.raises(ValueError, match="without a true pixel"):
        box_of(np.zeros((4, 4), dtype=bool))


def test_a_margin_stops_at_the_image(square: Mask) -> None:
    assert window_of(square, margin=15) == (slice(0, 45), slice(5, 65))


def test_no_jitter_gives_the_box_back(square: Mask, rng: np.random.Generator) -> None:
    jittered = jitter_box(box_of(square), (64, 80), rng, share=0.0, pixels=20.0)
    assert np.array_equal(jittered, box_of(square))


def test_jitter_has_the_spread_that_is_asked_for(rng: np.random.Generator) -> None:
    box = np.array([400, 450, 600, 550], dtype=np.float32)
    shifts = np.stack(
        [jitter_box(box, (1000, 1000), rng, share=0.05, pixels=1e6) - box for _ in range(4000)]
    )
    assert np.allclose(shifts.mean(axis=0), 0, atol=0.6)
    assert np.allclose(shifts.std(axis=0), [10, 5, 10, 5], rtol=0.05)


def test_jitter_never_exceeds_the_largest_shift(rng: np.random.Generator) -> None:
    box = np.array([100, 100, 900, 900], dtype=np.float32)
    for _ in range(200):
        moved = jitter_box(box, (1000, 1000), rng, share=0.1, pixels=20.0)
        assert np.abs(moved - box).max() <= 20


@given(ANY_MASK, st.integers(0, 2**32 - 1), st.floats(0, 3), st.floats(0, 50))
def test_a_jittered_box_is_a_box_inside_the_image(
    mask: Mask, seed: int, share: float, pixels: float
) -> None:
    height, width = mask.shape
    size = (height, width)
    generator = np.random.default_rng(seed)
    x0, y0, x1, y1 = jitter_box(box_of(mask), size, generator, share=share, pixels=pixels)
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height
    assert min(x1 - x0, y1 - y0) >= 0.999
