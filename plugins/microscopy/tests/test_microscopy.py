from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import samdomains_microscopy.microscopy as plugin

from samdomains.chain import Domain, select_domain

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


def test_importing_it_does_not_import_torch() -> None:
    code = "import sys, samdomains_microscopy.microscopy; print('torch' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


def test_every_recipe_is_valid(domain: Domain) -> None:
    for name in plugin.recipes():
        domain.resolve_recipe(name=name)


def test_the_default_recipe_is_for_many_small_objects(domain: Domain) -> None:
    resolved = domain.resolve_recipe()
    assert resolved.recipe.data.objects == "components"
    assert resolved.recipe.data.masks == "auto"
    assert (resolved.recipe.intensity.lower, resolved.recipe.intensity.upper) == (0.1, 99.9)
    assert resolved.recipe.model.tile == 128
    assert resolved.origins["model.tile"] == "domain microscopy, recipe default"


def test_only_recipes_and_demo_data_are_its_own(domain: Domain) -> None:
    own = {
        answer.hook
        for answer in domain.explain()
        if any(layer.layer == "domain microscopy" for layer in answer.implementations)
    }
    assert own == {"recipes", "make_demo_data"}


def test_the_demo_data_goes_through_the_whole_chain(domain: Domain, tmp_path: Path) -> None:
    recipe = domain.resolve_recipe().recipe
    cases = domain.load_cases(domain.make_demo_data(tmp_path / "demo", 0), recipe)
    assert len(cases) == 16
    assert {case.split for case in cases} == {"train", "val", "test"}
    first = cases[0]
    assert first.read_objects is not None
    assert first.read_pixels().dtype == "uint16"
    assert len(first.read_objects()) >= 5
