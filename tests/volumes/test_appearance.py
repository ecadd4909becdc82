from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samdomains.volumes.appearance import BINS, LEAST_RING, MOST, Appearance


def square(inside: float = 0.8, around: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros((30, 40), dtype=bool)
    mask[10:20, 12:24] = True
    return np.where(mask, inside, around).astype(np.float32), mask


def test_grey_levels_of_the_object_speak_for_it_and_those_around_against() -> None:
    grey, mask = square()
    evidence = Appearance.of(grey, mask).evidence(grey)
    assert evidence.dtype == np.float32
    assert (evidence[mask] > 2).all()
    assert (evidence[~mask] < -2).all()


def test_a_grey_level_that_was_not_seen_proves_nothing() -> None:
    grey, mask = square(inside=0.95, around=0.05)
    assert abs(Appearance.of(grey, mask).evidence(np.full((1, 1), 0.5, np.float32))[0, 0]) < 0.1


def test_only_what_is_near_counts_as_around() -> None:
    grey, mask = square()
    far = grey.copy()
    far[:5] = 0.8
    assert np.array_equal(Appearance.of(far, mask).around, Appearance.of(grey, mask).around)
    grey[10 - LEAST_RING, 15] = 0.8
    assert Appearance.of(grey, mask).around[int(0.8 * BINS)] > 0


def test_an_object_that_fills_the_image_has_nothing_around_it() -> None:
    grey = np.random.default_rng(0).random((8, 8), dtype=np.float32)
    appearance = Appearance.of(grey, np.ones((8, 8), dtype=bool))
    assert appearance.around.sum() == 0
    assert np.isfinite(appearance.evidence(grey)).all()


def test_the_mean_of_several_weighs_them_alike() -> None:
    one, other = (Appearance.of(*square(inside=level)) for level in (0.5, 0.9))
    both = Appearance.mean([one, other])
    assert both.inside == pytest.approx((one.inside + other.inside) / 2)
    assert Appearance.mean([one]).around == pytest.approx(one.around)


@given(st.integers(0, 2**32 - 1))
def test_shares_are_probabilities_and_evidence_is_bounded(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grey = rng.random((9, 11), dtype=np.float32)
    grey[0, :2] = 0.0, 1.0
    mask = rng.random((9, 11)) > rng.random()
    mask[4, 5] = True
    appearance = Appearance.of(grey, mask)
    assert appearance.inside.sum() == pytest.approx(1)
    assert appearance.around.sum() == pytest.approx(1) or mask.all()
    assert np.abs(appearance.evidence(grey)).max() <= MOST
