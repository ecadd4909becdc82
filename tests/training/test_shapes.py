from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_fill_holes, label

from samdomains.training import shapes
from samdomains.training.shapes import COMPACT, ODD, THIN, Shape


@pytest.mark.parametrize(
    "shape", dict.fromkeys([*COMPACT, *ODD, *THIN]), ids=lambda shape: shape.__name__
)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), radius=st.floats(2.5, 60))
def test_shape_fills_part_of_its_mask(shape: Shape, seed: int, radius: float) -> None:
    mask = shape(np.random.default_rng(seed), radius)
    assert mask.dtype == np.bool_
    assert mask.any()
    assert max(mask.shape) <= 2.4 * radius + 6


def test_ellipse_has_the_area_of_its_radius_at_most() -> None:
    areas = [shapes.ellipse(np.random.default_rng(seed), 40).sum() for seed in range(20)]
    assert max(areas) <= np.pi * 41.5**2
    assert min(areas) >= 0.3 * np.pi * 40**2


def test_ring_encloses_a_hole() -> None:
    for seed in range(20):
        mask = shapes.ring(np.random.default_rng(seed), 40)
        assert binary_fill_holes(mask).sum() > mask.sum() + 50


def test_scattered_parts_are_several() -> None:
    counts = [
        label(shapes.scattered_parts(np.random.default_rng(seed), 40))[1] for seed in range(20)
    ]
    assert np.median(counts) >= 2


def test_limbed_shape_hangs_together() -> None:
    for seed in range(20):
        parts, count = label(shapes.limbed(np.random.default_rng(seed), 40), np.ones((3, 3)))
        assert np.bincount(parts.ravel())[1:].max() > 0.9 * (parts > 0).sum(), count


def test_assembled_shape_hangs_together() -> None:
    for seed in range(20):
        _, count = label(shapes.assembled(np.random.default_rng(seed), 40), np.ones((3, 3)))
        assert count == 1


def test_stroke_is_thin() -> None:
    for seed in range(20):
        mask = shapes.stroke(np.random.default_rng(seed), 60)
        assert 60 < mask.sum() < 0.25 * mask.size
