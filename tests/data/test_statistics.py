"""Statistics of one case."""

from __future__ import annotations

import numpy as np
import pytest

from samdomains.data import statistics
from samdomains.data.statistics import case_statistics


def test_a_ramp_has_its_closed_form_values() -> None:
    ramp = np.arange(1001, dtype=np.uint16).reshape(1, 7, 143)
    found = case_statistics(np.concatenate([ramp, 2 * ramp]))
    assert found.dtype == "uint16"
    np.testing.assert_allclose(found.quantiles[0], np.arange(1001))
    np.testing.assert_allclose(found.mean, [500, 1000])
    np.testing.assert_allclose(found.std, np.sqrt((1001**2 - 1) / 12) * np.array([1, 2]))
    np.testing.assert_allclose(found.percentile(99.9), [999, 1998])


def test_only_finite_pixels_count() -> None:
    pixels = np.array([[[np.nan, 1.0, 3.0, np.inf, -np.inf]]], dtype=np.float32)
    found = case_statistics(pixels)
    assert found.mean.tolist() == [2.0]
    assert found.percentile(50).tolist() == [2.0]


def test_a_channel_without_finite_pixels_is_refused() -> None:
    pixels = np.zeros((2, 3, 3))
    pixels[1] = np.nan
    with pytest.raises(ValueError, match="channel 1 of 2 has no finite pixel"):
        case_statistics(pixels)


def test_half_floats_do_not_overflow() -> None:
    found = case_statistics(np.full((1, 300, 300), 60000, dtype=np.float16))
    assert found.mean.tolist() == [60000.0]
    assert found.std.tolist() == [0.0]


def test_a_volume_is_one_case() -> None:
    volume = np.stack([np.zeros((4, 4)), np.full((4, 4), 2.0)])[None]
    assert case_statistics(volume).mean.tolist() == [1.0]


def test_large_images_are_sampled_evenly_and_alike_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(statistics, "SAMPLE_SIZE", 1000)
    columns = np.tile(np.arange(100.0), (100, 1))[None]  # every tenth pixel is one column's
    first, second = case_statistics(columns), case_statistics(columns)
    np.testing.assert_array_equal(first.quantiles, second.quantiles)
    assert first.percentile(50) == pytest.approx(49.5, abs=1.5)
    assert first.quantiles[0, 0] < 2
    assert first.quantiles[0, -1] > 97
    assert first.mean.tolist() == [49.5]
