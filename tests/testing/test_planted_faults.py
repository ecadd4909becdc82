"""Small plugins, each with one fault: the kit finds it and says what its author must change."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from samdomains.chain import select_domain
from samdomains.testing import DomainConformance
from samdomains.testing.subject import SEED, subject_of

if TYPE_CHECKING:
    from tests.conftest import InstallPlugin

Kit = DomainConformance
Check = Callable[..., None]
Plant = Callable[[str], str]

SMALL = """
import dataclasses, functools, time
from dataclasses import dataclass, replace
from pathlib import Path
import numpy as np
import PIL.Image
from samdomains.plugin import *

@hookimpl
def make_demo_data(directory, seed):
    for folder, levels in (("images", 200), ("labels", 1)):
        (directory / folder).mkdir(parents=True)
        for number in range(3):
            rng = np.random.default_rng([seed, number])
            y, x = rng.integers(4, 20, 2)
            picture = rng.integers(0, 40, (48, 40)) * (levels > 1)
            picture[y : y + 14, x : x + 9] += levels
            PIL.Image.fromarray(picture.astype(np.uint8)).save(directory / folder / f"{number}.png")
    return directory
"""
"""A domain that keeps all rules: three grey pictures with an object each."""

_numbers = count()


@pytest.fixture
def plant(install_plugin: InstallPlugin) -> Plant:
    """Install the small plugin with more source; gives the id of its domain."""

    def install(source: str) -> str:
        name = f"planted{next(_numbers)}"
        install_plugin(name, SMALL + source)
        return name

    return install


def found(check: Check, domain: str, *more: object) -> str:
    """What a check says of a domain's demo data; it must fail."""
    with pytest.raises(pytest.fail.Exception) as failure:
        check(Kit(), subject_of(domain), *more)
    return str(failure.value)


CASES = """
@hookimpl
def load_cases(source, recipe):
    return [{case} for case in load_source(source, recipe.data)]
"""


def with_case(case: str, helpers: str = "") -> str:
    """Source that lists the core's cases, each changed by an expression."""
    return helpers + CASES.replace("{case}", case)


def test_a_plugin_that_keeps_the_rules_passes(plant: Plant, tmp_path: Path) -> None:
    subject = subject_of(plant(""))
    for check in (
        Kit.test_every_recipe_is_valid,
        Kit.test_listing_the_cases_decodes_no_pixels,
        Kit.test_the_cases_are_declared_as_they_are,
        Kit.test_pixels_and_objects_have_the_declared_shapes,
        Kit.test_windows_and_slices_give_what_the_whole_gives,
        Kit.test_corrections_point_at_what_is_wrong_or_right,
        Kit.test_the_chosen_strategy_can_be_trained,
    ):
        check(Kit(), subject)
    Kit().test_the_same_seed_makes_the_same_demo_data(subject, tmp_path)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("@hookimpl\ndef normalise_intensity(recipe): ...", "Did you mean 'normalize_intensity'"),
        ("def write_masks(recipe): ...", "Decorate the function with @hookimpl"),
        ("@hookimpl\ndef write_masks(recipe, out): ...", "does not offer"),
        ("import a_reader_that_is_missing", "cannot be imported: ModuleNotFoundError"),
    ],
)
def test_unknown_and_misdeclared_hooks(plant: Plant, source: str, message: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=message):
        Kit().test_its_hooks_are_known_and_rightly_declared(plant(source))


def test_a_heavy_import(install_plugin: InstallPlugin, monkeypatch: pytest.MonkeyPatch) -> None:
    module = install_plugin("eager", "import matplotlib\nfrom samdomains.plugin import hookimpl\n")
    path = os.pathsep.join([str(module.parent), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    with pytest.raises(pytest.fail.Exception, match="imports matplotlib; import them inside the"):
        Kit().test_selecting_the_domain_imports_no_torch_and_no_reader("eager")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            with_case(
                "replace(case, notes=(brightest(case.files[0]),))",
                "def brightest(path):\n    with PIL.Image.open(path) as picture:\n"
                "        return str(np.asarray(picture).max())\n",
            ),
            r"decodes pixels with PIL.*; do it in read_pixels",
        ),
        (
            with_case(
                "replace(case, read_pixels=functools.partial(np.array, case.read_pixels()))",
            ),
            r"decodes pixels with PIL",
        ),
        (
            # A reader that cannot be watched: what it read lies in the case.
            with_case(
                "replace(case, read_pixels=functools.partial("
                "np.zeros, (1, 48, 40)), geometry=np.zeros((1, 48, 400)))"
            ),
            r"it carries them\. Keep the path, and read in read_pixels",
        ),
        (
            "@hookimpl\ndef load_cases(source, recipe):\n    return []\n",
            "finds no case in the demo data",
        ),
    ],
)
def test_listing_that_reads(plant: Plant, source: str, message: str) -> None:
    assert re.search(message, found(Kit.test_listing_the_cases_decodes_no_pixels, plant(source)))


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("replace(case, group='')", "name the patient, scene or slide"),
        ("replace(case, classes={})", "give a mapping of numbers to names"),
        ("replace(case, classes={1: case.id})", "the same for every case"),
        ("replace(case, split='dev')", "allowed: .*'train', 'val', 'test'"),
        ("replace(case, files=(source / 'gone.png',))", "name existing files"),
        ("replace(case, spacing=(1.0, 0.0, 1.0))", r"give \(Z, Y, X\) in millimetres"),
    ],
)
def test_a_case_that_is_not_what_it_says(plant: Plant, case: str, message: str) -> None:
    domain = plant(with_case(case))
    assert re.search(message, found(Kit.test_the_cases_are_declared_as_they_are, domain))


