"""The table of scores for the terminal."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from samdomains.reports.console import metrics_table


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
