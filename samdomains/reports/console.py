"""The tables of scores for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from samdomains.reports.automatic_tables import FigureTable, click_table, found_table
from samdomains.reports.scores import (
    Metrics,
    Score,
    best,
    prompts,
    score,
    system_name,
    systems,
)
from samdomains.reports.volume_tables import VolumeRow, VolumeTable, volume_tables

CAPTION = "Means over cases, 95 % interval by group; prompts made from ground truth."

MOST_PROMPTS = 3
"""Ways of prompting that one table lists, at most; ``found_tables`` has the answers without any."""

MOST_STRUCTURES = 12
"""Structures of volumes that the terminal lists, at most."""


MOST_FIGURES = 5
"""Columns of figures that fit a terminal of 80 characters."""


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
    for prompt in prompts(metrics)[:MOST_PROMPTS]:
        table.add_column(Text(f"{prompt}\nDice"), justify="right", no_wrap=True)
        columns.append(_cells([score(metrics, system, prompt, "dice") for system in rows], True))
        table.add_column(Text("\nIoU"), justify="right", no_wrap=True)
        columns.append(_cells([score(metrics, system, prompt, "iou") for system in rows], False))
    for cells in zip(*columns, strict=True):
        table.add_row(*cells)
    return table


def found_tables(metrics: Metrics) -> list[Table]:
    """Lay out what was found without prompts, and how many clicks objects took.

    There is no table of what was not scored. ``metrics.json`` holds more measures.

    Args:
        metrics: The content of ``metrics.json``.
    """
    found = found_table(metrics, ("ap", "ap50", "pq", "f1_50"))
    return [_figure_table(table) for table in (found, click_table(metrics)) if table is not None]


def _figure_table(found: FigureTable) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(Text(found.title.replace(" without", "\nwithout")), no_wrap=True)
    most = min(len(found.columns), MOST_FIGURES)
    for heading in found.columns[:most]:
        table.add_column(Text(heading), justify="right")
    for name, figures in found.rows:
        cells = (f"{cell.text}\n{cell.interval}".rstrip() for cell in figures[:most])
        table.add_row(Text(name), *(Text(cell) for cell in cells))
    return table


def volume_score_tables(metrics: Metrics) -> list[Table]:
    """Lay out the scores of whole objects of volumes, a table for each way of prompting.

    A row for each system, below the first of them one for each structure. There is no table where
    no volumes were scored.

    Args:
        metrics: The content of ``metrics.json``.
    """
    return [_volume_table(table) for table in volume_tables(metrics)]


def _volume_table(found: VolumeTable) -> Table:
    heads = [row for row in found.rows if row.whole]
    structures = list(takewhile(lambda row: not row.whole, found.rows[1:]))
    left_out = len(structures) - MOST_STRUCTURES
    table = Table(
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        caption=f"And {left_out} more structures in metrics.json." if left_out > 0 else None,
        caption_justify="left",
    )
    table.add_column(Text(f"Whole objects\n{found.prompt}"), no_wrap=True)
    headings = ("\nDice", f"NSD within\n{found.tolerance_mm:g} mm", "HD95\nmm", "\nMissed")
    for heading in headings:
        table.add_column(Text(heading), justify="right", no_wrap=True)
    for row in (heads[0], *structures[:MOST_STRUCTURES], *heads[1:]):
        table.add_row(*_volume_cells(row))
    return table


def _volume_cells(row: VolumeRow) -> Sequence[Text]:
    name = row.name if row.whole else f"  {row.name}"
    hd95 = "-" if row.hd95_mm is None else f"{row.hd95_mm.mean:.3g}"
    missed = f"{row.missed} of {row.objects}"
    cells = (name, _shown(row.dice, row.whole), _shown(row.nsd, row.whole), hd95, missed)
    return [Text(cell) for cell in cells]


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
