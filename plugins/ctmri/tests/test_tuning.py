from __future__ import annotations

from samdomains_ctmri.tuning import TUNING

from samdomains.plugin import Recipe


def test_the_values_are_a_recipe() -> None:
    recipe = Recipe.model_validate(TUNING)
    assert recipe.data.minimum_area == 16
