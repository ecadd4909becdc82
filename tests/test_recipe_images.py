from __future__ import annotations

import pytest
from pydantic import ValidationError

from samdomains.recipe_images import DataRecipe, IntensityRecipe


def test_validation_and_test_leave_something_to_train_on() -> None:
    with pytest.raises(ValidationError, match="must be below 1"):
        DataRecipe(validation_fraction=0.5, test_fraction=0.5)


@pytest.mark.parametrize(("lower", "upper"), [(5.0, 5.0), (-1.0, 99.0), (0.0, 101.0)])
def test_percentiles_are_ordered_and_between_0_and_100(lower: float, upper: float) -> None:
    with pytest.raises(ValidationError):
        IntensityRecipe(lower=lower, upper=upper)


def test_a_range_may_lie_anywhere() -> None:
    assert IntensityRecipe(method="range", lower=-160, upper=240).lower == -160


@pytest.mark.parametrize("channels", [(), (0, 1), (0, 1, 2, 3)])
def test_channels_are_one_or_three(channels: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError, match="one or three"):
        IntensityRecipe(channels=channels)


def test_numbers_are_finite() -> None:
    with pytest.raises(ValidationError, match="finite"):
        IntensityRecipe(method="range", lower=0, upper=float("inf"))
