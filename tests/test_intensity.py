from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from samdomains.errors import RecipeError, SamDomainsError
from samdomains.intensity import (
    FixedRange,
    PercentileStretch,
    ZScoreStretch,
    make_normalizer,
    otsu_threshold,
)
from samdomains.recipe import IntensityRecipe
from samdomains.types import CaseStatistics, RawImage


def statistics_of(pixels: RawImage) -> CaseStatistics:
    flat = pixels.reshape(len(pixels), -1).astype(np.float64)
    quantiles = np.percentile(flat, np.linspace(0, 100, 1001), axis=1).T
    return CaseStatistics(str(pixels.dtype), quantiles, flat.mean(axis=1), flat.std(axis=1))


def ramp(low: int, high: int, channels: int = 1) -> RawImage:
    values = np.linspace(low, high, 101).reshape(1, 1, -1)
    return np.repeat(values, channels, axis=0).astype(np.uint16)


def test_percentiles_of_a_ramp_become_0_and_1() -> None:
    pixels = ramp(1000, 2000)
    image = PercentileStretch(10, 90)(pixels, statistics_of(pixels))
    assert image.shape == (3, 1, 101)
    assert image.dtype == np.float32
    assert image[0, 0, 10] == 0
    assert image[0, 0, 50] == pytest.approx(0.5)
    assert image[0, 0, 90] == pytest.approx(1.0)
    assert image[0, 0, 0] == 0
    assert image[0, 0, 100] == 1


def test_a_tile_is_stretched_as_its_whole_case() -> None:
    pixels = ramp(0, 60000)
    stretch = PercentileStretch(0, 100)
    whole = stretch(pixels, statistics_of(pixels))
    tile = stretch(pixels[:, :, 40:60], statistics_of(pixels))
    np.testing.assert_array_equal(tile, whole[:, :, 40:60])


def test_one_channel_is_repeated() -> None:
    pixels = ramp(0, 100)
    image = PercentileStretch(0, 100)(pixels, statistics_of(pixels))
    np.testing.assert_array_equal(image[0], image[1])
    np.testing.assert_array_equal(image[0], image[2])


def test_pooled_channels_keep_their_ratio_and_separate_ones_do_not() -> None:
    pixels = np.concatenate([ramp(0, 100), ramp(0, 50), ramp(0, 25)])
    statistics = statistics_of(pixels)
    pooled = PercentileStretch(0, 100)(pixels, statistics)
    assert pooled[:, 0, -1] == pytest.approx([1, 0.5, 0.25])
    separate = PercentileStretch(0, 100, per_channel=True)(pixels, statistics)
    assert separate[:, 0, -1] == pytest.approx([1, 1, 1])


def test_a_fourth_channel_is_left_out_and_does_not_set_the_range() -> None:
    pixels = np.concatenate([ramp(0, 100, channels=3), ramp(60000, 60000)])
    assert PercentileStretch(0, 100)(pixels, statistics_of(pixels)).max(axis=(1, 2)).tolist() == [
        1,
        1,
        1,
    ]


def test_channels_choose_and_repeat() -> None:
    pixels = np.concatenate([ramp(0, 100), ramp(100, 0)])
    image = FixedRange(0, 100, channels=(1, 0, 0))(pixels, statistics_of(pixels))
    assert image[:, 0, 0].tolist() == [1, 0, 0]


@pytest.mark.parametrize("normalizer", [FixedRange(0, 1), PercentileStretch(0, 100)])
def test_two_channels_need_a_choice(normalizer: FixedRange | PercentileStretch) -> None:
    pixels = ramp(0, 100, channels=2)
    with pytest.raises(RecipeError, match=r"set intensity\.channels"):
        normalizer(pixels, statistics_of(pixels))


def test_a_channel_that_the_image_lacks_is_refused() -> None:
    pixels = ramp(0, 100, channels=2)
    with pytest.raises(RecipeError, match=r"channel 2, but the image has 2; allowed: 0 to 1"):
        FixedRange(0, 1, channels=(0, 1, 2))(pixels, statistics_of(pixels))


@pytest.mark.parametrize("per_channel", [False, True])
def test_a_constant_image_becomes_zeros_without_a_warning(per_channel: bool) -> None:
    pixels = np.full((3, 4, 4), 77, dtype=np.uint8)
    image = PercentileStretch(1, 99, per_channel=per_channel)(pixels, statistics_of(pixels))
    assert not image.any()


