from __future__ import annotations

import dataclasses
import errno
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from samdomains.chain import HookAnswer, select_domain
from samdomains.errors import DataError, PluginError, RecipeError
from samdomains.facts import Facts
from samdomains.hookspecs import DomainHooks
from samdomains.recipe import Recipe

if TYPE_CHECKING:
    from tests.conftest import InstallPlugin

PLUGIN = "from pathlib import Path\nfrom samdomains.plugin import *\n"

FACTS = Facts("tiny", 3_000_000, 256, 20, 100, "cpu", 8 * 10**9, False)


@pytest.fixture(autouse=True)
def _own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the folders that local plugins append to ``sys.path``."""
    monkeypatch.setattr(sys, "path", list(sys.path))


def answer_of(answers: tuple[HookAnswer, ...], hook: str) -> HookAnswer:
    return next(answer for answer in answers if answer.hook == hook)


def test_what_a_domain_leaves_open_the_core_answers(install_plugin: InstallPlugin) -> None:
    install_plugin("plain", PLUGIN, version="1.2")
    domain = select_domain("plain")
    assert (domain.name, domain.distribution, domain.version) == (
        "plain",
        "samdomains-plain",
        "1.2",
    )
    assert domain.choose_strategy(Recipe(), FACTS).name == "full"
    assert callable(domain.normalize_intensity(Recipe()))
    assert callable(domain.sample_prompts(Recipe()))
    assert callable(domain.write_masks(Recipe()))


def test_the_users_file_answers_before_the_domain_and_the_domain_before_its_parent(
    install_plugin: InstallPlugin, tmp_path: Path
) -> None:
    for name, extends in (("base", ""), ("derived", "extends = 'base'\n")):
        install_plugin(
            name,
            PLUGIN
            + extends
            + f"@hookimpl\ndef make_demo_data(directory):\n    return directory / '{name}'\n",
        )
    local = tmp_path / "local_wins.py"
    local.write_text(
        PLUGIN + "@hookimpl\ndef make_demo_data(directory):\n    return directory / 'local'\n"
    )
    where = tmp_path / "demo"
    assert select_domain("base").make_demo_data(where, 0).name == "base"
    assert select_domain("derived").make_demo_data(where, 0).name == "derived"
    assert select_domain("derived", local_plugin=local).make_demo_data(where, 0).name == "local"


def test_a_forgotten_return_is_an_error_and_not_the_cores_answer(
    install_plugin: InstallPlugin, tmp_path: Path
) -> None:
    # With pluggy's firstresult the core would answer in silence, with its own loader.
    install_plugin("forgetful", PLUGIN + "@hookimpl\ndef load_cases(source):\n    [source]\n")
    with pytest.raises(PluginError, match=r"domain forgetful: `load_cases` \(.*:3\) returned None"):
        select_domain("forgetful").load_cases(tmp_path, Recipe())


def test_an_error_inside_a_plugin_names_domain_hook_and_line_and_keeps_its_cause(
    install_plugin: InstallPlugin, tmp_path: Path
) -> None:
    source = PLUGIN + "@hookimpl\ndef load_cases(source):\n    x = {}\n    return x['gone']\n"
    file = install_plugin("clumsy", source)
    with pytest.raises(PluginError) as caught:
        select_domain("clumsy").load_cases(tmp_path, Recipe())
    message = str(caught.value)
    assert "`load_cases` of domain 'clumsy'" in message
    assert f"{file}:6: KeyError: 'gone'" in message
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_plugins_own_clear_error_passes_unchanged(
    install_plugin: InstallPlugin, tmp_path: Path
) -> None:
    source = (
        "@hookimpl\ndef load_cases(source):\n    raise DataError(source, 'no slides', 'Add one.')\n"
    )
    install_plugin("clear", PLUGIN + source)
    with pytest.raises(DataError, match="no slides"):
        select_domain("clear").load_cases(tmp_path, Recipe())


def test_a_full_disk_is_no_fault_of_the_plugin(
    install_plugin: InstallPlugin, tmp_path: Path
) -> None:
    source = f"@hookimpl\ndef make_demo_data():\n    raise OSError({errno.ENOSPC}, 'full')\n"
    install_plugin("writer", PLUGIN + source)
    with pytest.raises(OSError, match="full"):
        select_domain("writer").make_demo_data(tmp_path, 0)


def test_an_answer_that_does_not_pickle_names_plugin_and_hook(
    install_plugin: InstallPlugin,
) -> None:
    source = "@hookimpl\ndef normalize_intensity():\n    return lambda pixels, statistics: pixels\n"
    install_plugin("lambdas", PLUGIN + source)
    with pytest.raises(
        PluginError, match=r"domain lambdas: `normalize_intensity`.*worker processes"
    ):
        select_domain("lambdas").normalize_intensity(Recipe())


RECIPES = """
@hookimpl
def recipes():
    return {
        "default": {"training": {"epochs": 11, "patience": 3}, "model": {"tile": 64}},
        "fast": {"training": {"epochs": 2}},
    }
