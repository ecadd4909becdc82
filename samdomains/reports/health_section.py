"""The report's part about the health of a tuned model, in tables and one curve."""

from __future__ import annotations

import math
from typing import TypeAlias

from markupsafe import Markup

from samdomains.evaluation.calibration import Calibration
from samdomains.evaluation.card import Card
from samdomains.evaluation.diagnosis import MEASURES
from samdomains.evaluation.health import Health, Overfitting, Retention, SystemDice
from samdomains.evaluation.sensitivity import JITTERS, PromptSensitivity
from samdomains.reports.curves import jitter_curve
from samdomains.reports.interpolation_section import interpolation_section
from samdomains.reports.pages import data_uri, figure, rendered, signed
from samdomains.reports.scores import system_name

Row: TypeAlias = tuple[str, ...]
"""Name of the row, then its cells."""

SYSTEMS = ("zero_shot", "tuned")
"""Columns of the tables: before, after."""


def health_section(card: Card | None) -> Markup:
    """Lay out the health of a card, and how it was mixed; nothing where neither is known."""
    if card is None:
        return Markup()
    mixed = interpolation_section(card.interpolation)
    if card.health is None:
        alone = Markup('<section id="health">\n<h2>Health</h2>\n{}</section>')
        return alone.format(mixed) if mixed else mixed
    health = card.health
    return rendered(
        "health.html.j2",
        health=health,
        sensitivity=health.prompt_sensitivity,
        retention=health.retention,
        overfitting=health.overfitting,
        prompts=prompt_rows(health.prompt_sensitivity),
        ignored=ignored_rows(health.prompt_sensitivity),
        domains=domain_rows(health.retention),
        calibration=calibration_rows(health.calibration),
        fit=fit_rows(health.overfitting),
        interpolation=mixed,
        curves=[data_uri("svg+xml", _curve(health, dark=dark)) for dark in (False, True)],
    )


def prompt_rows(sensitivity: PromptSensitivity) -> list[Row]:
    """Dice by the shift of boxes and by the number of points."""
    found = [sensitivity.systems[system] for system in SYSTEMS]
    first = found[0]
    boxes = [
        (_box_name(jitter), *(figure(system.box_jitter[jitter]) for system in found))
        for jitter in first.box_jitter
    ]
    points = [
        (
            f"{number} point{'s' if number != 1 else ''}",
            *(figure(system.clicks[number]) for system in found),
        )
        for number in first.clicks
    ]
    return [*boxes, *points]


def _box_name(jitter: float) -> str:
    return f"box, moved {jitter:.0%}" if jitter else "exact box"


def ignored_rows(sensitivity: PromptSensitivity) -> list[Row]:
    """Shares of prompts whose answer is an object that was not meant."""
    rows = []
    for name, words in MEASURES.items():
        values = [getattr(sensitivity.systems[system], name) for system in SYSTEMS]
        name_of_row = f"{words[0].upper()}{words[1:]} ({sensitivity.answers[name]})"
        rows.append((name_of_row, *map(figure, values)))
    return rows


def domain_rows(retention: Retention) -> list[Row]:
    """Dice before and after in each other domain."""
    return [
        (
            domain.domain,
            *(_before_after(domain.prompts[prompt]) for prompt in ("box", "point")),
            signed(domain.change),
        )
        for domain in retention.domains
    ]


def _before_after(dice: SystemDice) -> str:
    return f"{dice.zero_shot:.2f} → {dice.tuned:.2f}"


def calibration_rows(calibration: dict[str, Calibration]) -> list[Row]:
    """Error, bias and correlation of the predicted IoU."""
    found = [calibration.get(system) for system in SYSTEMS]
    return [
        ("Error", *("\N{EN DASH}" if c is None else figure(c.error) for c in found)),
        ("Bias", *("\N{EN DASH}" if c is None else _signed(c.bias) for c in found)),
        ("Correlation", *("\N{EN DASH}" if c is None else figure(c.correlation) for c in found)),
    ]


def fit_rows(overfitting: Overfitting) -> list[Row]:
    """Dice on training and on test images."""
    parts = {
        f"training ({overfitting.train_images})": overfitting.train,
        "test": overfitting.test,
    }
    return [
        (name, figure(dice.zero_shot), figure(dice.tuned), _signed(dice.change))
        for name, dice in parts.items()
    ]


def _signed(value: float) -> str:
    return signed(value) if math.isfinite(value) else "\N{EN DASH}"


def _curve(health: Health, *, dark: bool) -> bytes:
    lines = {
        system_name(system): [
            health.prompt_sensitivity.systems[system].box_jitter[jitter] for jitter in JITTERS
        ]
        for system in SYSTEMS
    }
    return jitter_curve(JITTERS, lines, dark=dark)