READERS = """
@dataclass(frozen=True)
class Reads:
    inner: object
    how: str

    def __call__(self):
        pixels = self.inner()
        if self.how == "flat":
            return pixels[0]
        if self.how == "infinite":
            return np.where(pixels > 100, np.inf, pixels)
        if self.how == "random":
            return pixels + np.random.default_rng().integers(2, size=pixels.shape)
        return pixels[:, 2:]
"""


@pytest.mark.parametrize(
    ("how", "check", "message"),
    [
        ("flat", Kit.test_pixels_and_objects_have_the_declared_shapes, r"got uint8 of shape \(48"),
        ("infinite", Kit.test_pixels_and_objects_have_the_declared_shapes, "NaN where nothing was"),
        ("cropped", Kit.test_pixels_and_objects_have_the_declared_shapes, "the pixels' own frame"),
        ("random", Kit.test_reading_twice_gives_the_same, "keep no state"),
    ],
)
def test_a_reader_that_gives_something_else(
    plant: Plant, how: str, check: Check, message: str
) -> None:
    source = with_case(f"replace(case, read_pixels=Reads(case.read_pixels, {how!r}))", READERS)
    assert re.search(message, found(check, plant(source)))


def test_a_class_without_a_name(plant: Plant) -> None:
    domain = plant(with_case("replace(case, classes={9: 'wall'})"))
    message = found(Kit.test_pixels_and_objects_have_the_declared_shapes, domain)
    assert "name every class in Case.classes" in message


WINDOWS = """
@dataclass(frozen=True)
class Shifted:
    path: Path
    size: tuple = (48, 40)

    def read(self, window):
        return read_pixels(self.path)[:, 1:][(slice(None), *window.slices)]

    def overview(self):
        return read_pixels(self.path)
"""


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        ("Shifted(case.files[0])", "windows.read gives other pixels than read_pixels"),
        ("Shifted(case.files[0], (40, 48))", r"windows.size is \(40, 48\), the image is \(48, 40"),
    ],
)
def test_windows_that_show_something_else(plant: Plant, windows: str, message: str) -> None:
    domain = plant(with_case(f"replace(case, windows={windows})", WINDOWS))
    check = Kit.test_windows_and_slices_give_what_the_whole_gives
    assert re.search(message, found(check, domain))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (SMALL.replace("[seed, number]", "number"), "the same files for every seed; use it"),
        (SMALL.replace("[seed, number]", ""), "differently with the same seed"),
        (
            SMALL.replace('f"{number}.png"', 'f"{number}_{time.time_ns()}_{folder[0]}.png"'),
            "names its files otherwise each time",
        ),
    ],
)
def test_demo_data_that_ignores_the_seed(
    plant: Plant, tmp_path: Path, source: str, message: str
) -> None:
    subject = subject_of(plant(""))
    faulty = replace(subject, domain=select_domain(plant(source)))
    faulty = replace(faulty, data=faulty.domain.make_demo_data(tmp_path / "first", SEED))
    with pytest.raises(pytest.fail.Exception, match=message):
        Kit().test_the_same_seed_makes_the_same_demo_data(faulty, tmp_path)


def test_a_recipe_with_a_value_out_of_range(plant: Plant) -> None:
    domain = plant("@hookimpl\ndef recipes():\n    return {'bold': {'training': {'epochs': -1}}}\n")
    message = found(Kit.test_every_recipe_is_valid, domain)
    assert re.search(r"recipe 'bold': domain planted\d+, recipe bold: training.epochs", message)


def test_a_recipe_that_finds_nothing_to_train_on(plant: Plant, tmp_path: Path) -> None:
    domain = plant(
        "@hookimpl\ndef recipes():\n    return {'large': {'data': {'minimum_area': 5000}}}\n"
    )
    message = found(Kit.test_every_recipe_trains_two_steps, domain, tmp_path)
    assert "recipe 'large' finds objects in 0 images" in message
    assert "say in `unfit` why" in message


STRATEGIES = """
@hookimpl
def choose_strategy(recipe, facts):
    return dataclasses.replace(choose_strategy_by_size(recipe, facts), {change})
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("name='full'", "a strategy that the user fixed is kept"),
        ("name='adapter'", "allowed: decoder, lora, full"),
        ("batch_size=0", "both are 1 at least"),
        ("precision='fp8'", "allowed: no, fp16, bf16"),
        ("reasons=()", "say why, a sentence each"),
    ],
)
def test_a_strategy_that_cannot_be_trained(plant: Plant, change: str, message: str) -> None:
    domain = plant(STRATEGIES.replace("{change}", change))
    assert message in found(Kit.test_the_chosen_strategy_can_be_trained, domain)


WORKERS = """
KNOWN = {}

@dataclass(frozen=True)
class Registered:
    scale: float

    def __call__(self, pixels, statistics):
        return np.repeat(np.clip(pixels[:1] / 255 * self.scale, 0, 1), 3, axis=0).astype("f4")

    def __reduce__(self):
        return made, ("main",)

def made(name):
    return KNOWN[name]

@hookimpl
def normalize_intensity(recipe):
    KNOWN["main"] = Registered(1.0)
    return KNOWN["main"]
"""


def test_what_only_the_main_process_knows_does_not_arrive_in_a_worker(plant: Plant) -> None:
    # multiprocessing's own pool would wait for ever for a worker that cannot unpickle its task.
    domain = plant(WORKERS)
    message = found(Kit.test_everything_works_in_a_spawned_worker, domain)
    assert "the normalizer does not arrive in a worker: KeyError: 'main'" in message
    assert "let that need nothing that only the main process has done" in message
