from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from samdomains.chain import Domain, select_domain
from samdomains.data.parts import in_parts, normalized_image
from samdomains.data.statistics import case_statistics


@pytest.fixture(scope="module")
def domain() -> Domain:
    return select_domain("mri")


def test_it_is_found_through_its_entry_point(domain: Domain) -> None:
    assert domain.distribution == "samdomains-ctmri"


@pytest.mark.parametrize("name", ["default", "zscore"])
def test_the_scale_of_a_scanner_and_the_air_do_not_matter(domain: Domain, name: str) -> None:
    normalizer = domain.normalize_intensity(domain.resolve_recipe(name=name).recipe)
    rng = np.random.default_rng(0)
    body = rng.normal(300, 60, (1, 40, 40))
    images = []
    for scale, air in ((1, 40), (7, 40), (1, 120)):
        pixels = np.pad(body, ((0, 0), (0, air), (0, 0))) * scale
        images.append(normalizer(pixels, case_statistics(pixels))[:, :40])
    for other in images[1:]:
        np.testing.assert_allclose(other, images[0], atol=0.04)
    assert 0.4 < images[0].mean() < 0.8


def test_bias_correction_is_an_option(domain: Domain) -> None:
    assert not domain.resolve_recipe().recipe.volume.bias_correction
    assert domain.resolve_recipe(name="bias").recipe.volume.bias_correction


def test_a_demo_slice_looks_as_it_always_did(domain: Domain, tmp_path: Path) -> None:
    recipe = domain.resolve_recipe().recipe
    cases = in_parts(domain.load_cases(domain.make_demo_data(tmp_path / "demo", 0), recipe))
    case = next(case for case in cases if case.id == "phantom_02@06")
    image = normalized_image(case, domain.normalize_intensity(recipe))
    golden = [
        [0.003, 0.02, 0.136, 0.016, 0.015],
        [0.611, 0.531, 0.466, 0.269, 0.262],
        [0.348, 0.577, 0.265, 0.272, 0.35],
        [0.0, 0.297, 0.35, 0.435, 0.74],
    ]
    np.testing.assert_allclose(image[0, 10:74:16, 12:92:16], golden, atol=2e-3)
    assert case.read_objects is not None
    liver = case.read_objects()[0]
    assert (liver.class_id, liver.box.tolist()) == (1, [8, 18, 43, 59])
