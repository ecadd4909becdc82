from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from samdomains.chain import Domain, select_domain
from samdomains.data.parts import in_parts, normalized_image
from samdomains.data.statistics import case_statistics


@pytest.fixture(scope="module")
def domain() -> Domain:
    return select_domain("ct")


def test_it_is_found_through_its_entry_point(domain: Domain) -> None:
    assert domain.distribution == "samdomains-ctmri"


@pytest.mark.parametrize(
    ("name", "black", "white"),
    [("default", -160, 240), ("lung", -1350, 150), ("bone", -770, 1730), ("brain", 0, 80)],
)
def test_each_recipe_is_a_window_in_hounsfield_units(
    domain: Domain, name: str, black: float, white: float
) -> None:
    recipe = domain.resolve_recipe(name=name).recipe
    middle = (black + white) // 2
    pixels = np.array([[[-3000, black, middle, white, 3000]]], dtype=np.int16)
    image = domain.normalize_intensity(recipe)(pixels, case_statistics(pixels))
    assert image.shape == (3, 1, 5)
    np.testing.assert_allclose(image[0, 0], [0, 0, 0.5, 1, 1], atol=0.01)


def test_every_recipe_keeps_what_tuning_needs(domain: Domain) -> None:
    for name in ("default", "lung", "bone", "brain"):
        recipe = domain.resolve_recipe(name=name).recipe
        assert recipe.data.objects == "components"
        assert recipe.training.focal_gamma == 0


def test_a_demo_slice_looks_as_it_always_did(domain: Domain, tmp_path: Path) -> None:
    recipe = domain.resolve_recipe().recipe
    cases = in_parts(domain.load_cases(domain.make_demo_data(tmp_path / "demo", 0), recipe))
    case = next(case for case in cases if case.id == "phantom_02@06")
    image = normalized_image(case, domain.normalize_intensity(recipe))
    golden = [
        [0.0, 0.0, 0.0, 0.0, 0.0],
        [0.39, 0.635, 0.392, 0.52, 0.518],
        [0.53, 0.705, 0.588, 0.535, 0.7],
        [0.0, 0.595, 0.66, 0.86, 0.165],
    ]
    np.testing.assert_allclose(image[0, 10:74:16, 12:92:16], golden, atol=2e-3)
    assert case.read_objects is not None
    liver = case.read_objects()[0]
    assert (liver.class_id, liver.box.tolist()) == (1, [8, 18, 43, 59])
