from __future__ import annotations

import pytest
from pydantic import ValidationError

from samdomains.recipe import PromptRecipe, Recipe


def test_the_defaults_are_valid_and_frozen() -> None:
    recipe = Recipe()
    with pytest.raises(ValidationError, match="frozen"):
        recipe.seed = 3  # type: ignore[misc]


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Recipe.model_validate({"training": {"lerning_rate": 1e-4}})


def test_some_prompt_needs_a_weight() -> None:
    with pytest.raises(ValidationError, match="at least one"):
        PromptRecipe(box=0, point=0, mask=0)


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
