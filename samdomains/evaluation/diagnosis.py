"""From numbers to words: which problems a tuned model has, and whether to ship it."""

from __future__ import annotations

from collections.abc import Iterator

from samdomains.evaluation.card import FEW_GROUPS, SMALLEST_DIFFERENCE, Card
from samdomains.evaluation.health import Findings, Health, Problem

IGNORED = 0.25
"""Share of meaningless prompts that return an object beyond that of the base: one in four more."""

FEW_ANSWERS = 8
"""With fewer answers a share is chance: one of them alone moves it by an eighth."""

OVERFITTED = 0.1
"""Dice that training images gained beyond test images."""

CARRIED_OVER = 0.5
"""Smallest share of the gain on training images that test images show. A model that was tuned well
gains more on what it has seen, too; one that kept less than half has learnt the images."""

PAST_ITS_BEST = 0.02
"""Validation Dice that the kept weights lost since the best epoch: twice what mixing with the
untuned weights cost in the few runs that were looked at."""

FORGOTTEN = -0.05
"""Change of Dice on other domains."""

MEASURES = {
    "background_points": "points on the background that return an object",
    "empty_boxes": "boxes of background that return an object",
    "other_objects": "prompts on an object that return another one",
    "answer_overlap": "IoU of the answers to two different objects",
}
"""Field of ``SystemSensitivity`` → what a reader calls it."""


def diagnose(card: Card, findings: Findings) -> Health:
    """Name the problems of a tuned model, the gravest first; without any it may be shipped.

    Args:
        card: Gain over zero-shot.
        findings: What was measured beside it. A number that does not exist is no problem.
    """
    rules = (_worse, _ignores_prompts, _overfitted, _no_gain, _more_data, _forgot)
    problems = tuple(problem for rule in rules for problem in rule(card, findings))
    return Health(
        retention=findings.retention,
        prompt_sensitivity=findings.prompt_sensitivity,
        calibration=findings.calibration,
        overfitting=findings.overfitting,
        verdict=problems[0].name if problems else "ship",
        problems=problems,
    )


def _worse(card: Card, _: Findings) -> Iterator[Problem]:
    if card.verdict == "worse than zero-shot":
        worst = min(card.prompts, key=lambda entry: entry.gain.mean)
        measure = f"gain of Dice with {worst.prompt} prompts"
        value = worst.gain.mean
        yield Problem(card.verdict, measure, value, -SMALLEST_DIFFERENCE, card.advice)


def _ignores_prompts(_: Card, findings: Findings) -> Iterator[Problem]:
    asked = findings.prompt_sensitivity
    tuned, base = asked.systems["tuned"], asked.systems["zero_shot"]
    beyond = {
        name: getattr(tuned, name) - getattr(base, name)
        for name in MEASURES
        if asked.answers[name] >= FEW_ANSWERS
    }
    worst = max(beyond, key=beyond.__getitem__, default=None)
    if worst is not None and beyond[worst] >= IGNORED:
        yield Problem(
            "ignores prompts",
            f"{MEASURES[worst]}, tuned minus zero-shot",
            beyond[worst],
            IGNORED,
            "Do not ship it: it answers with what it was trained on wherever it is pointed at, so "
            "train with boxes, points and several objects an image.",
        )


def _overfitted(_: Card, findings: Findings) -> Iterator[Problem]:
    found = findings.overfitting
    by_heart = "gain of Dice on training images beyond that on test images"
    past = "validation Dice of the best epoch beyond that of the kept weights"
    lost = found.best_dice - found.kept_dice
    remedy = "Label more training images, or train for fewer epochs: it learnt its images by heart."
    if found.gap >= OVERFITTED and found.test.change < CARRIED_OVER * found.train.change:
        yield Problem("over-fitted", by_heart, found.gap, OVERFITTED, remedy)
    if lost >= PAST_ITS_BEST and found.train.change >= 0:
        yield Problem("over-fitted", past, lost, PAST_ITS_BEST, remedy)


def _no_gain(card: Card, _: Findings) -> Iterator[Problem]:
    if card.verdict == "no clear gain":
        best = max(card.prompts, key=lambda entry: entry.gain.ci95[0], default=None)
        value = best.gain.ci95[0] if best else float("nan")
        measure = "lower bound of the best gain of Dice"
        yield Problem(card.verdict, measure, value, SMALLEST_DIFFERENCE, card.advice)


def _more_data(card: Card, _: Findings) -> Iterator[Problem]:
    groups = min((entry.groups for entry in card.prompts), default=0)
    if groups < FEW_GROUPS:
        measure = "independent groups that were scored"
        yield Problem("more data", measure, float(groups), float(FEW_GROUPS), card.advice)
    for entry in card.prompts:
        if entry.over_ellipse is not None and not entry.over_ellipse.clearly_positive:
            measure = "lower bound of Dice over the ellipse in the box"
            low = entry.over_ellipse.ci95[0]
            yield Problem("more data", measure, low, SMALLEST_DIFFERENCE, card.advice)


def _forgot(_: Card, findings: Findings) -> Iterator[Problem]:
    if findings.retention.change <= FORGOTTEN:
        yield Problem(
            "forgot other domains",
            "change of Dice on other domains",
            findings.retention.change,
            FORGOTTEN,
            "Use it for images like those it was tuned on only, and keep the base for all others; "
            "a lower learning rate or model.interpolate=auto forgets less.",
        )
