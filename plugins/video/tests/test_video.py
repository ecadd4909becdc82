from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import samdomains_video.video as plugin
from samdomains_video.writers import FrameMaskWriter, OverlayWriter

from samdomains.chain import Domain, select_domain
from samdomains.data.statistics import case_statistics
from samdomains.plugin import RecipeError


@pytest.fixture(scope="module")
def domain() -> Domain:
    return select_domain("video")


@pytest.mark.parametrize("name", sorted(plugin.recipes()))
def test_every_recipe_is_valid(domain: Domain, name: str) -> None:
    domain.resolve_recipe(name=name)


def test_frames_are_seen_as_they_are(domain: Domain) -> None:
    recipe = domain.resolve_recipe().recipe
    pixels = np.array([[[0, 51, 255]]] * 3, dtype=np.uint8)
    image = domain.normalize_intensity(recipe)(pixels, case_statistics(pixels))
    np.testing.assert_allclose(image[:, 0], [[0, 0.2, 1]] * 3, atol=1e-6)


def test_objects_may_be_hidden_for_a_second(domain: Domain) -> None:
    assert domain.resolve_recipe().recipe.propagation.patience >= 24


def test_masks_are_an_overlay_or_alone(domain: Domain) -> None:
    def writer(*settings: str) -> object:
        return domain.write_masks(domain.resolve_recipe(settings=settings).recipe)

    assert writer() == OverlayWriter()
    assert writer("data.output=png") == FrameMaskWriter()
    with pytest.raises(
        RecipeError, match=r"nifti.*allowed: native \(overlay video and masks\), png"
    ):
        writer("data.output=nifti")


def test_pyav_is_imported_only_when_it_is_used() -> None:
    code = (
        "import sys, samdomains_video.cases, samdomains_video.writers, samdomains_video.demo; "
        "sys.exit('av' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_package_is_typed() -> None:
    assert (Path(plugin.__file__).parent / "py.typed").is_file()
