"""Scores of whole objects of volumes, as rows that the report only has to lay out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from samdomains.reports.scores import Metrics, Score, prompt_name, read_score, system_name


@dataclass(frozen=True)
class VolumeRow:
    """One system, or one class under it.

    Attributes:
        name: What readers call the system, or the class.
        whole: Whether it is the row of all classes.
        dice: Mean, or None where nothing was scored; so for the others.
        nsd: Surface Dice.
        hd95_mm: 95 percent Hausdorff distance.
        volume_difference_ml: The answer's volume minus the truth's.
        objects: Number of objects that are there.
        missed: Number of those without any answer.
    """

    name: str
    whole: bool
    dice: Score | None
    nsd: Score | None
    hd95_mm: Score | None
    volume_difference_ml: Score | None
    objects: int
    missed: int


@dataclass(frozen=True)
class VolumeTable:
    """All systems under one way of prompting, each with its classes.

    Attributes:
        prompt: What readers call the way of prompting.
        tolerance_mm: Of the surface Dice.
        rows: A system, then its classes, then the next system.
    """

    prompt: str
    tolerance_mm: float
    rows: tuple[VolumeRow, ...]


def volume_tables(metrics: Metrics) -> list[VolumeTable]:
    """A table for each way of prompting in the part ``volumes``; none where there is no such part.

    Raises:
        ValueError: Systems were scored with different tolerances under one way of prompting.
    """
    volumes: Mapping[str, Mapping[str, Any]] = metrics.get("volumes", {})
    found = []
    for prompt in dict.fromkeys(prompt for entries in volumes.values() for prompt in entries):
        asked = {
            system: entries[prompt] for system, entries in volumes.items() if prompt in entries
        }
        tolerances = {entry["tolerance_mm"] for entry in asked.values()}
        if len(tolerances) > 1:
            raise ValueError(f"one table has one tolerance, got {sorted(tolerances)} for {prompt}")
        rows = [row for system, entry in asked.items() for row in _rows(system, entry)]
        found.append(VolumeTable(prompt_name(prompt), tolerances.pop(), tuple(rows)))
    return found


def _rows(system: str, entry: Mapping[str, Any]) -> Iterator[VolumeRow]:
    """The system's row, and one for each class where there are several."""
    yield _row(system_name(system), entry, whole=True)
    classes = entry["per_class"]
    for name in classes if len(classes) > 1 else ():
        yield _row(name, classes[name], whole=False)


def _row(name: str, entry: Mapping[str, Any], *, whole: bool) -> VolumeRow:
    return VolumeRow(
        name,
        whole,
        dice=read_score(entry, "dice"),
        nsd=read_score(entry, "nsd"),
        hd95_mm=read_score(entry, "hd95_mm"),
        volume_difference_ml=read_score(entry, "volume_difference_ml"),
        objects=int(entry["objects"]),
        missed=int(entry["missed"]),
    )
