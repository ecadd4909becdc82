from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from samdomains.audit.cases import audit_cases
from samdomains.audit.findings import Audit, Finding, Severity, worst_first
from samdomains.errors import DataError
from samdomains.intensity import PercentileStretch
from samdomains.reports import audit_page
from samdomains.reports.audit_page import (
    MOST_OF_A_CHECK,
    MOST_SHOWN,
    check_counts,
    shown_findings,
    write_audit_page,
)
from samdomains.types import Case, ObjectMask, RawImage
from tests.reports.browsing import look_at, needs_browser

LONG = "a_case_whose_name_has_no_place_where_a_line_could_end_" * 3
NORMALIZER = PercentileStretch(1, 99)


def a_case(name: str, seed: int = 0) -> Case:
    """Noise with one square and one speck."""
    pixels = np.random.default_rng(seed).integers(0, 255, (1, 48, 64), dtype=np.uint8)
    square, speck = np.zeros((2, 48, 64), dtype=bool)
    square[10:30, 10:30] = speck[40, 60] = True
    objects = (ObjectMask.from_mask(square), ObjectMask.from_mask(speck))
    return Case(
        name,
        name,
        pixels.copy,
        lambda: objects,
        {1: "cell"},
        files=(Path("set/images") / f"{name}.png", Path("set/masks") / f"{name}.png"),
    )


def finding(check: str, severity: Severity = "warning", badness: float = 0.5) -> Finding:
    return Finding(severity, "", "", "bad", "Mend it.", check=check, badness=badness)


def page_of(cases: list[Case], folder: Path) -> str:
    path = folder / "check.html"
    audit = audit_cases(cases, minimum_area=4)
    write_audit_page(path, audit, cases, NORMALIZER, source=Path("set"))
    return path.read_text(encoding="utf-8")


def test_a_finding_stands_with_its_picture_file_and_remedy(tmp_path: Path) -> None:
    page = page_of([a_case("a")], tmp_path)
    assert "1 of 2 objects have fewer than 4 pixels" in page
    assert "remove them from the mask" in page
    assert "--fix COPY" in page
    assert ">masks/a.png<" in page
    assert len(re.findall("<img ", page)) == 1


def test_equal_images_stand_beside_each_other(tmp_path: Path) -> None:
    page = page_of([a_case("a"), a_case("b")], tmp_path)
    assert "Beside it: a" in page


def test_nothing_wrong_is_said_too(tmp_path: Path) -> None:
    path = tmp_path / "check.html"
    write_audit_page(path, Audit((), 2, 5, {"cell": 5}, ()), [], NORMALIZER, source=Path("set"))
    assert "Nothing wrong was found" in path.read_text(encoding="utf-8")


def test_what_cannot_be_read_is_listed_without_picture(tmp_path: Path) -> None:
    def damaged() -> RawImage:
        raise DataError("set/images/a.png", "damaged", "Copy it again.")

    page = page_of([replace(a_case("a"), read_pixels=damaged)], tmp_path)
    assert "Damaged." in page
    assert "<img " not in page


def test_a_case_whose_masks_cannot_be_read_is_shown_without_outlines(tmp_path: Path) -> None:
    def damaged() -> tuple[ObjectMask, ...]:
        raise DataError("set/masks/a.png", "damaged", "Copy it again.")

    page = page_of([replace(a_case("a"), read_objects=damaged)], tmp_path)
    assert "<img " in page


def test_text_from_file_names_is_shown_as_text(tmp_path: Path) -> None:
    page = page_of([a_case("<script>alert(1)</script>")], tmp_path)
    assert "<script" not in page


def test_the_path_of_the_data_is_not_told(tmp_path: Path) -> None:
    path, source = tmp_path / "check.html", Path("/home/somebody/set")
    named = replace(finding("x"), file=str(source / "a.png"), problem=f"{source / 'a.png'} is bad")
    write_audit_page(path, Audit((named,), 1, 1, {}, ()), [], NORMALIZER, source=source)
    page = path.read_text(encoding="utf-8")
    assert "somebody" not in page
    assert "A.png is bad" in page


def test_a_frequent_fault_does_not_hide_a_rare_one() -> None:
    findings = worst_first([finding("often", badness=0.9)] * 200 + [finding("rare", badness=0.1)])
    shown = shown_findings(findings)
    assert [one.check for one in shown] == ["often"] * MOST_OF_A_CHECK + ["rare"]
    assert [(row.check, row.warnings, row.shown) for row in check_counts(findings, shown)] == [
        ("often", 200, MOST_OF_A_CHECK),
        ("rare", 1, 1),
    ]


def test_the_number_of_findings_on_a_page_is_limited() -> None:
    assert len(shown_findings([finding(f"c{i}") for i in range(100)])) == MOST_SHOWN


def test_pictures_end_when_the_page_is_large_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_page, "MOST_BYTES", 1)
    page = page_of([a_case("a", 1), a_case("b", 2), a_case("c", 3)], tmp_path)
    assert page.count("<article") == 3
    assert page.count("<img ") == 1


@needs_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_the_window_and_fetches_nothing(width: int, tmp_path: Path) -> None:
    page_of([a_case(LONG, 1), a_case("b", 2), a_case("c", 2)], tmp_path)
    found = look_at(tmp_path / "check.html", tmp_path, width)
    assert found["needs"] <= found["width"] == width
    assert found["images"] >= 4
    assert [found["broken"], found["console"], found["requests"]] == [[], [], []]
