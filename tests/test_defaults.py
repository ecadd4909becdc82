from __future__ import annotations

import ast
import inspect
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from samdomains import defaults
from samdomains.facts import Facts
from samdomains.hook_rules import IMPLEMENTATION_MARK
from samdomains.recipe import DataRecipe, Recipe


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return defaults.make_demo_data(tmp_path_factory.mktemp("demo"), 0)


def test_it_is_written_with_the_public_plugin_module_alone() -> None:
    tree = ast.parse(inspect.getsource(defaults))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {module for module in modules if module and module.startswith("samdomains")} == {
        "samdomains.plugin"
    }


def test_it_answers_every_hook_that_gives_one_answer() -> None:
    answered = {
        name for name, value in vars(defaults).items() if hasattr(value, IMPLEMENTATION_MARK)
    }
    assert answered == {
        "load_cases",
        "normalize_intensity",
        "sample_prompts",
        "propose_prompts",
        "choose_strategy",
        "write_masks",
        "benchmarks",
        "make_demo_data",
    }


def test_what_its_factories_give_pickles() -> None:
    recipe = Recipe()
    for answer in (
        defaults.normalize_intensity(recipe),
        defaults.sample_prompts(recipe),
        defaults.write_masks(recipe),
    ):
        assert callable(pickle.loads(pickle.dumps(answer)))


def test_the_strategy_comes_with_reasons() -> None:
    choice = defaults.choose_strategy(
        Recipe(), Facts("tiny", 3_000_000, 256, 9, 50, "cpu", 10**9, False)
    )
    assert choice.name == "full"
    assert choice.reasons


def test_demo_images_hold_several_objects_that_do_not_touch(demo: Path) -> None:
    files = sorted((demo / "labels").glob("*.png"))
    assert len(files) == 12
    for file in files:
        labels = np.asarray(Image.open(file))
        values = np.unique(labels)
        assert values.tolist() == list(range(values.size))
        assert values.size - 1 >= 2
        assert ndimage.label(labels, np.ones((3, 3)))[1] == values.size - 1


def test_demo_objects_stand_out_from_their_surroundings(demo: Path) -> None:
    for file in sorted((demo / "labels").glob("*.png")):
        labels = np.asarray(Image.open(file))
        grey = np.asarray(Image.open(demo / "images" / file.name)).astype(float).mean(axis=2)
        background = grey[labels == 0].mean()
        for label in range(1, labels.max() + 1):
            assert abs(grey[labels == label].mean() - background) > 25


def test_demo_data_is_what_the_seed_says(demo: Path, tmp_path: Path) -> None:
    again = defaults.make_demo_data(tmp_path / "again", 0)
    other = defaults.make_demo_data(tmp_path / "other", 1)
    name = Path("images") / "scene_00.png"
    assert (again / name).read_bytes() == (demo / name).read_bytes()
    assert (other / name).read_bytes() != (demo / name).read_bytes()


def test_demo_data_is_read_back_as_cases(demo: Path) -> None:
    cases = defaults.load_cases(demo, Recipe(data=DataRecipe()))
    assert len(cases) == 12
    assert cases[0].read_objects is not None
    labels = np.asarray(Image.open(demo / "labels" / "scene_00.png"))
    assert len(cases[0].read_objects()) == labels.max()
    assert cases[0].read_pixels().shape == (3, 128, 128)
