from __future__ import annotations

import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from segment_anything.modeling import Sam

from samdomains.errors import DataError, TrainingInterrupted
from samdomains.prompts.sampler import PromptMix
from samdomains.recipe import (
    AugmentationRecipe,
    PromptRecipe,
    Recipe,
    StrategyRecipe,
    TrainingRecipe,
)
from samdomains.sam.strategies import trained_tensors
from samdomains.training.engine import Task, cosine_with_warmup, train
from samdomains.types import Case, StrategyChoice, StrategyName

from .conftest import to_unit_range


class Kept:
    """Remembers the weights of the best epoch."""

    def __init__(self) -> None:
        self.weights: dict[str, torch.Tensor] = {}

    def __call__(self, sam: Sam) -> None:
        self.weights = {name: t.clone() for name, t in trained_tensors(sam).items()}


def task(
    sam: Sam, cases: list[Case], out: Path, strategy: StrategyName = "full", **training: Any
) -> Task:
    values: dict[str, Any] = {"epochs": 2, "learning_rate": 1e-3, "patience": None, **training}
    recipe = Recipe(
        prompts=PromptRecipe(corrections=1),
        augmentation=AugmentationRecipe(crop=1.0),
        strategy=StrategyRecipe(lora_rank=2),
        training=TrainingRecipe(**values),
    )
    return Task(
        sam=sam,
        train=cases[:4],
        val=cases[4:],
        normalizer=to_unit_range,
        sampler=PromptMix(recipe.prompts),
        recipe=recipe,
        choice=StrategyChoice(strategy, 2, "no", ("as asked",)),
        directory=out,
        save_best=Kept(),
    )


def snapshot(sam: Sam) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in sam.state_dict().items()}


@pytest.mark.parametrize("strategy", ["decoder", "lora", "full"])
def test_training_lowers_the_loss(
    miniature: Sam, cases: list[Case], tmp_path: Path, strategy: StrategyName
) -> None:
    progress = train(task(miniature, cases, tmp_path, strategy, epochs=8, learning_rate=3e-3))
    losses = [record.train_loss for record in progress.history]
    assert min(losses[4:]) < losses[0]


def test_decoder_tuning_leaves_encoder_and_prompt_encoder_bit_identical(
    miniature: Sam, cases: list[Case], tmp_path: Path
) -> None:
    before = snapshot(miniature)
    train(task(miniature, cases, tmp_path, "decoder"))
    changed = {n for n, v in miniature.state_dict().items() if not torch.equal(v, before[n])}
    assert changed
    assert all(name.startswith("mask_decoder.") for name in changed)


def test_the_best_epoch_is_kept_and_the_untuned_model_counts_as_one(
    miniature: Sam, cases: list[Case], tmp_path: Path
) -> None:
    work = task(miniature, cases, tmp_path, learning_rate=1e-30)
    progress = train(work)
    assert progress.best_epoch == 0
    assert isinstance(work.save_best, Kept)
    assert work.save_best.weights


def test_it_stops_early_when_patience_runs_out(
    miniature: Sam, cases: list[Case], tmp_path: Path
) -> None:
    progress = train(task(miniature, cases, tmp_path, epochs=20, patience=2, learning_rate=1e-30))
    assert progress.epoch == 2


def test_ctrl_c_leaves_a_run_that_ends_bit_identical_when_resumed(
    miniature: Sam, cases: list[Case], tmp_path: Path
) -> None:
    start = snapshot(miniature)
    train(task(miniature, cases, tmp_path / "whole"))
    expected = snapshot(miniature)

    miniature.load_state_dict(start)
    interrupted = task(miniature, cases, tmp_path / "cut")
    calls = iter(range(100))

    def press_ctrl_c(mask: Any, rng: Any, previous: Any) -> Any:
        if next(calls) == 9:
            signal.raise_signal(signal.SIGINT)
        return task(miniature, cases, tmp_path).sampler(mask, rng, previous)

    with pytest.raises(TrainingInterrupted, match="--resume"):
        train(replace(interrupted, sampler=press_ctrl_c))
    miniature.load_state_dict(start)
    train(task(miniature, cases, tmp_path / "cut"), resume=True)
    for name, value in miniature.state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_images_without_any_object_to_learn_from_are_an_error(
    miniature: Sam, cases: list[Case], tmp_path: Path
) -> None:
    empty = [replace(case, read_objects=tuple) for case in cases]
    with pytest.raises(DataError, match="none of the 4 training images has an object"):
        train(task(miniature, empty, tmp_path))


def test_the_rate_rises_then_falls_to_zero() -> None:
    rate = partial(cosine_with_warmup, 10, 100)
    assert rate(0) < rate(5) < rate(9) == 1.0
    assert rate(100) == pytest.approx(0.0)
    assert rate(500) == pytest.approx(0.0)
