"""Pages in a real browser: they fetch nothing, complain of nothing, and fit a phone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from samdomains.audit.findings import Finding
from samdomains.benchmark.leaderboard import leaderboard
from samdomains.benchmark.suites import Suite
from samdomains.chain import select_domain
from samdomains.evaluation.diagnosis import diagnose
from samdomains.facts import StrategyChoice
from samdomains.reports.figures import case_panels
from samdomains.reports.html import (
    ExplainRow,
    Picture,
    RecipeRow,
    ReportData,
    SplitCount,
    write_report,
)
from samdomains.reports.leaderboard import write_leaderboard
from samdomains.reports.volume_figures import FollowedObject, VolumePicture
from samdomains.reports.volume_page import volume_section
from samdomains.types import ObjectMask, Prompts
from tests.benchmark.made import results
from tests.health_making import healthy
from tests.reports.browsing import look_at, needs_browser
from tests.reports.conftest import example_card, example_history, example_metrics

LONG = "a_case_whose_name_has_no_place_where_a_line_could_end_" * 3
"""What would push a page wider than a phone."""

Look: TypeAlias = Callable[..., Mapping[str, Any]]


pytestmark = needs_browser


def a_picture(group: Any) -> Picture:
    """A square that was found too far to the right."""
    image = np.random.default_rng(0).random((3, 48, 64), dtype=np.float32)
    truth, answer = np.zeros((2, 48, 64), dtype=bool)
    truth[10:30, 10:30] = answer[10:30, 16:36] = True
    prompts = [Prompts(box=np.array([10, 10, 30, 30], dtype=np.float32))]
    systems = {"tuned": [answer], "zero_shot": [truth]}
    panels = case_panels(image, prompts=prompts, truth=[truth], predictions=systems)
    return Picture(f"{LONG}: Dice 0.700 from boxes", panels, group)


def a_volume() -> VolumePicture:
    """A block of six slices."""
    mask = np.zeros((24, 32), dtype=bool)
    mask[6:18, 8:24] = True
    one = ObjectMask.from_mask(mask)
    sections = [
        ObjectMask(one.crop, one.origin, one.image_size, slice_index=index) for index in range(6)
    ]
    confidence = dict.fromkeys(range(6), 0.9)
    block = FollowedObject(LONG, sections, sections, prompted=(3,), confidence=confidence)
    grey = np.random.default_rng(0).random((6, 24, 32), dtype=np.float32)
    return VolumePicture(LONG, grey, (24, 32), [block], spacing=(2.0, 1.0, 1.0))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every section, with names as long as they come."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    data = ReportData(
        title="SAM tuned for microscopy",
        domain="microscopy",
        base="tiny",
        metrics=example_metrics(),
        card=replace(example_card(), health=diagnose(example_card(), healthy())),
        splits=[SplitCount("train", 30, 15), SplitCount("test", 10, 5)],
        findings=[
            Finding(
                "warning",
                LONG,
                "a.png",
                "the image is black",
                "Look at it.",
                check="constant_image",
            )
        ],
        history=example_history(),
        strategy=StrategyChoice("lora", 4, "bf16", ("30 images suit LoRA.",)),
        recipe=[RecipeRow("training.epochs", LONG, "command line")],
        explain=[ExplainRow("load_cases", "core", f"{LONG}.py:40")],
        versions={"torch": "2.9.0"},
        hardware={"CPU": LONG},
        hashes={"data": "ab" * 32},
        again=f"samdomains run {LONG} DATA --recipe recipe.yaml --out AGAIN",
        seconds={"check": 4.25},
        pictures=[a_picture("worst"), a_picture("best")],
        volumes=[volume_section(a_volume())],
    )
    write_report(path, data)
    return path


@pytest.fixture(scope="module")
def look(report: Path, tmp_path_factory: pytest.TempPathFactory) -> Look:
    """Opens a page, the report unless told, as wide as asked and tells what the browser found."""
    folder = tmp_path_factory.mktemp("browser")

    @cache
    def found(width: int, *, dark: bool = False, page: Path = report) -> Mapping[str, Any]:
        return look_at(page, folder, width, dark=dark)

    return found


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_the_window_and_shows_every_picture(look: Look, width: int) -> None:
    found = look(width)
    assert found["width"] == width
    assert found["needs"] <= width
    assert found["images"] > 12
    assert found["broken"] == []
    assert found["console"] == []
    assert found["requests"] == []


@pytest.mark.parametrize("width", [390, 1280])
def test_a_leaderboard_fits_too(look: Look, tmp_path: Path, width: int) -> None:
    suite, missing = Suite(title=LONG), {LONG: f"{LONG}: is not there"}
    page = tmp_path / "leaderboard.html"
    write_leaderboard(page, leaderboard(select_domain("images"), suite, results(), missing))
    found = look(width, page=page)
    assert found["needs"] <= width
    assert found["images"] == 1
    assert found["broken"] == found["console"] == found["requests"] == []


def test_on_a_phone_the_pictures_of_a_case_are_as_wide_as_the_page(look: Look) -> None:
    assert look(390)["smallest"] > 300


def test_the_page_is_dark_where_the_system_is(look: Look) -> None:
    grounds = [look(390)["ground"], look(390, dark=True)["ground"]]
    light, dark = (sum(map(int, re.findall(r"\d+", ground)[:3])) for ground in grounds)
    assert light > 3 * 200
    assert dark < 3 * 60


def test_it_names_no_other_place(report: Path) -> None:
    page = report.read_text(encoding="utf-8")
    assert "http://" not in page
    assert "https://" not in page
