from __future__ import annotations

import numpy as np
import pytest

from samdomains.training import textures

FIELDS = ["smooth_noise", "fractal_noise", "speckle", "stripes", "brushed"]


@pytest.mark.parametrize("name", [*FIELDS, "random_texture"])
@pytest.mark.parametrize(("size", "scale"), [(64, 3.0), (128, 40.0), (33, 200.0)])
def test_field_is_standardised_and_follows_the_seed(name: str, size: int, scale: float) -> None:
    texture = getattr(textures, name)
    field = texture(np.random.default_rng(1), size, scale)
    assert field.shape == (size, size)
    assert field.dtype == np.float32
    assert field.mean() == pytest.approx(0, abs=1e-3)
    assert field.std() == pytest.approx(1, abs=1e-2)
    np.testing.assert_array_equal(field, texture(np.random.default_rng(1), size, scale))


def test_gradient_is_standardised_and_smooth() -> None:
    for seed in range(10):
        ramp = textures.gradient(np.random.default_rng(seed), 64)
        assert ramp.std() == pytest.approx(1, abs=1e-2)
        assert np.abs(np.diff(ramp, axis=0)).max() < 0.2


def test_smooth_noise_of_a_larger_scale_changes_more_slowly() -> None:
    def roughness(scale: float) -> float:
        field = textures.smooth_noise(np.random.default_rng(0), 128, scale)
        return float(np.abs(np.diff(field, axis=1)).mean())

    assert roughness(32) < 0.5 * roughness(8)
