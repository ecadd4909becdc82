"""An error in whatever a hook returned names plugin, version, hook, case, file and line."""

from __future__ import annotations

import errno
import multiprocessing
import pickle
import re
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from samdomains.chain import Domain, select_domain
from samdomains.data.parts import in_parts, normalized_image
from samdomains.data.scenes import scene_statistics
from samdomains.data.volumes import volume_pixels
from samdomains.errors import DataError, HookError, PluginError
from samdomains.hook_guards import RETURNED
from samdomains.recipe import Recipe, SceneRecipe
from samdomains.training.rounds import ObjectBatch
from samdomains.types import Case, Window

if TYPE_CHECKING:
    from tests.conftest import InstallPlugin

PLUGIN = """
import json
from dataclasses import dataclass, replace
from samdomains.plugin import *

@dataclass(frozen=True)
class Fails:
    error: str
    size: tuple = (9, 9)

    def __call__(self, *arguments):
        return self.fail()

    def read(self, window):
        return self.fail()

    def overview(self):
        return self.fail()

    def pixels(self):
        yield 0, self.fail()

    def objects(self):
        yield 0, self.fail()

    def fail(self):
        raise eval(self.error)  # fails here

class Sized:
    def __init__(self, error):
        self.error = error

    @property
    def size(self):
        return Fails(self.error).fail()

"""
LINE = PLUGIN[: PLUGIN.index("# fails here")].count("\n") + 1
CAUSE = 'ValueError("no such thing")'


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two images with a mask each."""
    for name in ("images", "masks"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for stem in ("leaf", "stem"):
            picture = np.zeros((9, 9), dtype=np.uint8)
            picture[2:6, 2:6] = 200
            PillowImage.fromarray(picture).save(tmp_path / "data" / name / f"{stem}.png")
    return tmp_path / "data"


Plant = Callable[..., Domain]


@pytest.fixture
def plant(install_plugin: InstallPlugin) -> Plant:
    """Install a domain, one of whose hooks returns what fails."""

    def install(hook: str, body: str = "return Fails(CAUSE)", error: str = CAUSE) -> Domain:
        arguments = "source, recipe" if hook == "load_cases" else "recipe"
        body = body.replace("CAUSE", repr(error))
        code = f"@hookimpl\ndef {hook}({arguments}):\n    {body}\n"
        install_plugin("crops", PLUGIN + code, version="1.4")
        return select_domain("crops")

    return install


def require_told(error: HookError, hook: str, part: str, case: str) -> None:
    """All that the author of a plugin needs to know stands in the text."""
    text = str(error)
    assert text.startswith(f"case '{case}'")
    told = re.search(
        r"domain crops: `(\w+)` of domain 'crops' \(samdomains-crops 1\.4\) failed in (.*) at "
        r"(.*samdomains_crops_crops\.py):(\d+): ValueError: no such thing$",
        text,
    )
    assert told, text
    assert (told[1], told[2], int(told[4])) == (hook, part, LINE)
    assert error.case == case
    assert isinstance(error.__cause__, ValueError)


def first(domain: Domain, source: Path) -> Case:
    return domain.load_cases(source, Recipe())[0]


CASES = "return [replace(case, {change}) for case in load_source(source, recipe.data)]"


@pytest.mark.parametrize(
    ("change", "part", "use"),
    [
        ("read_pixels=Fails(CAUSE)", "`read_pixels`", lambda case: case.read_pixels()),
        ("read_objects=Fails(CAUSE)", "`read_objects`", lambda case: case.read_objects()),
        (
            "windows=Fails(CAUSE)",
            "`windows.read`",
            lambda case: case.windows.read(Window(0, 0, 4, 4)),
        ),
        ("windows=Fails(CAUSE)", "`windows.overview`", scene_statistics),
        ("windows=Sized(CAUSE)", "`windows.size`", lambda case: case.windows.size),
        ("depth=2, slices=Fails(CAUSE)", "`slices.pixels`", volume_pixels),
        (
            "depth=2, slices=Fails(CAUSE)",
            "`slices.objects`",
            lambda case: list(case.slices.objects()),
        ),
    ],
)
def test_a_failing_reader(
    plant: Plant, source: Path, change: str, part: str, use: Callable[[Case], object]
) -> None:
    case = first(plant("load_cases", CASES.replace("{change}", change)), source)
    with pytest.raises(HookError) as caught:
        use(case)
    require_told(caught.value, "load_cases", part, "leaf")
    assert str(source / "images" / "leaf.png") in str(caught.value)


def test_a_failing_normaliser_names_the_slice(plant: Plant, source: Path) -> None:
    domain = plant("normalize_intensity")
    normalizer = domain.normalize_intensity(Recipe())
    volume = replace(first(domain, source), depth=2, read_pixels=lambda: np.zeros((1, 2, 9, 9)))
    with pytest.raises(HookError) as caught:
        normalized_image(in_parts([volume])[1], normalizer)
    require_told(caught.value, "normalize_intensity", "its normaliser", "leaf@1")


def test_a_failing_sampler_names_the_case_of_its_object(plant: Plant) -> None:
    import torch

    sampler = plant("sample_prompts").sample_prompts(Recipe())
    masks = [np.ones((4, 4), dtype=bool)] * 2
    batch = ObjectBatch(masks, torch.tensor([1, 0]), (), cases=("leaf", "stem"))
    with pytest.raises(HookError) as caught:
        batch.first_prompts(sampler, [np.random.default_rng(0)] * 2)
    require_told(caught.value, "sample_prompts", "its sampler", "stem")


def test_a_failing_proposer_names_the_case(plant: Plant, source: Path) -> None:
    from samdomains.evaluation.scorer import Asked, score
    from samdomains.inference import load_model

    domain = plant("propose_prompts")
    model = load_model("tiny", domain="crops")
    asked = replace(Asked.of(model.recipe, model.find), prompts=("auto",))
    cases = domain.load_cases(source, Recipe())
    with pytest.raises(HookError) as caught:
        score(model.systems, cases[:1], normalizer=model.normalizer, asked=asked)
    require_told(caught.value, "propose_prompts", "its proposer", "leaf")


def test_a_failing_writer_names_the_case(plant: Plant, source: Path, tmp_path: Path) -> None:
    domain = plant("write_masks")
    with pytest.raises(HookError) as caught:
        domain.write_masks(Recipe())(first(domain, source), (), tmp_path)
    require_told(caught.value, "write_masks", "its writer", "leaf")


def test_an_error_on_the_command_line_is_one_line_with_all_of_it(
    plant: Plant, source: Path, tmp_path: Path
) -> None:
    from click.testing import CliRunner

    from samdomains.cli.main import cli

    plant("load_cases", CASES.replace("{change}", "read_objects=Fails(CAUSE)"))
    words = ["convert", "crops", str(source), str(tmp_path / "out"), "--to", "coco"]
    result = CliRunner().invoke(cli, words, prog_name="samdomains", catch_exceptions=False)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: case 'leaf' (")
    assert "`load_cases` of domain 'crops' (samdomains-crops 1.4)" in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_line_is_the_plugins_own_even_where_a_library_raises(
    plant: Plant, source: Path
) -> None:
    reader = CASES.replace("{change}", "read_pixels=Fails(CAUSE)")
    case = first(plant("load_cases", reader, "json.loads('{')"), source)
    with pytest.raises(HookError, match=rf"crops\.py:{LINE}: JSONDecodeError"):
        case.read_pixels()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("DataError('a.png', 'it is damaged', 'Export it again.')", DataError),
        (f"OSError({errno.ENOSPC}, 'full')", OSError),
        (f"PermissionError({errno.EACCES}, 'no right')", PermissionError),
        ("MemoryError()", MemoryError),
        ("KeyboardInterrupt()", KeyboardInterrupt),
    ],
)
def test_a_clear_error_and_one_of_the_machine_pass_unchanged(
    plant: Plant, source: Path, error: str, kind: type[BaseException]
) -> None:
    domain = plant("load_cases", CASES.replace("{change}", "read_pixels=Fails(CAUSE)"), error)
    with pytest.raises(kind) as caught:
        first(domain, source).read_pixels()
    assert not isinstance(caught.value, PluginError)


def test_the_origin_travels_into_a_worker_and_its_error_back(plant: Plant, source: Path) -> None:
    case = first(plant("load_cases", CASES.replace("{change}", "read_pixels=Fails(CAUSE)")), source)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        error = pool.submit(case.read_pixels).exception()
    assert isinstance(error, HookError)
    assert error.case == "leaf"
    assert "`load_cases` of domain 'crops' (samdomains-crops 1.4) failed in `read_pix" in str(error)


@pytest.mark.parametrize("hook", RETURNED)
def test_a_guard_looks_like_what_it_guards_and_equals_its_like(plant: Plant, hook: str) -> None:
    domain = plant(hook)
    answer: Any = getattr(domain, hook)(Recipe())
    assert repr(answer) == f"Fails(error={CAUSE!r}, size=(9, 9))"
    assert answer == getattr(domain, hook)(Recipe())
    assert answer == answer.inner
    assert answer.inner == answer
    assert answer != replace(answer.inner, error="KeyError()")
    assert hash(answer) == hash(pickle.loads(pickle.dumps(answer)))


def test_the_answers_of_the_core_are_its_own(tmp_path: Path, source: Path) -> None:
    domain = select_domain("images")
    assert type(domain.write_masks(Recipe())).__name__ == "LabelPngWriter"
    assert type(first(domain, source).read_pixels).__name__ == "PixelFile"
    assert in_parts(domain.load_cases(source, Recipe()), SceneRecipe())


def test_lines_of_other_modules_of_the_package_are_the_plugins_too(tmp_path: Path) -> None:
    import samdomains.data.naming as module
    from samdomains.hook_guards import home_of

    assert home_of(module) == str(Path(module.__file__).parent.parent)
    alone = type(module)("alone")
    alone.__file__ = str(tmp_path / "alone.py")
    assert home_of(alone) == str(tmp_path / "alone.py")


def test_a_parent_and_a_local_file_are_named_as_the_ones_that_failed(
    plant: Plant,
    install_plugin: InstallPlugin,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    plant("write_masks")
    install_plugin("tubers", "extends = 'crops'\n", version="0.2")
    child = select_domain("tubers")
    with pytest.raises(
        HookError, match=r"domain crops: .* of domain 'tubers' \(samdomains-crops 1"
    ):
        child.write_masks(Recipe())(first(child, source), (), tmp_path)
    local = tmp_path / "local_guard.py"
    local.write_text(PLUGIN + f"@hookimpl\ndef write_masks():\n    return Fails({CAUSE!r})\n")
    mine = select_domain("tubers", local_plugin=local)
    told = re.escape(
        f"local file local_guard.py: `write_masks` of domain 'tubers' ({local}) failed"
    )
    with pytest.raises(HookError, match=told):
        mine.write_masks(Recipe())(first(mine, source), (), tmp_path)
