"""The table of scores for the terminal."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from samdomains.reports.scores import (
    Metrics,
    Score,
    best,
    prompts,
    score,
    system_name,
    systems,
)

CAPTION = "Means over cases, 95 % interval by group; prompts made from ground truth."


def metrics_table(metrics: Metrics) -> Table:
    """Lay out the scores: a row for each system, Dice and IoU for each way of prompting.

    The best mean of a column is bold. Below Dice stands its 95 percent interval. Three ways of
    prompting fit a terminal of 80 characters.

    Args:
        metrics: The content of ``metrics.json``.

    Example:
        >>> dice = {"mean": 0.91, "ci95": [0.88, 0.93], "n": 50}
        >>> table = metrics_table({"schema": 1, "test": {"tuned": {"box": {"dice": dice}}}})
        >>> table.row_count
        1
    """
    rows = systems(metrics)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), caption=CAPTION, caption_justify="left")
    table.add_column("System", no_wrap=True)
    columns = [[Text(system_name(system)) for system in rows]]
    for prompt in prompts(metrics):
        table.add_column(Text(f"{prompt}\nDice"), justify="right", no_wrap=True)
        columns.append(_cells([score(metrics, system, prompt, "dice") for system in rows], True))
        table.add_column(Text("\nIoU"), justify="right", no_wrap=True)
        columns.append(_cells([score(metrics, system, prompt, "iou") for system in rows], False))
    for cells in zip(*columns, strict=True):
        table.add_row(*cells)
    return table


def _cells(scores: list[Score | None], interval: bool) -> list[Text]:
    """One column, the best in bold."""
    return [
        Text(_shown(score, interval), style="bold" if is_best else "")
        for score, is_best in zip(scores, best(scores), strict=True)
    ]


def _shown(score: Score | None, interval: bool) -> str:
    if score is None:
        return "-"
    if not interval or not score.has_interval:
        return f"{score.mean:.3f}"
    return f"{score.mean:.3f}\n{score.low:.3f}-{score.high:.3f}"
