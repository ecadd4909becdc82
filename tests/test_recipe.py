from __future__ import annotations

import pytest
from pydantic import ValidationError

from samdomains.recipe import DataRecipe, IntensityRecipe, PromptRecipe, Recipe


def test_the_defaults_are_valid_and_frozen() -> None:
    recipe = Recipe()
    with pytest.raises(ValidationError, match="frozen"):
        recipe.seed = 3  # type: ignore[misc]


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Recipe.model_validate({"training": {"lerning_rate": 1e-4}})


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


def test_some_prompt_needs_a_weight() -> None:
    with pytest.raises(ValidationError, match="at least one"):
        PromptRecipe(box=0, point=0, mask=0)


def test_numbers_are_finite() -> None:
    with pytest.raises(ValidationError, match="finite"):
        IntensityRecipe(method="range", lower=0, upper=float("inf"))


def test_what_is_sure_depends_on_the_model_unless_the_user_says_so() -> None:
    assert Recipe().surest == (0.5, 0.7)
    official = Recipe.model_validate({"model": {"name": "vit_b"}})
    assert official.surest == (0.88, 0.95)
    assert (Recipe().doubtful, official.doubtful) == (0.5, 0.8)
    mine = Recipe.model_validate(
        {"auto": {"minimum_iou": 0.6, "minimum_stability": 0}, "review": {"minimum_iou": 0.9}}
    )
    assert (mine.surest, mine.doubtful) == ((0.6, 0.0), 0.9)


def test_blocks_run_again_in_official_models_unless_the_user_says_so() -> None:
    assert not Recipe().runs_blocks_again
    assert Recipe.model_validate({"model": {"name": "vit_b"}}).runs_blocks_again
    assert Recipe.model_validate({"training": {"checkpointing": "on"}}).runs_blocks_again
    official = {"model": {"name": "vit_b"}, "training": {"checkpointing": "off"}}
    assert not Recipe.model_validate(official).runs_blocks_again
