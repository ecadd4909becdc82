from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from samdomains.chain import select_domain
from samdomains.errors import UsageError
from samdomains.hook_rules import HOOK_ARGUMENTS
from samdomains.tracing import trace_case, write_trace
from tests.volume_making import ball

if TYPE_CHECKING:
    from tests.conftest import InstallPlugin

FAILING = """
from dataclasses import dataclass
from samdomains.plugin import *

@dataclass(frozen=True)
class Fails:
    def __call__(self, *arguments):
        raise ValueError("no such level")

@hookimpl
def normalize_intensity(recipe):
    return Fails()
"""


def test_every_hook_is_asked_about_one_case(labelled_folder: Path, tmp_path: Path) -> None:
    domain = select_domain("images")
    recipe = domain.resolve_recipe().recipe
    trace = trace_case(domain, labelled_folder, recipe, out=tmp_path)
    assert trace.error is None
    assert {step.hook for step in trace.steps} == {*HOOK_ARGUMENTS} - {"make_demo_data"}
    calls = {step.call: step for step in trace.steps}
    normalised = calls["normaliser(pixels, statistics)"]
    assert normalised.layer == "core"
    assert normalised.where.rpartition(":")[0].endswith("defaults.py")
    assert normalised.got["pixels"].words.startswith("uint8 (3, 128, 128), ")
    assert normalised.gave.facts["dtype"] == "float32"
    assert (normalised.gave.facts["low"], normalised.gave.facts["high"]) == (0.0, 1.0)
    assert all(step.seconds is not None and step.seconds >= 0 for step in trace.steps)
    simulated = calls["sampler(mask of object 0, rng, None)"]
    assert simulated.got["mask"].words.startswith("bool (128, 128), true in ")
    assert {"box", "points", "labels"} <= {*simulated.gave.facts}
    assert list((tmp_path / "masks").glob("*.png"))


def test_the_trace_is_a_page_with_pictures_and_json(labelled_folder: Path, tmp_path: Path) -> None:
    domain = select_domain("images")
    recipe = domain.resolve_recipe().recipe
    trace = trace_case(domain, labelled_folder, recipe)
    write_trace(trace, tmp_path)
    page = (tmp_path / "trace.html").read_text("utf-8")
    assert page.count('src="data:image/webp;base64,') == len(trace.panels) == 4
    assert "normaliser(pixels, statistics)" in page
    facts = json.loads((tmp_path / "trace.json").read_text("utf-8"))
    assert facts["schema"] == 1
    assert facts["case"] == trace.case
    assert [step["call"] for step in facts["steps"]] == [step.call for step in trace.steps]


def test_without_data_it_is_a_case_of_the_demo_data(install_plugin: InstallPlugin) -> None:
    install_plugin("plain", "from samdomains.plugin import *\n", version="2.0")
    domain = select_domain("plain")
    trace = trace_case(domain, None, domain.resolve_recipe().recipe)
    assert trace.steps[1].hook == "make_demo_data"
    assert (trace.case, trace.distribution) == ("scene_00", "samdomains-plain 2.0")
    assert not trace.source.exists()


def test_it_goes_on_until_an_error_and_shows_what_the_call_got(
    install_plugin: InstallPlugin, labelled_folder: Path
) -> None:
    install_plugin("broken", FAILING)
    domain = select_domain("broken")
    trace = trace_case(domain, labelled_folder, domain.resolve_recipe().recipe)
    last = trace.steps[-1]
    assert (last.call, last.layer) == ("normaliser(pixels, statistics)", "domain broken")
    assert last.got["pixels"].words.startswith("uint8")
    assert "ValueError: no such level" in last.gave.words
    assert str(trace.error).startswith(f"case '{trace.case}'")


def test_a_case_may_be_named_and_an_unlabelled_one_is_not_prompted(labelled_folder: Path) -> None:
    domain = select_domain("images")
    recipe = domain.resolve_recipe().recipe
    trace = trace_case(domain, labelled_folder / "images", recipe, case="scene_03")
    assert trace.case == "scene_03"
    skipped = {step.call: step.gave.words for step in trace.steps if step.seconds is None}
    assert skipped["sampler(mask, rng, None)"] == "not called: the case has no object"
    with pytest.raises(UsageError, match=r"no case 'scene_3'\. Did you mean 'scene_0"):
        trace_case(domain, labelled_folder, recipe, case="scene_3")


def test_of_a_volume_the_slice_that_shows_most_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    domain = select_domain("images")
    monkeypatch.setattr(domain, "load_cases", lambda *_: [ball()])
    trace = trace_case(domain, Path("scan"), domain.resolve_recipe().recipe)
    read = trace.steps[2]
    assert read.got["part"].words == "slice 5"
    assert trace.case == "ball@05"
    # The core writes no volumes, and says so.
    assert "does not fit into one picture" in str(trace.error)
