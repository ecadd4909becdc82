from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import samdomains_microscopy.histology as plugin

from samdomains.audit.cases import audit_cases
from samdomains.chain import Domain, select_domain
from samdomains.data.statistics import case_statistics


@pytest.fixture(scope="module")
def domain() -> Domain:
    return select_domain("histology")


def test_it_reads_and_writes_as_microscopy_does(domain: Domain) -> None:
    winners = {answer.hook: answer.winner for answer in domain.explain()}
    assert winners["load_cases"] == winners["write_masks"] == "domain microscopy"
    assert winners["make_demo_data"] == "domain histology"


@pytest.mark.parametrize("name", sorted(plugin.recipes()))
def test_every_recipe_is_valid(domain: Domain, name: str) -> None:
    domain.resolve_recipe(name=name)


def test_the_tile_follows_the_magnification(domain: Domain) -> None:
    assert domain.resolve_recipe().recipe.model.tile == 256
    assert domain.resolve_recipe(name="20x").recipe.model.tile == 128


def test_the_golden_tile_keeps_the_ratio_of_its_colours(domain: Domain) -> None:
    """All channels are stretched between the same values, here 0 and 250."""
    pixels = np.zeros((3, 40, 50), dtype=np.uint8)
    pixels[:, :10] = np.array([250, 250, 250])[:, None, None]  # glass
    pixels[:, 10:20] = np.array([225, 150, 200])[:, None, None]  # eosin
    pixels[:, 20:30] = np.array([100, 75, 150])[:, None, None]  # haematoxylin
    normalize = domain.normalize_intensity(domain.resolve_recipe().recipe)
    image = normalize(pixels, case_statistics(pixels))
    expected = [[1.0, 1.0, 1.0], [0.9, 0.6, 0.8], [0.4, 0.3, 0.6], [0.0, 0.0, 0.0]]
    np.testing.assert_allclose(image[:, [0, 10, 20, 30], 0].T, expected, atol=1e-6)


def test_the_demo_data_goes_through_the_whole_chain(domain: Domain, tmp_path: Path) -> None:
    recipe = domain.resolve_recipe().recipe
    cases = domain.load_cases(domain.make_demo_data(tmp_path / "demo", 0), recipe)
    assert len(cases) == 16
    assert len({case.group for case in cases}) == 8
    audit = audit_cases(cases, minimum_area=recipe.data.minimum_area)
    assert not audit.errors
    assert audit.objects >= 150