"""


def test_recipes_merge_core_domain_file_and_command_line(
    install_plugin: InstallPlugin, tmp_path: Path
) -> None:
    install_plugin("slides", PLUGIN + RECIPES)
    file = tmp_path / "mine.yaml"
    file.write_text("name: fast\ntraining:\n  patience: 4\n  batch_size: 2\n")
    resolved = select_domain("slides").resolve_recipe(file, settings=["training.batch_size=3"])
    training, origins = resolved.recipe.training, resolved.origins
    assert (training.epochs, training.patience, training.batch_size) == (2, 4, 3)
    assert resolved.recipe.name == "fast"
    assert origins["training.epochs"] == "domain slides, recipe fast"
    assert origins["model.tile"] == "domain slides, recipe default"
    assert origins["training.patience"] == str(file)
    assert origins["training.batch_size"] == "command line"
    assert origins["training.clip_norm"] == "core"


def test_the_name_given_in_the_call_stands_over_the_files(
    install_plugin: InstallPlugin, tmp_path: Path
) -> None:
    install_plugin("slides", PLUGIN + RECIPES)
    file = tmp_path / "mine.yaml"
    file.write_text("name: fast\n")
    resolved = select_domain("slides").resolve_recipe(file, name="default")
    assert (resolved.recipe.name, resolved.recipe.training.epochs) == ("default", 11)


def test_named_recipes_of_parents_come_after_every_default(install_plugin: InstallPlugin) -> None:
    install_plugin("slides", PLUGIN + RECIPES)
    source = "@hookimpl\ndef recipes():\n    return {'default': {'training': {'epochs': 20}}}\n"
    install_plugin("stained", PLUGIN + "extends = 'slides'\n" + source)
    domain = select_domain("stained")
    assert [layer.origin for layer in domain.recipe_layers("fast")] == [
        "domain slides, recipe default",
        "domain stained, recipe default",
        "domain slides, recipe fast",
    ]
    assert domain.resolve_recipe().recipe.training.epochs == 20
    assert domain.resolve_recipe(name="fast").recipe.training.epochs == 2


def test_an_unknown_recipe_lists_those_of_the_domain(install_plugin: InstallPlugin) -> None:
    install_plugin("slides", PLUGIN + RECIPES)
    with pytest.raises(RecipeError, match=r"no recipe 'fats'\. Did you mean 'fast'.*default, fast"):
        select_domain("slides").resolve_recipe(name="fats")


def test_a_misspelt_key_in_a_plugin_names_the_plugin(install_plugin: InstallPlugin) -> None:
    source = "@hookimpl\ndef recipes():\n    return {'default': {'training': {'epocs': 1}}}\n"
    install_plugin("typos", PLUGIN + source)
    with pytest.raises(
        RecipeError, match=r"domain typos, recipe default: .*Did you mean 'training.epochs'"
    ):
        select_domain("typos").resolve_recipe()


def test_a_recipe_of_a_plugin_cannot_rename_itself(install_plugin: InstallPlugin) -> None:
    install_plugin(
        "renamed", PLUGIN + "@hookimpl\ndef recipes():\n    return {'default': {'name': 'x'}}\n"
    )
    with pytest.raises(PluginError, match="sets `name`"):
        select_domain("renamed").resolve_recipe()


def test_a_name_that_is_no_text_is_refused(install_plugin: InstallPlugin, tmp_path: Path) -> None:
    install_plugin("plain", PLUGIN)
    file = tmp_path / "mine.yaml"
    file.write_text("name: [1]\n")
    with pytest.raises(RecipeError, match="name must be text"):
        select_domain("plain").resolve_recipe(file)


def test_explain_tells_the_winner_with_file_and_line_and_is_json(
    install_plugin: InstallPlugin, tmp_path: Path
) -> None:
    file = install_plugin("slides", PLUGIN + RECIPES)
    local = tmp_path / "local_explain.py"
    local.write_text(
        PLUGIN + "@hookimpl\ndef write_masks(): ...\n@hookimpl\ndef recipes():\n    return {}\n"
    )
    answers = select_domain("slides", local_plugin=local).explain()
    assert len(answers) == 9
    writer = answer_of(answers, "write_masks")
    assert writer.winner == "local file local_explain.py"
    assert [layer.layer for layer in writer.implementations] == [
        "local file local_explain.py",
        "core",
    ]
    assert (writer.implementations[0].file, writer.implementations[0].line) == (str(local), 3)
    assert writer.implementations[1].file.endswith("defaults.py")
    recipes = answer_of(answers, "recipes")
    assert (recipes.rule, recipes.winner) == ("all", None)
    assert recipes.implementations[1].file == str(file)
    suites = answer_of(answers, "benchmarks")
    assert [layer.layer for layer in suites.implementations] == ["core"]
    assert json.loads(json.dumps([dataclasses.asdict(answer) for answer in answers]))


def test_each_selection_has_layers_of_its_own(
    install_plugin: InstallPlugin, tmp_path: Path
) -> None:
    install_plugin("plain", PLUGIN)
    local = tmp_path / "local_own.py"
    local.write_text(PLUGIN + "@hookimpl\ndef write_masks():\n    return print\n")
    with_local = select_domain("plain", local_plugin=local)
    alone = select_domain("plain")
    assert repr(with_local.write_masks(Recipe())) == repr(print)
    assert repr(alone.write_masks(Recipe())) != repr(print)


def test_a_hook_that_is_to_go_warns_the_author_with_file_and_line(
    install_plugin: InstallPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    # How the core deprecates: docs/stability.md.
    options = DomainHooks.write_masks.samdomains_spec  # type: ignore[attr-defined]
    monkeypatch.setitem(options, "warn_on_impl", FutureWarning("write_masks ends with 0.6"))
    file = install_plugin("plain", PLUGIN + "@hookimpl\ndef write_masks():\n    return print\n")
    with pytest.warns(FutureWarning, match=r"write_masks ends with 0\.6") as warned:
        select_domain("plain")
    assert str(file) in [warning.filename for warning in warned]
