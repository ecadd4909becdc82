"""Scores and pictures that the tests of the report share."""

from __future__ import annotations

from typing import Any

import pytest

from samdomains.evaluation.card import Card, make_card


def entry(mean: float, *, classes: tuple[str, ...] = ()) -> dict[str, Any]:
    """Scores of one system under one prompt, IoU being 0.1 lower than Dice."""
    scores: dict[str, Any] = {
        "dice": {"mean": mean, "ci95": [mean - 0.02, mean + 0.03], "n": 40},
        "iou": {"mean": mean - 0.1, "ci95": [mean - 0.13, mean - 0.08], "n": 40},
    }
    return scores | {"per_class": {name: entry(mean) for name in classes}}


def example_metrics() -> dict[str, Any]:
    """Two classes, two prompts, three systems; the ellipse has no answer to a point."""
    classes = ("nucleus", "membrane")
    return {
        "schema": 1,
        "empty_cases": 2,
        "test": {
            "box_ellipse": {"box": entry(0.81, classes=classes)},
            "zero_shot": {
                "point": entry(0.52, classes=classes),
                "box": entry(0.71, classes=classes),
            },
            "tuned": {
                "point": entry(0.62, classes=classes),
                "box": entry(0.91, classes=classes),
            },
        },
    }


def example_card() -> Card:
    """Ten cases of their own groups, 0.2 better with boxes."""
    groups = {f"c{index}": f"g{index}" for index in range(10)}
    dice = {
        "tuned": {"box": dict.fromkeys(groups, 0.91)},
        "zero_shot": {"box": dict.fromkeys(groups, 0.71)},
    }
    return make_card(dice, groups, trained_on=30)


def example_history() -> list[dict[str, float]]:
    """Three epochs, the second the best."""
    return [
        {
            "epoch": 1,
            "train_loss": 0.9,
            "val_dice": 0.7,
            "learning_rate": 1e-4,
            "seconds": 50.0,
            "data_seconds": 2.0,
        },
        {"epoch": 2, "train_loss": 0.6, "val_dice": 0.8, "learning_rate": 5e-5},
        {"epoch": 3, "train_loss": 0.5, "val_dice": 0.75, "learning_rate": 1e-5},
    ]


@pytest.fixture
def metrics() -> dict[str, Any]:
    """What a test may change."""
    return example_metrics()


@pytest.fixture
def card() -> Card:
    """Its verdict."""
    return example_card()


@pytest.fixture
def history() -> list[dict[str, float]]:
    """Its epochs."""
    return example_history()
