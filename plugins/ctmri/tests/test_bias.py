from __future__ import annotations

import numpy as np
from samdomains_ctmri.bias import correct_bias


def test_a_smooth_field_is_removed() -> None:
    rng = np.random.default_rng(0)
    i, j, _ = np.indices((48, 48, 16)) / 48
    body = (i - 0.5) ** 2 + (j - 0.5) ** 2 < 0.2
    tissue = np.where(body, 400.0, 5.0) + rng.normal(0, 8, body.shape)
    corrected = correct_bias(tissue * (0.6 + 0.8 * i))

    def unevenness(values: np.ndarray) -> float:
        return float(values[body].std() / values[body].mean())

    assert corrected.dtype == np.float32
    assert unevenness(corrected) < 0.5 * unevenness(tissue * (0.6 + 0.8 * i))


def test_a_constant_volume_stays() -> None:
    assert (correct_bias(np.full((8, 8, 4), 7)) == 7).all()
