"""Reading ``metrics.json``: which systems and prompts it scores, in what order, by what names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Metrics: TypeAlias = Mapping[str, Any]
"""The content of ``metrics.json``: ``{"schema": 1, "test": {system: {prompt: scores}}}``."""

Measure: TypeAlias = Literal[
    "dice", "iou", "boundary_f", "nsd", "hd95_px", "hd95_mm", "volume_difference_ml"
]

SYSTEM_NAMES: Mapping[str, str] = {
    "tuned": "Tuned",
    "zero_shot": "Zero-shot",
    "box_ellipse": "Ellipse in box",
}
"""Systems in the order of their rows, and what readers call them."""

PROMPT_NAMES: Mapping[str, str] = {
    "box": "Box",
    "point": "Point",
    "point+3": "Point + 3 clicks",
    "auto": "Automatic",
}
"""Ways of prompting in the order of their columns, and what readers call them."""


@dataclass(frozen=True)
class Score:
    """A mean with its 95 percent interval.

    Attributes:
        mean: Mean over the cases.
        low: Lower bound, NaN where there are too few groups for an interval.
        high: Upper bound, likewise.
        cases: Number of cases averaged.
    """

    mean: float
    low: float
    high: float
    cases: int

    @property
    def has_interval(self) -> bool:
        """Whether both bounds exist."""
        return math.isfinite(self.low) and math.isfinite(self.high)


def systems(metrics: Metrics) -> list[str]:
    """The systems scored: tuned, zero-shot, ellipse, then any others."""
    return _ordered(metrics["test"], SYSTEM_NAMES)


def prompts(metrics: Metrics) -> list[str]:
    """The ways of prompting that any system was scored with: box, point, then the others."""
    return _ordered(
        {prompt for scores in metrics["test"].values() for prompt in scores}, PROMPT_NAMES
    )


def class_names(metrics: Metrics) -> list[str]:
    """Every class that has scores of its own, in alphabetical order."""
    entries = (entry for scores in metrics["test"].values() for entry in scores.values())
    return sorted({name for entry in entries for name in entry.get("per_class", {})})


def score(metrics: Metrics, system: str, prompt: str, measure: Measure) -> Score | None:
    """One cell of the table, or None where nothing was scored."""
    return read_score(metrics["test"].get(system, {}).get(prompt), measure)


def class_score(
    metrics: Metrics, system: str, prompt: str, measure: Measure, name: str
) -> Score | None:
    """One cell of the table by class, or None where nothing was scored."""
    entry = metrics["test"].get(system, {}).get(prompt, {})
    return read_score(entry.get("per_class", {}).get(name), measure)


def read_score(entry: Mapping[str, Any] | None, measure: Measure) -> Score | None:
    """One mean and interval of an entry, or None; JSON has null where Python has NaN."""
    values = (entry or {}).get(measure)
    if values is None or _number(values["mean"]) != _number(values["mean"]):
        return None
    low, high = values["ci95"]
    return Score(_number(values["mean"]), _number(low), _number(high), int(values["n"]))


def best(scores: Sequence[Score | None]) -> list[bool]:
    """Which of the scores have the highest mean, as it is shown with three decimals."""
    means = [math.nan if score is None else round(score.mean, 3) for score in scores]
    top = max((mean for mean in means if not math.isnan(mean)), default=math.nan)
    return [mean == top for mean in means]


def system_name(system: str) -> str:
    """What readers call a system."""
    return SYSTEM_NAMES.get(system, system)


def prompt_name(prompt: str) -> str:
    """What readers call a way of prompting."""
    return PROMPT_NAMES.get(prompt, prompt)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _ordered(found: Iterable[str], known: Mapping[str, str]) -> list[str]:
    names = set(found)
    return [name for name in known if name in names] + sorted(names - set(known))