def test_a_few_bright_targets_on_an_even_background_stay_visible() -> None:
    pixels = np.full((1, 64, 64), 10, dtype=np.uint8)
    pixels[0, 5, 5] = 200
    image = PercentileStretch(0.1, 99.9)(pixels, statistics_of(pixels))
    assert image[0, 5, 5] == 1
    assert image[0, 0, 0] == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(bad: float) -> None:
    pixels = np.zeros((1, 2, 2), dtype=np.float32)
    statistics = statistics_of(pixels)
    pixels[0, 0, 0] = bad
    with pytest.raises(SamDomainsError, match="NaN or infinite"):
        FixedRange(0, 1)(pixels, statistics)


def test_a_ct_window_in_hounsfield_units() -> None:
    pixels = np.array([[[-1500, -160, 40, 240, 3000]]], dtype=np.int16)
    image = FixedRange(-160, 240)(pixels, statistics_of(pixels))
    assert image[0, 0].tolist() == [0, 0, 0.5, 1, 1]


def test_large_offsets_lose_no_precision() -> None:
    pixels = np.array([[[2**30, 2**30 + 1, 2**30 + 2]]], dtype=np.int64)
    assert PercentileStretch(0, 100)(pixels, statistics_of(pixels))[0, 0].tolist() == [0, 0.5, 1]


@given(
    arrays(np.int32, array_shapes(min_dims=3, max_dims=3, max_side=6).filter(lambda s: s[0] != 2))
)
def test_the_answer_is_monotone_and_in_range_for_any_pixels(pixels: RawImage) -> None:
    image = PercentileStretch(1, 99)(pixels, statistics_of(pixels))
    assert image.shape == (3, *pixels.shape[1:])
    assert image.dtype == np.float32
    assert image.min() >= 0
    assert image.max() <= 1
    order = np.argsort(pixels[0], axis=None)
    assert (np.diff(image[0].ravel()[order]) >= 0).all()


def test_the_amount_of_air_around_a_body_does_not_count() -> None:
    tissue = np.linspace(500, 1500, 100)
    for air in (100, 400, 900):
        pixels = np.concatenate([np.zeros(air), [60.0] * 20, tissue])[None, None]
        image = PercentileStretch(0, 50, body=True)(pixels, statistics_of(pixels))
        assert image[0, 0, air + 70] == pytest.approx(1.0, abs=0.06)
        assert image[0, 0, air] == pytest.approx(0.06, abs=0.01), "dark tissue is not cut"


def test_standard_deviations_from_the_mean_of_the_body() -> None:
    values = np.random.default_rng(0).normal(800, 50, 4000)
    pixels = np.concatenate([np.zeros(6000), values])[None, None]
    image = ZScoreStretch(-2, 2, body=True)(pixels, statistics_of(pixels))
    assert image[0, 0, 6000:].mean() == pytest.approx(0.5, abs=0.02)
    assert image[0, 0, 6000:].std() == pytest.approx(0.25, abs=0.02)


@given(arrays(np.float64, st.integers(2, 60), elements=st.integers(-999, 999)))
def test_the_threshold_lies_within_the_values(values: np.ndarray) -> None:
    values.sort()
    assert values[0] <= otsu_threshold(values) <= values[-1]


def test_a_constant_image_has_a_body() -> None:
    pixels = np.full((1, 4, 4), 7)
    for method in (PercentileStretch(1, 99, body=True), ZScoreStretch(-2, 2, body=True)):
        assert not method(pixels, statistics_of(pixels)).any()


@given(st.sampled_from(["percentile", "range", "zscore"]), st.booleans())
def test_the_recipe_chooses_the_normalizer_and_it_pickles(method: str, per_channel: bool) -> None:
    recipe = IntensityRecipe.model_validate(
        {"method": method, "per_channel": per_channel, "channels": (0,)}
    )
    normalizer = make_normalizer(recipe)
    kinds = {"range": FixedRange, "percentile": PercentileStretch, "zscore": ZScoreStretch}
    assert isinstance(normalizer, kinds[method])
    assert pickle.loads(pickle.dumps(normalizer)) == normalizer
