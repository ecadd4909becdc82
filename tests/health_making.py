"""A healthy model's findings, to be spoilt by tests."""

from __future__ import annotations

import math

from samdomains.evaluation.calibration import Calibration, CalibrationBin
from samdomains.evaluation.health import (
    DomainRetention,
    Findings,
    Overfitting,
    Retention,
    SystemDice,
)
from samdomains.evaluation.sensitivity import CLICKS, JITTERS, PromptSensitivity, SystemSensitivity


def sensitivity(**changes: float) -> SystemSensitivity:
    """Of a system that follows its prompts, but for the changes."""
    shares = {"background_points": 0.0, "empty_boxes": 0.0, "other_objects": math.nan}
    shares |= {"answer_overlap": 0.01} | changes
    return SystemSensitivity(dict.fromkeys(JITTERS, 0.9), dict.fromkeys(CLICKS, 0.8), **shares)


def prompts(
    tuned: SystemSensitivity, zero_shot: SystemSensitivity, answers: int = 12
) -> PromptSensitivity:
    """On six images."""
    names = ("background_points", "empty_boxes", "other_objects", "answer_overlap")
    systems = {"tuned": tuned, "zero_shot": zero_shot}
    return PromptSensitivity(6, 18, dict.fromkeys(names, answers), systems)


def retention(change: float) -> Retention:
    """In one other domain; a second one is broken."""
    dice = {name: SystemDice(0.8 + change, 0.8) for name in ("box", "point")}
    domain = DomainRetention("ct", 2, 4, dice)
    return Retention((domain,), {"mri": "PluginError: broken"}, "", change)


def overfitting(train: float, test: float, kept: float = 0.9) -> Overfitting:
    """By the gains on training and on test images; the best epoch had 0.9 on validation."""
    return Overfitting(
        best_epoch=2,
        last_epoch=3,
        best_dice=0.9,
        last_dice=0.85,
        kept_dice=kept,
        train_images=6,
        train=SystemDice(0.5 + train, 0.5),
        test=SystemDice(0.5 + test, 0.5),
        gap=train - test,
    )


def healthy() -> Findings:
    """Nothing to complain of."""
    one = Calibration(0.05, -0.05, 0.7, 9, (CalibrationBin(0.8, 0.85, 9),))
    return Findings(
        retention=retention(-0.01),
        prompt_sensitivity=prompts(sensitivity(), sensitivity()),
        calibration={"tuned": one, "zero_shot": one},
        overfitting=overfitting(0.3, 0.25),
    )
