"""Statistics of one case."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samdomains.data import statistics
from samdomains.data.statistics import case_statistics, statistics_of_blocks


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


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1000),
    dtype=st.sampled_from(["uint8", "int16", "uint16", "int32", "float16", "float32", "float64"]),
    depth=st.integers(1, 5),
    width=st.integers(1, 12),
    sampled=st.sampled_from([20, 4_000_000]),
)
def test_blocks_give_what_the_whole_gives(
    seed: int, dtype: str, depth: int, width: int, sampled: int
) -> None:
    rng = np.random.default_rng(seed)
    volume = (rng.normal(size=(2, depth, 3, width)) * 60 + 100).astype(dtype)
    if volume.dtype.kind == "f":
        volume[rng.random(volume.shape) < 0.1] = np.nan
        volume[:, 0, 0, 0] = 7
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "SAMPLE_SIZE", sampled)
        found = statistics_of_blocks(lambda: np.moveaxis(volume, 1, 0))
        whole = case_statistics(volume)
    for channel, values in enumerate(volume):
        finite = values[np.isfinite(values)].astype(np.float64)
        step = -(-finite.size // sampled)
        while np.gcd(step, width) > 1:
            step += 1
        expected = np.quantile(finite[::step], np.linspace(0, 1, 1001))
        np.testing.assert_allclose(found.quantiles[channel], expected, rtol=1e-14)
        np.testing.assert_allclose(found.mean[channel], finite.mean(), rtol=1e-12)
        np.testing.assert_allclose(found.std[channel], finite.std(), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(found.quantiles, whole.quantiles)


def test_an_image_of_one_block_has_exactly_the_values_of_numpy() -> None:
    image = np.random.default_rng(0).integers(0, 255, (1, 200, 300)).astype(np.uint8)
    found, flat = case_statistics(image), image.ravel().astype(np.float64)
    np.testing.assert_array_equal(found.quantiles[0], np.quantile(flat, np.linspace(0, 1, 1001)))
    assert found.mean[0] == flat.mean()
    assert found.std[0] == flat.std()
