"""The table of scores for the terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from samdomains.reports.console import (
    MOST_STRUCTURES,
    found_tables,
    metrics_table,
    volume_score_tables,
)


def volume_entry(dice: float, *structures: str, spacing: bool = True) -> dict[str, Any]:
    """Scores of whole objects; without a spacing nothing is in millimetres."""
    nothing = {"mean": None, "ci95": [None, None], "n": 0}
    mean = {"mean": dice, "ci95": [dice - 0.02, dice + 0.03], "n": 4}
    entry = {
        "tolerance_mm": 2.0,
        "dice": mean,
        "nsd": mean if spacing else nothing,
        "hd95_mm": {**mean, "mean": 6.25} if spacing else nothing,
        "volume_difference_ml": nothing,
        "objects": 9,
        "missed": 1,
    }
    return entry | {"per_class": {name: volume_entry(dice, spacing=spacing) for name in structures}}


def printed_volumes(tuned: dict[str, Any], zero_shot: dict[str, Any]) -> list[str]:
    stream = io.StringIO()
    systems = {"tuned": {"box@middle": tuned}, "zero_shot": {"box@middle": zero_shot}}
    for table in volume_score_tables({"test": {}, "volumes": systems}):
        Console(file=stream, width=80, color_system=None).print(table)
    return stream.getvalue().splitlines()


def printed(metrics: dict[str, Any], *, width: int = 80) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(metrics_table(metrics))
    return stream.getvalue()


def test_every_system_has_a_row_with_dice_its_interval_and_iou(metrics: dict[str, Any]) -> None:
    lines = printed(metrics).splitlines()
    tuned = next(index for index, line in enumerate(lines) if "Tuned" in line)
    assert lines[tuned].split() == ["Tuned", "0.910", "0.810", "0.620", "0.520"]
    assert lines[tuned + 1].split() == ["0.890-0.940", "0.600-0.650"]
    ellipse = next(line for line in lines if "Ellipse in box" in line)
    assert ellipse.split()[-4:] == ["0.810", "0.710", "-", "-"]


def test_three_prompts_fit_eighty_characters_without_loss(metrics: dict[str, Any]) -> None:
    for scores in metrics["test"].values():
        scores["point+3"] = scores["box"]
    assert "…" not in printed(metrics)


def test_it_says_that_the_prompts_come_from_the_ground_truth(metrics: dict[str, Any]) -> None:
    assert "prompts made from ground truth" in " ".join(printed(metrics).split())


def test_only_the_best_of_a_column_is_bold(metrics: dict[str, Any]) -> None:
    table = metrics_table(metrics)
    dice = list(table.columns[1].cells)
    assert [getattr(cell, "style", None) for cell in dice] == ["bold", "", ""]


def test_markup_in_a_name_is_shown_and_not_obeyed() -> None:
    dice = {"mean": 0.5, "ci95": [None, None], "n": 1}
    assert "[red]mine" in printed({"test": {"[red]mine": {"[b]x": {"dice": dice}}}})


def test_whole_objects_have_a_row_for_each_system_and_structures_below_the_first() -> None:
    names = ("liver", "spleen")
    lines = printed_volumes(volume_entry(0.9, *names), volume_entry(0.8, *names))
    rows = [line.split() for line in lines if "of 9" in line]
    assert [row[0] for row in rows] == ["Tuned", "liver", "spleen", "Zero-shot"]
    assert rows[0][1:] == ["0.900", "0.900", "6.25", "1", "of", "9"]
    assert "box@middle" in " ".join(lines)
    assert "2 mm" in " ".join(lines)


def test_many_structures_are_cut_short() -> None:
    names = [f"vertebra {number:02d}" for number in range(MOST_STRUCTURES + 3)]
    lines = printed_volumes(volume_entry(0.9, *names), volume_entry(0.8, *names))
    assert sum("vertebra" in line for line in lines) == MOST_STRUCTURES
    assert "And 3 more structures in metrics.json." in " ".join(lines)


def test_what_is_not_in_millimetres_is_a_dash() -> None:
    lines = printed_volumes(volume_entry(0.9, spacing=False), volume_entry(0.8, spacing=False))
    tuned = next(line.split() for line in lines if "Tuned" in line)
    assert tuned == ["Tuned", "0.900", "-", "-", "1", "of", "9"]


@pytest.mark.parametrize("metrics", [{"test": {}}, {"test": {}, "volumes": {}}])
def test_without_volumes_there_is_no_table(metrics: dict[str, Any]) -> None:
    assert volume_score_tables(metrics) == []


def test_what_was_found_and_clicked_fits_eighty_characters() -> None:
    mean = {"mean": 0.5, "ci95": [0.25, 0.75], "n": 9}
    measures = ("ap", "ap50", "pq", "f1_50")
    clicks = {"noc85": mean, "noc90": mean, "not_reached85": 147, "not_reached90": 191}
    clicks |= {"objects": 301, "most": 2, "iou_after": [0.4, 0.5]}
    systems = {"instances": {"tuned": dict.fromkeys(measures, mean)}, "clicks": {"tuned": clicks}}
    stream = io.StringIO()
    for table in found_tables({"test": {}, **systems}):
        Console(file=stream, width=80, color_system=None).print(table)
    lines = stream.getvalue().splitlines()
    assert "…" not in stream.getvalue()
    first, second = (line.split() for line in lines if "Tuned" in line)
    assert first == ["Tuned", *["0.500"] * 4]
    assert second == ["Tuned", "0.50", "0.50", "147", "of", "301", "191", "of", "301", "0.400"]


def test_a_fourth_prompt_is_left_to_the_table_of_what_was_found(metrics: dict[str, Any]) -> None:
    for scores in metrics["test"].values():
        scores |= {"point+3": scores["box"], "auto": scores["box"]}
    assert "…" not in printed(metrics)
    assert "auto" not in printed(metrics)
    assert found_tables(metrics) == []
