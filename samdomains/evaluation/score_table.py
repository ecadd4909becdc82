"""The scores of every object as a table, `scores.csv`, for statistics of one's own."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import get_args

from samdomains.errors import DataError
from samdomains.evaluation.results import ObjectScore
from samdomains.files import atomic_path
from samdomains.types import PromptName

COLUMNS: Mapping[str, str] = {
    "case": "case",
    "group": "group",
    "class": "class_name",
    "object": "object_index",
    "system": "system",
    "prompt": "prompt",
    "dice": "dice",
    "iou": "iou",
    "boundary_f": "boundary_f",
    "nsd": "nsd",
    "hd95_px": "hd95_px",
    "predicted_iou": "predicted_iou",
    "area": "area",
}
"""Heading of each column → the field of ``ObjectScore`` in it."""

PROMPTS: tuple[PromptName, ...] = get_args(PromptName)


def write_scores(path: Path, scores: Iterable[ObjectScore]) -> None:
    """Write scores as UTF-8 CSV (RFC 4180), atomically: a row for each object, prompt and system.

    Numbers have all their digits, and a cell is empty where the number is NaN.

    Args:
        path: The file to write or replace.
        scores: In the order of the rows.
    """
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for score in scores:
            writer.writerow(_cell(getattr(score, field)) for field in COLUMNS.values())


def read_scores(path: Path) -> tuple[ObjectScore, ...]:
    """Read what ``write_scores`` wrote, exactly as it was.

    Args:
        path: A ``scores.csv``.

    Raises:
        DataError: It is missing, no such table, or damaged; names the line.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file, strict=True)
            heading = next(rows, [])
            if heading != list(COLUMNS):
                raise _damaged(path, f"its columns are {heading}, not {list(COLUMNS)}")
            return tuple(_score(path, rows.line_num, row) for row in rows)
    except OSError as error:
        raise _damaged(path, f"cannot be read ({error.strerror})") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise _damaged(path, f"is no table of scores ({error})") from error


def _cell(value: str | float) -> str:
    if isinstance(value, str | int):
        return str(value)
    return "" if math.isnan(value) else repr(float(value))


def _score(path: Path, line: int, row: list[str]) -> ObjectScore:
    if len(row) != len(COLUMNS):
        raise _damaged(path, f"line {line} has {len(row)} cells, not {len(COLUMNS)}")
    cells = dict(zip(COLUMNS, row, strict=True))
    prompt = next((name for name in PROMPTS if name == cells["prompt"]), None)
    if prompt is None:
        raise _damaged(path, f"line {line} has the prompt {cells['prompt']!r}, not {PROMPTS}")
    try:
        return ObjectScore(
            case=cells["case"],
            group=cells["group"],
            class_name=cells["class"],
            object_index=int(cells["object"]),
            system=cells["system"],
            prompt=prompt,
            dice=_number(cells["dice"]),
            iou=_number(cells["iou"]),
            predicted_iou=_number(cells["predicted_iou"]),
            area=int(cells["area"]),
            boundary_f=_number(cells["boundary_f"]),
            nsd=_number(cells["nsd"]),
            hd95_px=_number(cells["hd95_px"]),
        )
    except ValueError as error:
        raise _damaged(path, f"line {line} has a cell that is no number ({error})") from error


def _number(cell: str) -> float:
    return float(cell) if cell else math.nan


def _damaged(path: Path, problem: str) -> DataError:
    return DataError(path, problem, "Score again to write it anew.")
