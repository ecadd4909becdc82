"""Scores of volumes in the report, from what the summary of scores gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from samdomains.evaluation.surface import VolumeMeasures
from samdomains.evaluation.volume_results import VolumeScore, summarize_volumes
from samdomains.files import without_nan
from samdomains.reports.html import ReportData, write_report
from samdomains.reports.volume_tables import volume_tables

MISSED = VolumeMeasures("missed", 0.0, 0.0, 0.0, volume_ml=2.0, volume_difference_ml=-2.0)


def metrics(*systems: str, classes: tuple[str, ...] = ("liver", "spleen")) -> dict[str, Any]:
    """What `metrics.json` holds: two volumes, in which the last class is missed once."""
    found = VolumeMeasures("found", 0.8, 0.7, 0.9, 3.0, 1.0, 10.0, -0.5, -0.05)
    scores = [
        VolumeScore(case, case, name, 0, system, "box@middle", 2.0, measures)
        for system in systems
        for case in ("a", "b")
        for name in classes
        for measures in ([MISSED] if (case, name) == ("b", classes[-1]) else [found])
    ]
    summary = summarize_volumes(scores, resamples=50, seed=0)
    read: dict[str, Any] = json.loads(json.dumps(without_nan(summary)))
    return {"test": {}, "volumes": read}


def test_systems_stand_with_their_classes_below_them() -> None:
    (table,) = volume_tables(metrics("tuned", "zero_shot"))
    assert (table.prompt, table.tolerance_mm) == ("box@middle", 2.0)
    assert [(row.name, row.whole) for row in table.rows] == [
        ("Tuned", True),
        ("liver", False),
        ("spleen", False),
        ("Zero-shot", True),
        ("liver", False),
        ("spleen", False),
    ]
    spleen = table.rows[2]
    assert (spleen.missed, spleen.objects) == (1, 2)
    assert spleen.dice is not None
    assert spleen.dice.mean == pytest.approx(0.4)
    assert spleen.hd95_mm is not None
    assert (spleen.hd95_mm.mean, spleen.hd95_mm.cases) == (3.0, 1)


def test_a_single_class_has_no_row_of_its_own() -> None:
    (table,) = volume_tables(metrics("tuned", classes=("liver",)))
    assert [row.name for row in table.rows] == ["Tuned"]


def test_without_volumes_there_is_no_table() -> None:
    assert volume_tables({"test": {}}) == []


def test_different_tolerances_are_not_put_side_by_side() -> None:
    both = metrics("tuned", "zero_shot")
    both["volumes"]["tuned"]["box@middle"]["tolerance_mm"] = 3.0
    with pytest.raises(ValueError, match=r"got \[2.0, 3.0\] for box@middle"):
        volume_tables(both)


def test_the_report_shows_them(tmp_path: Path) -> None:
    data = ReportData("Organs", "ct", "tiny", metrics("tuned"))
    write_report(tmp_path / "report.html", data)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<h2>Volumes</h2>" in page
    assert "within 2 mm" in page
    assert ">1 of 2<" in page
    assert "\N{MINUS SIGN}2" in page
