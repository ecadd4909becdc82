"""The health of a run: what tuning cost, beside what it gained, on images of the run and others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from samdomains.discovery import installed_domains
from samdomains.evaluation.averages import finite_mean
from samdomains.evaluation.calibration import calibrations
from samdomains.evaluation.card import Card, case_dice
from samdomains.evaluation.diagnosis import diagnose
from samdomains.evaluation.drawn_cases import DrawnCase, draw_cases
from samdomains.evaluation.health import Findings, Overfitting, SystemDice
from samdomains.evaluation.results import ObjectScore
from samdomains.evaluation.scorer import Asked, score
from samdomains.evaluation.sensitivity import prompt_sensitivity
from samdomains.preparation import Plan
from samdomains.progress import progress_bar
from samdomains.protocols import Normalizer, Segmenter
from samdomains.retention import measure_retention
from samdomains.training.state import Progress
from samdomains.types import Case

OBJECTS = 3
"""Objects of an image that are asked for, at most."""


def with_health(
    card: Card,
    plan: Plan,
    systems: Mapping[str, Segmenter],
    scores: Sequence[ObjectScore],
    progress: Progress,
) -> Card:
    """Measure the health of a tuned model, and add it to its card.

    Args:
        card: Gain and verdict of the test.
        plan: Of the run; its recipe bounds the number of images.
        systems: ``tuned`` and ``zero_shot``.
        scores: Of both, on the test images.
        progress: What the training came to.

    Raises:
        DataError: An image of the run cannot be read any more.
    """
    evaluation, minimum = plan.recipe.evaluation, plan.recipe.data.minimum_area
    seed, most = plan.recipe.seed, evaluation.health_images
    normalizer = plan.domain.normalize_intensity(plan.recipe)

    def drawn(cases: Sequence[Case]) -> list[DrawnCase]:
        return draw_cases(cases, most, objects=OBJECTS, minimum_area=minimum, seed=seed)

    test, train = drawn(plan.splits.test), drawn(plan.splits.train)
    total = len(test) + len(installed_domains())
    with progress_bar("checking its health", total) as show:
        sensitivity = prompt_sensitivity(
            systems, test, normalizer=normalizer, minimum_area=minimum, seed=seed, progress=show
        )
        retention = measure_retention(
            systems,
            plan.domain.name,
            images=evaluation.retention_images,
            progress=lambda done: show(len(test) + done),
        )
        trained = _from_boxes(systems, [item.case for item in train], normalizer, minimum, seed)
    findings = Findings(
        retention=retention,
        prompt_sensitivity=sensitivity,
        calibration=calibrations(scores),
        overfitting=overfitting(progress, trained, scores, len(train)),
    )
    health = diagnose(card, findings)
    advice = health.problems[0].remedy if health.problems else card.advice
    return replace(card, advice=advice, health=health)


def overfitting(
    progress: Progress,
    train: Sequence[ObjectScore],
    test: Sequence[ObjectScore],
    train_images: int,
) -> Overfitting:
    """Compare training with test images, and the best epoch with the last.

    Args:
        progress: What the training came to; there may be no epoch.
        train: Scores of ``tuned`` and ``zero_shot`` from boxes on training images.
        test: The same on test images; without boxes nothing is compared.
        train_images: Number of training images that were scored.
    """
    on_train, on_test = _dice_from_boxes(train), _dice_from_boxes(test)
    history = progress.history
    known = [epoch for epoch in history if math.isfinite(epoch.val_dice)]
    best = max(known, key=lambda epoch: epoch.val_dice, default=None)
    return Overfitting(
        best_epoch=best.epoch if best else 0,
        last_epoch=history[-1].epoch if history else 0,
        best_dice=best.val_dice if best else math.nan,
        last_dice=history[-1].val_dice if history else math.nan,
        kept_dice=progress.best_dice,
        train_images=train_images,
        train=on_train,
        test=on_test,
        gap=on_train.change - on_test.change,
    )


def _from_boxes(
    systems: Mapping[str, Segmenter],
    cases: Sequence[Case],
    normalizer: Normalizer,
    minimum_area: int,
    seed: int,
) -> tuple[ObjectScore, ...]:
    asked = Asked(("box",), minimum_area, objects_per_case=OBJECTS, seed=seed)
    return score(systems, cases, normalizer=normalizer, asked=asked).objects


def _dice_from_boxes(scores: Sequence[ObjectScore]) -> SystemDice:
    """Mean over the cases; NaN where a system was not asked with boxes."""
    dice = case_dice(scores)[0]
    means = {
        system: finite_mean(dice.get(system, {}).get("box", {}).values())
        for system in ("tuned", "zero_shot")
    }
    return SystemDice(**means)
