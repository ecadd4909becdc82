"""What systems found without prompts, and how many clicks they took, as rows and sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from samdomains.reports.pages import rendered
from samdomains.reports.scores import SYSTEM_NAMES, Metrics, system_name

SHOWN_CLICKS = (1, 2, 3, 5, 10, 20)
"""Clicks after which a table shows the IoU; the last one is always shown."""

FOUND: Mapping[str, tuple[str, str]] = {
    "ap": (
        "AP",
        "Average precision as COCO defines it, without regard to class: the area below precision "
        "over recall (read at 101 recalls) of all answers of all images, ordered by the IoU that "
        "the system predicts, without a limit to their number; the mean over IoU thresholds from "
        "0.50 to 0.95.",
    ),
    "ap50": ("AP50", "The same at the threshold 0.50 alone."),
    "ap75": ("AP75", "The same at the threshold 0.75 alone."),
    "dsb_ap": (
        "DSB AP",
        "Another average precision, usual in microscopy (Data Science Bowl 2018): TP / (TP + FP + "
        "FN) of an image, the mean over the same thresholds, then over the images that have an "
        "object.",
    ),
    "pq": (
        "PQ",
        "Panoptic quality, the product of the next two, after each pixel of several answers went "
        "to the surest of them.",
    ),
    "sq": ("SQ", "Mean IoU of the pairs of answer and object whose IoU is above 0.5."),
    "rq": ("RQ", "F1 of finding objects at an IoU above 0.5."),
    "precision50": ("Precision", "Share of the answers that are an object, matched as for AP50."),
    "recall50": ("Recall", "Share of the objects that were found, matched as for AP50."),
    "f1_50": ("F1", "Harmonic mean of these two."),
}
"""Measures of ``instances``, in the order of their columns: heading and definition."""

FOREGROUND: Mapping[str, tuple[str, str]] = {
    "dice": (
        "Dice",
        "Of all answers together with all objects together, as one foreground; the mean over the "
        "images that have an object.",
    ),
    "iou": ("IoU", "The same as IoU."),
}
"""Measures of ``semantic``."""

EMPTY: Mapping[str, tuple[str, str]] = {
    "images": ("Images", "Images without any annotated object."),
    "with_false_alarms": ("With an answer", "Share of them in which something was found."),
    "false_alarms_per_image": ("Answers an image", "Answers to them, on average."),
    "false_pixels": ("Pixels answered", "Share of their pixels that belong to an answer."),
}
"""Measures of ``instances`` → ``empty``."""


@dataclass(frozen=True)
class Figure:
    """One cell.

    Attributes:
        text: The number; a dash where there is none.
        interval: Its 95 percent interval, or empty.
    """

    text: str
    interval: str = ""


@dataclass(frozen=True)
class FigureTable:
    """A row for each system.

    Attributes:
        title: What the table is about.
        columns: Headings of the figures.
        rows: What readers call a system, and its figures.
        definitions: Heading → what it means, in a sentence.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Figure, ...]], ...]
    definitions: Mapping[str, str]


def found_table(metrics: Metrics, measures: Iterable[str] = tuple(FOUND)) -> FigureTable | None:
    """Whether objects were found without prompts; None where no system was asked to.

    Args:
        metrics: The content of ``metrics.json``.
        measures: Of ``instances``, in the order of their columns.
    """
    chosen = {name: FOUND[name] for name in measures}
    return _table("Objects found without prompts", metrics.get("instances", {}), chosen)


def foreground_table(metrics: Metrics) -> FigureTable | None:
    """All answers together against all objects together; None where there is no such part."""
    return _table("All answers together", metrics.get("semantic", {}), FOREGROUND)


def empty_table(metrics: Metrics) -> FigureTable | None:
    """False alarms on images without an object; None where there is no such image."""
    systems = {name: entry["empty"] for name, entry in metrics.get("instances", {}).items()}
    if not any(entry["images"] for entry in systems.values()):
        return None
    return _table("Images without an object", systems, EMPTY)


def click_table(metrics: Metrics) -> FigureTable | None:
    """How many clicks objects took; None where none were counted.

    Raises:
        ValueError: Systems were given different numbers of clicks.
    """
    systems: Mapping[str, Mapping[str, Any]] = metrics.get("clicks", {})
    if not systems:
        return None
    given = sorted({entry["most"] for entry in systems.values()})
    if len(given) > 1:
        raise ValueError(f"one table has one number of clicks, got {given}")
    most = given[0]
    shown = sorted({click for click in SHOWN_CLICKS if click < most} | {most})
    rows = []
    for name in _ordered(systems):
        entry = systems[name]
        figures = [_figure(entry["noc85"], "%.2f"), _figure(entry["noc90"], "%.2f")]
        figures += [
            Figure(f"{entry[key]} of {entry['objects']}")
            for key in ("not_reached85", "not_reached90")
        ]
        figures += [_figure(entry["iou_after"][click - 1], "%.3f") for click in shown]
        rows.append((system_name(name), tuple(figures)))
    definitions = {
        "NoC@85": "Clicks until the IoU is 0.85: first in the middle of the object, then in the "
        f"middle of the largest error; an object that never gets there counts {most}.",
        "NoC@90": "The same for an IoU of 0.90.",
        "Not at 85": f"Objects whose IoU was never 0.85 within {most} clicks.",
        "Not at 90": f"Objects whose IoU was never 0.90 within {most} clicks.",
    }
    after = {f"IoU after {click}": "Mean IoU after so many clicks." for click in shown}
    return FigureTable("Clicks", (*definitions, *after), tuple(rows), definitions)


def automatic_section(metrics: Metrics) -> Markup:
    """The part of the report about answers without prompts and about clicks; empty without any."""
    tables = (found_table(metrics), foreground_table(metrics), empty_table(metrics))
    found = [table for table in tables if table is not None]
    clicks = click_table(metrics)
    if not found and clicks is None:
        return Markup("")
    return rendered("automatic.html.j2", found=found, clicks=clicks)


def _table(
    title: str, systems: Mapping[str, Any], measures: Mapping[str, tuple[str, str]]
) -> FigureTable | None:
    if not systems:
        return None
    rows = tuple(
        (
            system_name(name),
            tuple(
                _figure(systems[name][key], "%d" if key == "images" else "%.3f") for key in measures
            ),
        )
        for name in _ordered(systems)
    )
    return FigureTable(
        title, tuple(heading for heading, _ in measures.values()), rows, dict(measures.values())
    )


def _figure(value: Mapping[str, Any] | float | None, form: str) -> Figure:
    """A mean with its interval, or a plain number; JSON has null where Python has NaN."""
    number = value["mean"] if isinstance(value, Mapping) else value
    if number is None or math.isnan(number):
        return Figure("-")
    if not isinstance(value, Mapping) or any(
        end is None or math.isnan(end) for end in value["ci95"]
    ):
        return Figure(form % number)
    return Figure(form % number, "-".join(form % end for end in value["ci95"]))


def _ordered(systems: Iterable[str]) -> list[str]:
    """Tuned, zero-shot, then the others as they come."""
    names = list(systems)
    return [name for name in SYSTEM_NAMES if name in names] + [
        name for name in names if name not in SYSTEM_NAMES
    ]
