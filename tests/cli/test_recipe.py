from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from samdomains.recipe_layers import RecipeLayer, read_recipe_file, resolve_recipe

if TYPE_CHECKING:
    from tests.cli.conftest import CallCli
    from tests.conftest import InstallPlugin

PLUGIN = """
from samdomains.plugin import hookimpl

@hookimpl
def recipes():
    return {"default": {"training": {"epochs": 11}}, "fast": {"training": {"epochs": 2}}}
"""


@pytest.fixture(autouse=True)
def _slides(install_plugin: InstallPlugin) -> None:
    install_plugin("slides", PLUGIN)


def test_each_value_is_printed_with_its_origin(call: CallCli, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("seed: 3\n")
    result = call(
        "recipe", "slides", "fast", "--recipe", str(file), "--set", "training.learning_rate=5e-5"
    )
    lines = result.output.splitlines()
    assert "name: fast  # command line" in lines
    assert f"seed: 3  # {file}" in lines
    assert "  epochs: 2  # domain slides, recipe fast" in lines
    assert "  learning_rate: 5.0e-05  # command line" in lines
    assert "  weight_decay: 0.01  # core" in lines


def test_the_output_is_a_recipe_file_that_gives_the_same_recipe(
    call: CallCli, tmp_path: Path
) -> None:
    file = tmp_path / "printed.yaml"
    file.write_text(call("recipe", "slides").output)
    resolved = resolve_recipe([RecipeLayer(str(file), read_recipe_file(file))])
    assert resolved.recipe.training.epochs == 11


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["--set", "training.epocs=3"],
            "error: command line: unknown key 'training.epocs'. Did you",
        ),
        (["--set", "training.epochs=many"], "error: command line: training.epochs is"),
        (["--set", "training.epochs"], "error: --set needs KEY=VALUE"),
        (["slow"], "error: domain 'slides' has no recipe 'slow'."),
        (["--recipe", "absent.yaml"], "error: absent.yaml: the recipe cannot be read"),
    ],
)
def test_a_wrong_value_exits_2_with_one_clear_line(
    words: list[str], expected: str, call: CallCli
) -> None:
    result = call("recipe", "slides", *words)
    assert result.exit_code == 2
    assert result.stderr.startswith(expected)
