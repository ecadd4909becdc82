"""The rows and cells of the report's tables."""

from __future__ import annotations

from typing import Any

import pytest

from samdomains.evaluation.card import Card
from samdomains.reports.tables import (
    boundary_tables,
    class_tables,
    lowest_shown,
    prompt_tables,
    waiting_for_data,
)


def test_each_prompt_lists_the_systems_that_answered_it(metrics: dict[str, Any]) -> None:
    box, point = prompt_tables(metrics, None)
    assert [row.name for row in box.rows] == ["Tuned", "Zero-shot", "Ellipse in box"]
    assert [row.name for row in point.rows] == ["Tuned", "Zero-shot"]
    assert (box.prompt, box.cases) == ("Box", 40)


def test_the_best_system_of_each_measure_is_marked(metrics: dict[str, Any]) -> None:
    metrics["test"]["zero_shot"]["box"]["iou"]["mean"] = 0.95
    box = prompt_tables(metrics, None)[0]
    assert [row.dice.best for row in box.rows] == [True, False, False]
    assert [row.iou.best for row in box.rows] == [False, True, False]


def test_the_gain_stands_with_its_prompt_only(metrics: dict[str, Any], card: Card) -> None:
    box, point = prompt_tables(metrics, card)
    assert box.gain is not None
    assert box.gain.mean == pytest.approx(0.2)
    assert point.gain is None


def test_outlines_have_a_table_where_they_were_measured(metrics: dict[str, Any]) -> None:
    assert boundary_tables(metrics) == []
    entry = metrics["test"]["tuned"]["box"]
    entry |= {"boundary_f": entry["dice"], "nsd": entry["iou"], "objects": 9, "missed": 2}
    entry["hd95_px"] = {"mean": None, "ci95": [None, None], "n": 0}
    (table,) = boundary_tables(metrics)
    (row,) = table.rows
    assert (table.prompt, table.objects, row.name, row.missed) == ("Box", 9, "Tuned", 2)
    assert row.boundary_f is not None
    assert row.boundary_f.mean == 0.91
    assert row.hd95_px is None


def test_classes_get_a_table_only_when_there_are_several(metrics: dict[str, Any]) -> None:
    box, _ = class_tables(metrics)
    assert [name for name, _, _ in box.rows] == ["membrane", "nucleus"]
    assert box.systems == ("Tuned", "Zero-shot", "Ellipse in box")
    assert [cell.best for cell in box.rows[0][2]] == [True, False, False]
    for scores in metrics["test"].values():
        for answers in scores.values():
            del answers["per_class"]["membrane"]
    assert class_tables(metrics) == []


def test_the_axis_starts_at_or_below_the_lowest_bound(metrics: dict[str, Any]) -> None:
    assert lowest_shown(prompt_tables(metrics, None)) == pytest.approx(0.5)


def test_an_axis_of_perfect_scores_still_has_a_length(metrics: dict[str, Any]) -> None:
    for scores in metrics["test"].values():
        for answers in scores.values():
            answers["dice"] = {"mean": 1.0, "ci95": [1.0, 1.0], "n": 3}
    assert lowest_shown(prompt_tables(metrics, None)) == pytest.approx(0.9)


def test_no_scores_give_no_tables() -> None:
    assert prompt_tables({"test": {}}, None) == []
    assert lowest_shown([]) == 0


def test_the_share_of_waiting_is_left_out_where_no_epoch_was_timed() -> None:
    assert waiting_for_data([]) == waiting_for_data([{"epoch": 1.0}]) == ""
    assert waiting_for_data([{"seconds": 10.0, "data_seconds": 5.0}]) == "50 %"
