from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from PIL import Image

from samdomains.chain import Domain, select_domain
from samdomains.checking import check_cases
from samdomains.data.parts import in_parts
from samdomains.data.splits import split_cases
from samdomains.evaluation.baselines import BoxEllipse
from samdomains.evaluation.card import Card
from samdomains.evaluation.scorer import Asked, score
from samdomains.facts import StrategyChoice
from samdomains.reports.run_report import RunRecord, chosen_cases, write_run_report
from tests.volume_making import ball

ORDER = ("worst", "median", "best")


@pytest.fixture(scope="module")
def domain() -> Domain:
    return select_domain("images")


@pytest.fixture
def record(
    domain: Domain,
    labelled_folder: Path,
    metrics: dict[str, Any],
    card: Card,
    history: list[dict[str, float]],
) -> RunRecord:
    """A run whose tuned model draws ellipses."""
    resolved = domain.resolve_recipe(settings=["training.epochs=3", "data.minimum_area=20"])
    recipe = resolved.recipe
    cases = domain.load_cases(labelled_folder, recipe)
    splits = split_cases(cases, recipe.data, 0)
    systems = {"tuned": BoxEllipse(), "zero_shot": BoxEllipse()}
    scores = score(
        systems,
        splits.test,
        normalizer=domain.normalize_intensity(recipe),
        asked=Asked(("box",), minimum_area=20),
    ).objects
    return RunRecord(
        domain=domain,
        resolved=resolved,
        audit=check_cases(cases, recipe),
        splits=splits,
        choice=StrategyChoice("lora", 4, "no", ("Because of the memory.",)),
        history=history,
        kept="Kept: the weights of epoch 2.",
        scores=scores,
        metrics=metrics,
        card=card,
        seconds={"check": 1.0, "tune": 61.0},
        base="tiny",
        base_sha256="abc123",
        joules={"CPU": 7200.0},
        systems=systems,
    )


def pictures(report: str) -> list[Image.Image]:
    found = re.findall(r"data:image/(?:png|jpeg|webp);base64,([A-Za-z0-9+/=]+)", report)
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]


def test_it_tells_what_was_run_and_shows_worst_and_best(record: RunRecord, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_run_report(path, record)
    report = path.read_text("utf-8")
    for part in (
        "abc123",
        "CPU 2 Wh",
        "samdomains run images DATA --recipe recipe.yaml --out AGAIN",
        "files, ",
        "Because of the memory.",
        "training.epochs",
        "command line",
        "load_cases",
        "core (samdomains",
        "segment-anything",
        "peak memory",
        "scene_03",
        "scene_04",
    ):
        assert part in report
    assert all(min(picture.size) > 50 for picture in pictures(report))
    assert len(pictures(report)) == 2 * 6  # image, truth, and answer and errors of two systems
    assert str(tmp_path.parent) not in report


def test_without_box_prompts_there_are_no_pictures_and_no_failure(
    record: RunRecord, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    write_run_report(path, replace(record, scores=()))
    write_run_report(tmp_path / "other.html", record)
    without, some = (pictures(p.read_text("utf-8")) for p in (path, tmp_path / "other.html"))
    assert len(without) < len(some)


def volumes_part(record: RunRecord, tmp_path: Path) -> str:
    """What stands under the heading, or nothing."""
    write_run_report(tmp_path / "report.html", record)
    report = (tmp_path / "report.html").read_text("utf-8")
    return report.partition("<h2>Volumes</h2>")[2].partition("</section>")[0]


def test_it_says_why_divided_volumes_have_no_scores(record: RunRecord, tmp_path: Path) -> None:
    quick = replace(record, scores=())  # without pictures of cases
    assert volumes_part(quick, tmp_path) == ""
    slices = in_parts([ball()])
    divided = replace(quick, splits=replace(record.splits, test=slices[4:]))
    assert "each volume was divided between training and test" in volumes_part(divided, tmp_path)
    whole = replace(quick, splits=replace(record.splits, test=slices))
    assert "none that is large enough" in volumes_part(whole, tmp_path)
    off = record.domain.resolve_recipe(settings=["evaluation.volume_objects=0"])
    assert "volume_objects is 0" in volumes_part(replace(whole, resolved=off), tmp_path)


def test_it_shows_the_sections_about_volumes(record: RunRecord, tmp_path: Path) -> None:
    section = Markup("<section>a liver</section>")
    shown = replace(record, scores=(), volumes=[section])
    write_run_report(tmp_path / "report.html", shown)
    assert section in (tmp_path / "report.html").read_text("utf-8")


@given(st.integers(0, 40))
def test_cases_are_shown_once_in_the_order_of_the_ranking(count: int) -> None:
    ranked = [f"c{index:02d}" for index in range(count)]
    chosen = chosen_cases(ranked)
    cases = [case for case, _ in chosen]
    assert cases == sorted(set(cases))
    assert len(cases) == min(count, 6)
    assert [group for _, group in chosen] == sorted((g for _, g in chosen), key=ORDER.index)
    if count:
        assert cases[0] == ranked[0]
    if count > 1:
        assert chosen[-1] == (ranked[-1], "best")


def test_two_cases_are_shown_of_the_middle_and_of_each_end() -> None:
    chosen = [case for case, _ in chosen_cases("abcdefghij")]
    assert chosen == ["a", "b", "e", "f", "i", "j"]
    assert [group for _, group in chosen_cases("abc")] == list(ORDER)
