"""The tables of the report, as rows and cells that the page only has to lay out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from samdomains.evaluation.card import Card, Difference
from samdomains.reports.scores import (
    Metrics,
    Score,
    best,
    class_names,
    class_score,
    prompt_name,
    prompts,
    read_score,
    score,
    system_name,
    systems,
)


@dataclass(frozen=True)
class Cell:
    """One number of a table.

    Attributes:
        score: The number with its interval, or None where nothing was scored.
        best: Whether it is the highest among the systems.
    """

    score: Score | None
    best: bool


@dataclass(frozen=True)
class SystemRow:
    """One system under one way of prompting."""

    system: str
    name: str
    dice: Cell
    iou: Cell


@dataclass(frozen=True)
class PromptTable:
    """All systems under one way of prompting.

    Attributes:
        prompt: What readers call the way of prompting.
        cases: Number of cases scored.
        rows: One for each system that was prompted this way.
        gain: Dice of tuned minus zero-shot, paired by case; None without a card.
    """

    prompt: str
    cases: int
    rows: tuple[SystemRow, ...]
    gain: Difference | None


@dataclass(frozen=True)
class ClassTable:
    """Dice by class under one way of prompting.

    Attributes:
        prompt: What readers call the way of prompting.
        systems: What readers call the systems, one a column.
        rows: Class name, number of cases that show it, and one cell for each system.
    """

    prompt: str
    systems: tuple[str, ...]
    rows: tuple[tuple[str, int, tuple[Cell, ...]], ...]


@dataclass(frozen=True)
class BoundaryRow:
    """How well one system met the outlines of objects under one way of prompting.

    Attributes:
        name: What readers call the system.
        boundary_f: Mean, or None where nothing was scored; so for the others.
        nsd: Surface Dice.
        hd95_px: 95 percent Hausdorff distance, over the objects that were not missed.
        missed: Number of objects without any answer.
    """

    name: str
    boundary_f: Score | None
    nsd: Score | None
    hd95_px: Score | None
    missed: int


@dataclass(frozen=True)
class BoundaryTable:
    """Outlines under one way of prompting.

    Attributes:
        prompt: What readers call the way of prompting.
        objects: Number of objects, the same for all systems.
        rows: One for each system that was prompted this way.
    """

    prompt: str
    objects: int
    rows: tuple[BoundaryRow, ...]


def prompt_tables(metrics: Metrics, card: Card | None) -> list[PromptTable]:
    """Dice and IoU of every system, a table for each way of prompting."""
    gains = {} if card is None else {entry.prompt: entry.gain for entry in card.prompts}
    return [_prompt_table(metrics, prompt, gains.get(prompt)) for prompt in prompts(metrics)]


def boundary_tables(metrics: Metrics) -> list[BoundaryTable]:
    """How well outlines were met, a table for each way of prompting; none where not measured."""
    found = []
    for prompt in prompts(metrics):
        entries = {system: metrics["test"][system].get(prompt, {}) for system in systems(metrics)}
        rows = tuple(
            BoundaryRow(
                system_name(system),
                boundary_f=read_score(entry, "boundary_f"),
                nsd=read_score(entry, "nsd"),
                hd95_px=read_score(entry, "hd95_px"),
                missed=entry["missed"],
            )
            for system, entry in entries.items()
            if read_score(entry, "boundary_f") is not None
        )
        if rows:
            objects = max(entry.get("objects", 0) for entry in entries.values())
            found.append(BoundaryTable(prompt_name(prompt), objects, rows))
    return found


def class_tables(metrics: Metrics) -> list[ClassTable]:
    """Dice by class, a table for each way of prompting; none where there is a single class."""
    names, rows = class_names(metrics), systems(metrics)
    if len(names) < 2:
        return []
    tables = []
    for prompt in prompts(metrics):
        lines = []
        for name in names:
            scores = [class_score(metrics, system, prompt, "dice", name) for system in rows]
            lines.append((name, _most_cases(scores), _cells(scores)))
        columns = tuple(system_name(system) for system in rows)
        tables.append(ClassTable(prompt_name(prompt), columns, tuple(lines)))
    return tables


def waiting_for_data(history: Sequence[Mapping[str, float]]) -> str:
    """Share of the epochs' time in which steps waited for images; empty where it is not known.

    Example:
        >>> waiting_for_data([{"seconds": 90.0, "data_seconds": 3.0}, {"seconds": 110.0}])
        '2 %'
    """
    total = sum(epoch.get("seconds", 0.0) for epoch in history)
    if not total:
        return ""
    return f"{100 * sum(epoch.get('data_seconds', 0.0) for epoch in history) / total:.0f} %"


def lowest_shown(tables: Sequence[PromptTable]) -> float:
    """Where the axis of the interval plot starts: a tenth at or below every Dice and bound."""
    scores = [row.dice.score for table in tables for row in table.rows]
    bounds = [bound for score in scores if score for bound in (score.mean, score.low)]
    lowest = min((bound for bound in bounds if math.isfinite(bound)), default=0.0)
    return min(0.9, math.floor(lowest * 10) / 10)


def _prompt_table(metrics: Metrics, prompt: str, gain: Difference | None) -> PromptTable:
    names = systems(metrics)
    dice = [score(metrics, system, prompt, "dice") for system in names]
    iou = [score(metrics, system, prompt, "iou") for system in names]
    rows = tuple(
        SystemRow(system, system_name(system), dice_cell, iou_cell)
        for system, dice_cell, iou_cell in zip(names, _cells(dice), _cells(iou), strict=True)
        if prompt in metrics["test"][system]
    )
    return PromptTable(prompt_name(prompt), _most_cases(dice), rows, gain)


def _cells(scores: Sequence[Score | None]) -> tuple[Cell, ...]:
    return tuple(Cell(*pair) for pair in zip(scores, best(scores), strict=True))


def _most_cases(scores: Sequence[Score | None]) -> int:
    return max((score.cases for score in scores if score), default=0)
