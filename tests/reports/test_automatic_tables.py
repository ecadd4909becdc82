"""Answers without prompts and clicks in the report, from what the summary of scores gives."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from samdomains.evaluation.clicks import ClickScore
from samdomains.evaluation.scores import Scores, summarize_scores
from samdomains.files import without_nan
from samdomains.reports.automatic_tables import (
    EMPTY,
    FOUND,
    Figure,
    automatic_section,
    click_table,
    empty_table,
    foreground_table,
    found_table,
)
from samdomains.reports.html import ReportData, write_report
from tests.object_making import compared, rectangle


@pytest.fixture
def found_metrics() -> dict[str, Any]:
    """What `metrics.json` holds: two images, one of them without an object, and three clicks."""
    truth = rectangle(0, 0, 10, 10)
    answer = replace(truth, score=0.9)
    scores = Scores(
        images=tuple(
            compared(case, truths, answers, system=system)
            for system, answers in (("zero_shot", [answer]), ("tuned", [answer]), ("unet", []))
            for case, truths in (("a", [truth]), ("b", []))
        ),
        clicks=tuple(
            ClickScore(case, case, "cell", 0, "tuned", ious)
            for case, ious in (("a", (0.5, 0.87, 0.91)), ("b", (0.5, 0.6, 0.7)))
        ),
    )
    summary = summarize_scores(scores, resamples=20, seed=0, cases=2)
    read: dict[str, Any] = json.loads(json.dumps(without_nan(summary)))
    return read


def test_every_system_has_a_row_and_every_measure_a_definition(
    found_metrics: dict[str, Any],
) -> None:
    table = found_table(found_metrics)
    assert table is not None
    assert [name for name, _ in table.rows] == ["Tuned", "Zero-shot", "unet"]
    assert table.columns == tuple(table.definitions)
    assert len(table.columns) == len(FOUND)
    figures = dict(zip(table.columns, table.rows[0][1], strict=True))
    # The answer to the empty image comes after the right one, as sure as it is.
    assert figures["AP"].text == "1.000"
    assert figures["Precision"] == Figure("0.500", "0.000-1.000")
    assert figures["DSB AP"] == Figure("1.000")


def test_only_the_chosen_measures_are_shown(found_metrics: dict[str, Any]) -> None:
    table = found_table(found_metrics, ("pq", "ap"))
    assert table is not None
    assert table.columns == ("PQ", "AP")


def test_the_foreground_is_that_of_images_with_an_object(found_metrics: dict[str, Any]) -> None:
    table = foreground_table(found_metrics)
    assert table is not None
    assert table.rows[0] == ("Tuned", (Figure("1.000"), Figure("1.000")))
    assert table.rows[2] == ("unet", (Figure("0.000"), Figure("0.000")))


def test_false_alarms_are_shown_where_an_image_is_empty(found_metrics: dict[str, Any]) -> None:
    table = empty_table(found_metrics)
    assert table is not None
    assert [cell.text for cell in table.rows[0][1]] == ["1", "1.000", "1.000", "0.033"]
    assert len(table.columns) == len(EMPTY)
    for entry in found_metrics["instances"].values():
        entry["empty"] = dict.fromkeys(EMPTY) | {"images": 0}
    assert empty_table(found_metrics) is None


def test_clicks_show_the_first_ones_and_the_last(found_metrics: dict[str, Any]) -> None:
    table = click_table(found_metrics)
    assert table is not None
    assert table.columns[-3:] == ("IoU after 1", "IoU after 2", "IoU after 3")
    ((name, cells),) = table.rows
    assert name == "Tuned"
    assert [cell.text for cell in cells[:4]] == ["2.50", "3.00", "1 of 2", "1 of 2"]
    assert [cell.text for cell in cells[4:]] == ["0.500", "0.735", "0.805"]
    assert "counts 3" in table.definitions["NoC@85"]


def test_systems_with_different_clicks_share_no_table(found_metrics: dict[str, Any]) -> None:
    found_metrics["clicks"]["other"] = found_metrics["clicks"]["tuned"] | {"most": 9}
    with pytest.raises(ValueError, match=r"\[3, 9\]"):
        click_table(found_metrics)


def test_without_such_scores_there_is_nothing_to_show(metrics: dict[str, Any]) -> None:
    assert found_table(metrics) is foreground_table(metrics) is empty_table(metrics) is None
    assert click_table(metrics) is None
    assert automatic_section(metrics) == ""


def test_the_report_has_the_tables_with_their_definitions(
    found_metrics: dict[str, Any], tmp_path: Path
) -> None:
    write_report(tmp_path / "r.html", ReportData("Cells", "images", "tiny", found_metrics))
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    for words in ("Without prompts", "Images without an object", "NoC@90", "Panoptic quality"):
        assert words in text
