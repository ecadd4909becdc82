from __future__ import annotations

import pickle

import numpy as np
import pytest
from samdomains_satellite.intensity import NodataNormalizer

from samdomains.data.statistics import case_statistics
from samdomains.plugin import FixedRange, PercentileStretch, SamDomainsError, ZScoreStretch


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "stretch",
    [PercentileStretch(0, 100), PercentileStretch(2, 98), ZScoreStretch(-1, 1), FixedRange(9, 20)],
)
def test_nothing_is_black_and_does_not_count(
    stretch: PercentileStretch | ZScoreStretch | FixedRange, dtype: str
) -> None:
    pixels = np.linspace(10, 20, 60, dtype=dtype).reshape(3, 4, 5)
    holed = np.concatenate([pixels, np.full_like(pixels, np.nan)], axis=2)
    normalize = NodataNormalizer(stretch)
    image = normalize(holed, case_statistics(holed))
    assert (image[:, :, 5:] == 0).all()
    np.testing.assert_array_equal(image[:, :, :5], stretch(pixels, case_statistics(pixels)))


def test_each_band_has_its_own_holes() -> None:
    pixels = np.array([[[1.0, 3.0]], [[3.0, np.nan]], [[1.0, 1.0]]], np.float32)
    image = NodataNormalizer(PercentileStretch(0, 100))(pixels, case_statistics(pixels))
    assert image.tolist() == [[[0.0, 1.0]], [[1.0, 0.0]], [[0.0, 0.0]]]


def test_whole_numbers_and_pixels_without_holes_pass_untouched() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    stretch = PercentileStretch(0, 100)
    image = NodataNormalizer(stretch)(pixels, case_statistics(pixels))
    np.testing.assert_array_equal(image, stretch(pixels, case_statistics(pixels)))


def test_a_constant_image_is_black() -> None:
    pixels = np.array([[[7.0, np.nan]]], np.float32)
    assert not NodataNormalizer(PercentileStretch(2, 98))(pixels, case_statistics(pixels)).any()


def test_infinite_pixels_are_an_error() -> None:
    pixels = np.array([[[1.0, np.inf, np.nan]]], np.float32)
    with pytest.raises(SamDomainsError, match="infinite"):
        NodataNormalizer(PercentileStretch(2, 98))(pixels, case_statistics(pixels))


def test_it_travels_to_workers() -> None:
    normalize = NodataNormalizer(PercentileStretch(2, 98))
    assert pickle.loads(pickle.dumps(normalize)) == normalize
