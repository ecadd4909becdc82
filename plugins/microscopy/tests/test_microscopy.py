from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import samdomains_microscopy.microscopy as plugin
from samdomains_microscopy.writers import InstanceTiffWriter

from samdomains.chain import Domain, select_domain
from samdomains.data.statistics import case_statistics
from samdomains.plugin import Recipe, RecipeError

PACKAGE = Path(plugin.__file__).parent


@pytest.fixture(scope="module")
def domain() -> Domain:
    return select_domain("microscopy")


def test_it_is_found_through_its_entry_point(domain: Domain) -> None:
    assert domain.distribution == "samdomains-microscopy"


@pytest.mark.parametrize("file", sorted(PACKAGE.glob("*.py")), ids=lambda file: file.name)
def test_it_imports_nothing_of_the_core_but_the_plugin_module(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            assert name.split(".")[0] != "samdomains" or name == "samdomains.plugin"


@pytest.mark.parametrize("name", ["microscopy", "histology", "em"])
def test_importing_a_domain_does_not_import_torch(name: str) -> None:
    code = f"import sys, samdomains_microscopy.{name}; print('torch' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


@pytest.mark.parametrize("name", sorted(plugin.recipes()))
def test_every_recipe_is_valid(domain: Domain, name: str) -> None:
    domain.resolve_recipe(name=name)


def test_the_default_recipe_is_for_many_small_objects(domain: Domain) -> None:
    resolved = domain.resolve_recipe()
    assert resolved.recipe.data.objects == "components"
    assert resolved.recipe.data.masks == "auto"
    assert (resolved.recipe.intensity.lower, resolved.recipe.intensity.upper) == (0.1, 99.9)
    assert resolved.recipe.model.tile == 128
    assert resolved.origins["model.tile"] == "domain microscopy, recipe default"


def test_reading_writing_recipes_and_demo_data_are_its_own(domain: Domain) -> None:
    own = {
        answer.hook
        for answer in domain.explain()
        if any(layer.layer == "domain microscopy" for layer in answer.implementations)
    }
    assert own == {"load_cases", "write_masks", "recipes", "benchmarks", "make_demo_data"}


def test_masks_are_written_as_label_tiff_and_as_nothing_else(domain: Domain) -> None:
    recipe = domain.resolve_recipe().recipe
    assert domain.write_masks(recipe) == InstanceTiffWriter()
    other = Recipe.model_validate({"data": {"output": "nifti"}})
    with pytest.raises(RecipeError, match=r"data\.output is nifti.*allowed: native"):
        domain.write_masks(other)


def test_the_golden_image_has_each_channel_stretched_by_itself(domain: Domain) -> None:
    """0.1 and 99.9 percent of 0, 1, ... 1000 are 1 and 999, whatever the channel's exposure."""
    ramp = np.arange(1001, dtype=np.float32)[None]
    pixels = np.stack([ramp, 60 * ramp + 100, -ramp])
    normalize = domain.normalize_intensity(domain.resolve_recipe().recipe)
    image = normalize(pixels, case_statistics(pixels))
    expected = [0.0, 0.0, 0.25, 0.5, 1.0, 1.0]
    for channel, step in ((0, 1), (1, 1), (2, -1)):
        shown = image[channel, 0, ::step][[0, 1, 250, 500, 999, 1000]]
        np.testing.assert_allclose(shown, expected, atol=1e-3)


def test_two_channels_are_shown_as_green_and_magenta(domain: Domain) -> None:
    pixels = np.zeros((2, 4, 5), dtype=np.uint16)
    pixels[0, 1, 1] = pixels[1, 3, 3] = 9
    plain, named = (domain.resolve_recipe(name=name).recipe for name in (None, "two_channels"))
    with pytest.raises(RecipeError, match="2 channels"):
        domain.normalize_intensity(plain)(pixels, case_statistics(pixels))
    image = domain.normalize_intensity(named)(pixels, case_statistics(pixels))
    assert image[:, 1, 1].tolist() == [0.0, 1.0, 0.0]
    assert image[:, 3, 3].tolist() == [1.0, 0.0, 1.0]


def test_the_demo_data_goes_through_the_whole_chain(domain: Domain, tmp_path: Path) -> None:
    recipe = domain.resolve_recipe().recipe
    cases = domain.load_cases(domain.make_demo_data(tmp_path / "demo", 0), recipe)
    assert len(cases) == 16
    assert {case.split for case in cases} == {"train", "val", "test"}
    first = cases[0]
    assert first.id == "nuclei_00"
    assert first.read_objects is not None
    pixels = first.read_pixels()
    assert (len(pixels), pixels.dtype.name) == (3, "uint16")
    assert len(first.read_objects()) >= 5
    image = domain.normalize_intensity(recipe)(pixels, case_statistics(pixels))
    assert [channel.max() for channel in image] == [1.0, 1.0, 1.0]
