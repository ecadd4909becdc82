from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

import samdomains
from samdomains.evaluation.card import Card
from samdomains.evaluation.results import ObjectScore
from samdomains.health import overfitting
from samdomains.training.state import EpochRecord, Progress


def score(system: str, case: str, dice: float) -> ObjectScore:
    return ObjectScore(case, case, "cell", 0, system, "box", dice, dice, 0.5, 9)


def epoch(number: int, dice: float) -> EpochRecord:
    return EpochRecord(number, 0.5, dice, 1e-4, 1.0)


def test_the_gap_is_the_gain_on_training_images_beyond_that_on_test_images() -> None:
    train = [score("tuned", "a", 0.9), score("zero_shot", "a", 0.5)]
    test = [score("tuned", "b", 0.6), score("zero_shot", "b", 0.5)]
    epochs = [epoch(1, 0.6), epoch(2, 0.8), epoch(3, 0.7)]
    progress = Progress(best_dice=0.75, history=epochs)
    found = overfitting(progress, train, test, 1)
    assert found.gap == pytest.approx(0.3)
    assert (found.best_epoch, found.last_epoch) == (2, 3)
    assert (found.best_dice, found.last_dice, found.kept_dice) == (0.8, 0.7, 0.75)


def test_without_epochs_or_boxes_there_is_nothing_to_compare() -> None:
    found = overfitting(Progress(), [], [], 0)
    assert (found.best_epoch, found.last_epoch) == (0, 0)
    assert math.isnan(found.gap)
    assert overfitting(Progress(history=[epoch(1, math.nan)]), [], [], 0).best_epoch == 0


def test_a_run_ends_with_the_health_of_its_model(
    labelled_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samdomains.retention.installed_domains", list)
    result = samdomains.run(
        "images",
        labelled_folder,
        out=tmp_path / "run",
        settings=(
            "strategy.name=decoder",
            "training.epochs=1",
            "training.mixtures=[]",
            "training.batch_size=1",
            "evaluation.bootstrap=20",
            "evaluation.prompts=[box]",
            "evaluation.health_images=1",
        ),
    )
    content = json.loads((tmp_path / "run" / "card.json").read_text("utf-8"))
    card = Card.from_json(content)
    assert result.card is not None
    assert repr(card) == repr(result.card)
    health = card.health
    assert health is not None
    assert (health.prompt_sensitivity.images, health.overfitting.train_images) == (1, 1)
    assert set(health.prompt_sensitivity.systems) == {"tuned", "zero_shot"}
    assert set(health.calibration) == {"tuned", "zero_shot"}
    assert health.retention.note == "no other domain is installed that has demo images"
    assert health.verdict != "ship"  # two test groups prove nothing
    assert "more data" in [problem.name for problem in health.problems]
    assert "health" in result.seconds
    assert '<section id="health">' in (tmp_path / "run" / "report.html").read_text("utf-8")
