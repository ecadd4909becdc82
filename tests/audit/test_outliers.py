from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from samdomains.audit.looks import take_look
from samdomains.audit.outliers import (
    GreyLevels,
    Outlier,
    find_outliers,
    grey_levels,
    why_unjudged,
)
from samdomains.types import RawImage
from tests.audit_making import picture


def levels(pixels: RawImage, seed: int = 0) -> GreyLevels:
    return grey_levels(pixels, take_look(pixels, picture(seed).objects))


def usual(count: int = 10) -> list[GreyLevels]:
    return [levels(picture(seed).pixels, seed) for seed in range(count)]


def only(own: GreyLevels) -> Outlier:
    (outlier,) = find_outliers([*usual(), own])
    assert outlier.place == 10
    return outlier


def test_levels_are_percentiles_of_the_stored_values() -> None:
    found = levels(np.arange(10_000, dtype=np.uint16).reshape(1, 100, 100))
    assert found.dtype == "uint16"
    assert found.low == pytest.approx(100, abs=3)
    assert found.middle == pytest.approx(5000, abs=3)
    assert found.high == pytest.approx(9899, abs=3)


def test_values_that_are_not_finite_are_left_out() -> None:
    values = picture(0).pixels.astype(np.float32)
    values[0, :20] = np.nan
    assert np.isfinite(levels(values).high)


def test_images_of_one_kind_have_no_outlier() -> None:
    assert find_outliers(usual()) == ()


def test_an_image_on_another_scale_stands_out() -> None:
    assert only(levels(picture(20).pixels // 8, 20)).oddity in ("contrast", "brightness")
    assert only(levels(picture(20).pixels.astype(np.uint16) * 200, 20)).distance > 5


def test_an_image_that_is_saturated_nearly_everywhere_stands_out() -> None:
    pixels = np.maximum(picture(20).pixels, 100).astype(np.int32)
    pixels[pixels > 0] = np.where(pixels[pixels > 0] < 110, 180, pixels[pixels > 0])
    assert find_outliers([*usual(), levels(np.minimum(pixels, 180).astype(np.uint8), 20)])


def test_an_inverted_image_of_the_usual_brightness_stands_out() -> None:
    own = levels(picture(20).pixels, 20)
    outlier = only(replace(own, polarity=-own.polarity))
    assert outlier.oddity == "inverted"
    assert outlier.value < 0 < outlier.usual
    assert only(levels(220 - picture(20).pixels, 20)).oddity in ("level", "inverted")


def test_two_kinds_of_image_in_one_set_are_no_outliers() -> None:
    dark = [levels(picture(seed).pixels // 8, seed) for seed in range(20, 25)]
    assert find_outliers([*usual(), *dark]) == ()


def test_few_images_are_not_judged() -> None:
    assert find_outliers([*usual(3), levels(picture(20).pixels // 8, 20)]) == ()


def test_a_set_of_one_exposure_is_judged_and_one_of_many_is_not() -> None:
    even = usual()
    assert why_unjudged(even) == ""
    factors = (1, 30, 2, 10, 5, 40, 1, 20, 3, 8)
    varied = [
        replace(item, low=0.0, high=factor * 10.0)
        for item, factor in zip(even, factors, strict=True)
    ]
    assert "exposure differs too much" in why_unjudged(varied)
    assert why_unjudged(even[:3]) == "there are 3 images, and 6 are needed"
