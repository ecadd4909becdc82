from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from samdomains.prompts.masks import coarse_mask
from samdomains.types import Mask

SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, max_side=24)
ANY_MASK = arrays.arrays(np.bool_, SHAPES).filter(np.any)
"""Masks of any shape with a true pixel: single pixels, scattered parts, holes, full ones."""


@given(ANY_MASK, st.integers(0, 2**32 - 1))
def test_a_coarse_mask_is_never_empty_and_keeps_its_size(mask: Mask, seed: int) -> None:
    before = mask.copy()
    coarse = coarse_mask(mask, np.random.default_rng(seed))
    assert coarse.shape == mask.shape
    assert coarse.dtype == np.bool_
    assert coarse.any()
    assert np.array_equal(mask, before)


def test_coarse_masks_differ_from_the_object_but_resemble_it(
    square: Mask, rng: np.random.Generator
) -> None:
    coarse = [coarse_mask(square, rng) for _ in range(100)]
    overlaps = np.array([(c & square).sum() / (c | square).sum() for c in coarse])
    assert overlaps.min() > 0.3
    assert (overlaps < 1).mean() > 0.7


def test_coarse_masks_are_smaller_as_well_as_larger(square: Mask, rng: np.random.Generator) -> None:
    areas = np.array([coarse_mask(square, rng).sum() for _ in range(100)])
    assert areas.min() < square.sum() < areas.max()
