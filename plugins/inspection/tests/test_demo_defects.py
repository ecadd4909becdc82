from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samdomains_inspection.demo_defects import dents, pits, scratches
from samdomains_inspection.measurement import measure
from scipy import ndimage

from samdomains.plugin import ObjectMask

SEEDS = st.integers(0, 2**32 - 1)
EVEN = np.ones((180, 210))


def parts(mask: np.ndarray) -> list[ObjectMask]:
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    return [ObjectMask.from_mask(labels == label) for label in range(1, count + 1)]


@settings(max_examples=15)
@given(SEEDS)
def test_scratches_are_thin_and_brighter_than_the_surface(seed: int) -> None:
    light, mask = scratches(np.random.default_rng(seed), EVEN)
    assert 1 <= len(parts(mask)) <= 3
    for part in parts(mask):
        found = measure(part)
        assert found.length > 6 * found.width
        assert light[part.mask()].mean() > 1.1


@settings(max_examples=15)
@given(SEEDS)
def test_dents_are_compact_with_a_bright_and_a_dark_side(seed: int) -> None:
    light, mask = dents(np.random.default_rng(seed), EVEN)
    assert 1 <= len(parts(mask)) <= 2
    for part in parts(mask):
        found = measure(part)
        assert found.length < 3 * found.width
        assert light[part.mask()].max() > 1.05
        assert light[part.mask()].min() < 0.85


@settings(max_examples=15)
@given(SEEDS)
def test_pits_are_small_and_dark(seed: int) -> None:
    light, mask = pits(np.random.default_rng(seed), EVEN)
    assert 2 <= len(parts(mask)) <= 5
    for part in parts(mask):
        assert part.area >= 9
        assert measure(part).length < 25
        assert light[part.mask()].mean() < 0.85


def test_far_from_a_defect_the_surface_is_as_it_was() -> None:
    light, mask = pits(np.random.default_rng(0), EVEN)
    far = ndimage.distance_transform_edt(~mask) > 8
    assert light[far] == pytest.approx(EVEN[far])
