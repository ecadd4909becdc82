from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samdomains_inspection.demo_surfaces import SURFACES, Surface, brushed_metal, smooth_noise


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from(SURFACES))
def test_a_surface_has_mean_brightness_one_and_no_extremes(seed: int, surface: Surface) -> None:
    light = surface(np.random.default_rng(seed), (160, 200))
    assert light.shape == (160, 200)
    assert light.mean() == pytest.approx(1, abs=0.05)
    assert 0.2 < light.min() < light.max() < 1.8


def test_grooves_of_brushed_metal_run_in_one_direction() -> None:
    light = brushed_metal(np.random.default_rng(3), (200, 200))
    steps = sorted(float(np.abs(np.diff(light, axis=axis)).mean()) for axis in (0, 1))
    assert steps[1] > 5 * steps[0]


def test_noise_has_unit_deviation() -> None:
    noise = smooth_noise(np.random.default_rng(0), (90, 80), 4)
    assert noise.std() == pytest.approx(1)
