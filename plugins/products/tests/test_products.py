from __future__ import annotations

import ast
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import samdomains_products.products as plugin
from samdomains_products.cutouts import CutoutWriter
from samdomains_products.intensity import PhotoRange
from samdomains_products.saliency import SalientBox

from samdomains.audit.cases import audit_cases
from samdomains.chain import Domain, select_domain
from samdomains.data.statistics import case_statistics
from samdomains.plugin import (
    CocoJsonWriter,
    LabelPngWriter,
    Recipe,
    RecipeError,
    make_normalizer,
)

PACKAGE = Path(plugin.__file__).parent


@pytest.fixture(scope="module")
def domain() -> Domain:
    return select_domain("products")


def test_it_is_found_through_its_entry_point(domain: Domain) -> None:
    assert domain.distribution == "samdomains-products"


@pytest.mark.parametrize("file", sorted(PACKAGE.glob("*.py")), ids=lambda file: file.name)
def test_it_imports_nothing_of_the_core_but_the_plugin_module(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            assert name.split(".")[0] != "samdomains" or name == "samdomains.plugin"


def test_importing_it_imports_neither_torch_nor_pymatting() -> None:
    code = (
        "import sys, samdomains_products.products\n"
        "print({'torch', 'pymatting', 'numba'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"


@pytest.mark.parametrize("name", sorted(plugin.recipes()))
def test_every_recipe_is_valid(domain: Domain, name: str) -> None:
    domain.resolve_recipe(name=name)


def test_the_default_recipe_is_for_one_product_a_photo(domain: Domain) -> None:
    recipe = domain.resolve_recipe().recipe
    assert recipe.data.objects == "whole"
    assert (recipe.auto.minimum_iou, recipe.auto.minimum_stability) == (0.0, 0.0)
    assert recipe.review.border
    assert domain.normalize_intensity(recipe) == PhotoRange(0, 255)
    assert domain.propose_prompts(recipe) == SalientBox()


def test_another_stretch_is_the_core_s(domain: Domain) -> None:
    recipe = Recipe.model_validate({"intensity": {"method": "percentile"}})
    assert domain.normalize_intensity(recipe) == make_normalizer(recipe.intensity)


@pytest.mark.parametrize(
    ("output", "writer"),
    [
        ("native", CutoutWriter()),
        ("cutout", CutoutWriter(masks=False)),
        ("png", LabelPngWriter()),
        ("coco", CocoJsonWriter()),
    ],
)
def test_the_format_chooses_the_writer(domain: Domain, output: str, writer: object) -> None:
    assert domain.write_masks(Recipe.model_validate({"data": {"output": output}})) == writer


def test_other_formats_are_refused(domain: Domain) -> None:
    other = Recipe.model_validate({"data": {"output": "geotiff"}})
    with pytest.raises(RecipeError, match=r"data\.output is geotiff.*allowed: native"):
        domain.write_masks(other)


def test_the_demo_data_goes_through_the_whole_chain(domain: Domain, tmp_path: Path) -> None:
    recipe = domain.resolve_recipe().recipe
    cases = domain.load_cases(domain.make_demo_data(tmp_path / "demo", 0), recipe)
    assert {case.split for case in cases} == {"train", "val", "test"}
    audit = audit_cases(cases, minimum_area=recipe.data.minimum_area)
    assert not audit.errors  # one bottle is brighter than the other products
    assert audit.objects == len(cases)
    first = pickle.loads(pickle.dumps(cases[0]))
    pixels = first.read_pixels()
    image = domain.normalize_intensity(recipe)(pixels, case_statistics(pixels))
    np.testing.assert_allclose(image, pixels / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("folder", "name", "objects"), [("products", "soft_masks", 22), ("clothing", "clothing", 307)]
)
def test_real_photos_are_read(
    domain: Domain, real_data: Path, folder: str, name: str, objects: int
) -> None:
    recipe = domain.resolve_recipe(name=name).recipe
    cases = domain.load_cases(real_data / folder, recipe)
    readers = [case.read_objects for case in cases]
    assert sum(len(reader()) for reader in readers if reader is not None) == objects
    assert cases[0].read_pixels().dtype == np.uint8
