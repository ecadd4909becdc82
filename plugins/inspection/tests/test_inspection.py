from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import samdomains_inspection.inspection as plugin
from samdomains_inspection.proposals import SurfaceAnomalies
from samdomains_inspection.writers import DefectWriter

from samdomains.chain import Domain, select_domain
from samdomains.data.statistics import case_statistics
from samdomains.plugin import CocoJsonWriter, LabelPngWriter, Recipe, RecipeError

PACKAGE = Path(plugin.__file__).parent


@pytest.fixture(scope="module")
def domain() -> Domain:
    return select_domain("inspection")


def test_it_is_found_through_its_entry_point(domain: Domain) -> None:
    assert domain.distribution == "samdomains-inspection"


@pytest.mark.parametrize("file", sorted(PACKAGE.glob("*.py")), ids=lambda file: file.name)
def test_it_imports_nothing_of_the_core_but_the_plugin_module(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            assert name.split(".")[0] != "samdomains" or name == "samdomains.plugin"


def test_importing_the_domain_does_not_import_torch() -> None:
    code = "import sys, samdomains_inspection.inspection; print('torch' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


@pytest.mark.parametrize("name", sorted(plugin.recipes()))
def test_every_recipe_is_valid(domain: Domain, name: str) -> None:
    domain.resolve_recipe(name=name)


def test_the_default_recipe_is_for_small_defects_one_by_one(domain: Domain) -> None:
    resolved = domain.resolve_recipe()
    assert resolved.recipe.data.objects == "components"
    assert resolved.recipe.model.tile == 256
    assert resolved.recipe.training.dice_weight >= resolved.recipe.training.focal_weight
    assert resolved.origins["model.tile"] == "domain inspection, recipe default"


def test_thin_defects_build_on_the_default(domain: Domain) -> None:
    thin = domain.resolve_recipe(name="thin").recipe
    assert thin.data.objects == "components"
    assert (thin.model.tile, thin.prompts.box_jitter_pixels) == (128, 3.0)


def test_hooks_of_its_own(domain: Domain) -> None:
    own = {
        answer.hook
        for answer in domain.explain()
        if any(layer.layer == "domain inspection" for layer in answer.implementations)
    }
    reading = {"load_cases", "propose_prompts", "write_masks"}
    assert own == reading | {"recipes", "benchmarks", "make_demo_data"}


def test_it_proposes_boxes_around_anomalies(domain: Domain) -> None:
    assert domain.propose_prompts(domain.resolve_recipe().recipe) == SurfaceAnomalies()


def test_masks_are_written_with_a_table_or_alone(domain: Domain) -> None:
    def writer(**data: object) -> object:
        return domain.write_masks(Recipe.model_validate({"data": data}))

    assert writer() == DefectWriter(None)
    assert writer(pixel_size=0.05) == DefectWriter(0.05)
    assert writer(output="png") == LabelPngWriter()
    assert writer(output="coco") == CocoJsonWriter()
    with pytest.raises(RecipeError, match=r"data\.output is nifti.*allowed: native"):
        writer(output="nifti")


def test_the_golden_image_is_stretched_over_the_whole_case_at_16_bits(domain: Domain) -> None:
    """0.1 and 99.9 percent of 0, 60, ... 60000 are 60 and 59940."""
    pixels = np.arange(0, 60001, 60, dtype=np.uint16)[None, None]
    normalize = domain.normalize_intensity(domain.resolve_recipe().recipe)
    image = normalize(pixels, case_statistics(pixels))
    shown = image[:, 0, [0, 1, 250, 500, 999, 1000]]
    np.testing.assert_allclose(shown, [[0.0, 0.0, 249 / 998, 0.5, 1.0, 1.0]] * 3, atol=1e-3)


def test_the_demo_data_goes_through_the_whole_chain(domain: Domain, tmp_path: Path) -> None:
    recipe = domain.resolve_recipe().recipe
    cases = domain.load_cases(domain.make_demo_data(tmp_path / "demo", 0), recipe)
    assert len(cases) == 16
    assert {case.split for case in cases} == {"train", "val", "test"}
    assert cases[0].classes == {1: "dent", 2: "pit", 3: "scratch"}
    counts = [len(case.read_objects()) for case in cases if case.read_objects is not None]
    assert counts.count(0) == 5
    assert all(case.id.startswith("good") for case, n in zip(cases, counts, strict=True) if n == 0)
    pixels = cases[0].read_pixels()
    assert (len(pixels), pixels.dtype.name) == (1, "uint16")
