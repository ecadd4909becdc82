from __future__ import annotations

import json
import signal
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from segment_anything.modeling import Sam
from torch import Tensor

from samdomains.errors import RunDirectoryError, TrainingError, TrainingInterrupted
from samdomains.recipe import AugmentationRecipe, ModelRecipe
from samdomains.run_directory import RunDirectory
from samdomains.training.dataset import list_views
from samdomains.training.engine import train
from samdomains.training.prompted_loss import PromptedLoss
from samdomains.training.state import Progress, TrainingState, load_state
from samdomains.training.task import Task
from samdomains.types import (
    Case,
    Logits,
    Mask,
    Prompts,
    RawImage,
    StrategyName,
)

from .conftest import Kept, make_case, task


def snapshot(sam: Sam) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in sam.state_dict().items()}


@pytest.mark.parametrize("strategy", ["decoder", "lora", "full"])
def test_training_lowers_the_loss(
    miniature: Sam, cases: list[Case], tmp_path: Path, strategy: StrategyName
) -> None:
    progress = train(task(miniature, cases, tmp_path, strategy, epochs=8, learning_rate=3e-3))
    losses = [record.train_loss for record in progress.history]
    assert min(losses[4:]) < losses[0]


@pytest.mark.parametrize("strategy", ["lora", "full"])
def test_running_blocks_again_trains_the_same_weights(
    miniature: Sam, cases: list[Case], tmp_path: Path, strategy: StrategyName
) -> None:
    ends = []
    for checkpointing in ("on", "off"):
        sam = deepcopy(miniature)
        out = tmp_path / checkpointing
        train(task(sam, cases, out, strategy, epochs=1, checkpointing=checkpointing))
        assert sam.image_encoder.checkpointing == (checkpointing == "on")
        ends.append(snapshot(sam))
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


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


def validated(monkeypatch: pytest.MonkeyPatch, *dices: tuple[float, float]) -> None:
    """Make validation give these Dices of its two cases, one pair a call."""
    calls = iter(dices)
    now: list[tuple[float, float]] = []

    def mean(_: object) -> float:
        now[:] = [next(calls)]
        return sum(now[0]) / 2

    monkeypatch.setattr("samdomains.training.validation.validation_dice", mean)
    by_case = "samdomains.training.validation.dice_by_case"
    monkeypatch.setattr(by_case, lambda _: dict(zip("ab", now[0], strict=True)))


UNTUNED, FIRST, SECOND = (0.5, 0.7), (0.4, 0.6), (0.3, 0.5)


@pytest.mark.parametrize(
    ("mixtures", "kept"),
    [
        ([(0.52, 0.7), (0.5, 0.7), (0.4, 0.6)], 0.5),
        ([(0.4, 0.75), (0.5, 0.7), (0.4, 0.6)], 0.5),  # untuned is better, by chance
        ([(0.4, 0.6), (0.5, 0.69), (0.4, 0.6)], 0.0),  # untuned is clearly better
        ([(0.4, 0.6), (0.6, 0.81), (0.4, 0.6)], 0.25),  # so is another mixture
    ],
)
def test_the_half_way_mixture_is_kept_unless_another_is_clearly_better(
    miniature: Sam,
    cases: list[Case],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mixtures: list[tuple[float, float]],
    kept: float,
) -> None:
    validated(monkeypatch, UNTUNED, FIRST, SECOND, *mixtures)
    work = task(miniature, cases, tmp_path, mixtures=(0.5, 0.25, 0.75))
    name = "mask_decoder.iou_token.weight"
    untuned = miniature.get_parameter(name).detach().clone()
    progress = train(work)
    assert progress.best_share == kept
    assert isinstance(work.save_best, Kept)
    last = miniature.get_parameter(name).detach()
    assert not torch.equal(last, untuned)
    torch.testing.assert_close(work.save_best.weights[name], untuned.lerp(last, kept))
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    events = [json.loads(line)["event"] for line in lines]
    assert events == ["untuned", "epoch", "epoch", "mixture", "mixture", "mixture"]


def press_ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


def interrupted_in_a_step(work: Task) -> Task:
    """Ctrl-C while the first prompt of the second epoch's second step is drawn."""
    calls = count()

    def sampler(mask: Mask, rng: np.random.Generator, previous: Logits | None) -> Prompts:
        if previous is None and next(calls) == 13:  # two discs an image, two images a step
            press_ctrl_c()
        return work.sampler(mask, rng, previous)

    return replace(work, sampler=sampler)


def interrupted_in_a_validation(work: Task) -> Task:
    """Ctrl-C while the first epoch is validated."""
    readings = count()

    def read_pixels() -> RawImage:
        if next(readings) == 1:  # 0: the untuned model
            press_ctrl_c()
        return work.val[0].read_pixels()

    return replace(work, val=[replace(work.val[0], read_pixels=read_pixels), *work.val[1:]])


@pytest.mark.parametrize("strategy", ["decoder", "lora", "full"])
@pytest.mark.parametrize("interrupted", [interrupted_in_a_step, interrupted_in_a_validation])
def test_ctrl_c_leaves_a_run_that_ends_bit_identical_when_resumed(
    miniature: Sam,
    cases: list[Case],
    tmp_path: Path,
    interrupted: Callable[[Task], Task],
    strategy: StrategyName,
) -> None:
    whole, cut = deepcopy(miniature), deepcopy(miniature)
    expected = train(task(whole, cases, tmp_path / "whole", strategy))
    with pytest.raises(TrainingInterrupted, match=r"in epoch [12]; go on with --resume"):
        train(interrupted(task(cut, cases, tmp_path / "cut", strategy)))
    torch.rand(7)  # what else the process draws does not matter
    progress = train(task(miniature, cases, tmp_path / "cut", strategy), resume=True)

    assert without_times(progress) == without_times(expected)
    for name, value in miniature.state_dict().items():
        assert torch.equal(value, whole.state_dict()[name]), name
    events = [(line["event"], line["epoch"]) for line in read_log(tmp_path / "cut")]
    assert events == [("untuned", 0), ("epoch", 1), ("epoch", 2)]


def interrupted_in_a_mixture(work: Task) -> Task:
    """Ctrl-C while the first mixture is validated."""
    readings = count()

    def read_pixels() -> RawImage:
        if next(readings) == 3:  # 0: the untuned model, then two epochs
            press_ctrl_c()
        return work.val[0].read_pixels()

    return replace(work, val=[replace(work.val[0], read_pixels=read_pixels), *work.val[1:]])


@pytest.mark.parametrize("strategy", ["decoder", "lora", "full"])
def test_ctrl_c_in_a_mixture_saves_the_trained_weights_and_not_the_mixed_ones(
    miniature: Sam, cases: list[Case], tmp_path: Path, strategy: StrategyName
) -> None:
    work = task(deepcopy(miniature), cases, tmp_path / "whole", strategy, mixtures=(0.5, 0.25))
    expected = train(work)
    cut = task(deepcopy(miniature), cases, tmp_path / "cut", strategy, mixtures=(0.5, 0.25))
    with pytest.raises(TrainingInterrupted, match="in epoch 2"):
        train(interrupted_in_a_mixture(cut))
    resumed = task(miniature, cases, tmp_path / "cut", strategy, mixtures=(0.5, 0.25))
    resumed = replace(resumed, save_best=cut.save_best)  # as the file stays
    assert without_times(train(resumed, resume=True)) == without_times(expected)
    assert_same(miniature.state_dict(), work.sam.state_dict())
    assert isinstance(resumed.save_best, Kept)
    assert isinstance(work.save_best, Kept)
    assert_same(resumed.save_best.weights, work.save_best.weights)


def test_a_finished_training_is_not_taken_up_again_and_its_model_is_written_anew(
    miniature: Sam, cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values: dict[str, Any] = {
        "epochs": 9,
        "patience": 1,
        "learning_rate": 1e-30,
        "mixtures": (0.5,),
    }
    first = task(deepcopy(miniature), cases, tmp_path, **values)
    expected = train(first)
    assert (expected.epoch, expected.best_share) == (1, 0.5)
    monkeypatch.setattr("samdomains.training.engine.validate", None)
    again = task(miniature, cases, tmp_path, **values)
    assert train(again, resume=True) == expected
    assert isinstance(first.save_best, Kept)
    assert isinstance(again.save_best, Kept)
    assert_same(again.save_best.weights, first.save_best.weights)


def test_a_long_epoch_is_saved_as_it_goes(
    miniature: Sam, cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[tuple[int, int]] = []

    def spy(_: Path, state: TrainingState) -> None:
        saved.append((state.progress.epoch, state.progress.batch))

    monkeypatch.setattr("samdomains.training.engine.save_state", spy)
    monkeypatch.setattr("samdomains.training.engine.SECONDS_BETWEEN_SAVES", -1.0)
    train(task(miniature, cases, tmp_path, epochs=1))
    assert saved == [(0, 0), (0, 1), (0, 2), (0, 2), (1, 0), (1, 0)]


def assert_same(got: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert got.keys() == expected.keys()
    assert [name for name, tensor in expected.items() if not torch.equal(got[name], tensor)] == []


def without_times(progress: Progress) -> Progress:
    return replace(
        progress, history=[replace(r, seconds=0.0, data_seconds=0.0) for r in progress.history]
    )


def read_log(directory: Path) -> list[dict[str, Any]]:
    lines = RunDirectory(directory).log.read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def interrupt_in_epoch_two(sam: Sam, cases: list[Case], out: Path, strategy: StrategyName) -> None:
    with pytest.raises(TrainingInterrupted, match="in epoch 2"):
        train(interrupted_in_a_step(task(deepcopy(sam), cases, out, strategy)))


def test_a_run_is_not_resumed_with_other_labels(
    miniature: Sam, cases: list[Case], tmp_path: Path
) -> None:
    interrupt_in_epoch_two(miniature, cases, tmp_path, "decoder")
    fewer = [replace(cases[0], read_objects=tuple), *cases[1:]]
    with pytest.raises(RunDirectoryError, match="other objects in its training images"):
        train(task(miniature, fewer, tmp_path, "decoder"), resume=True)


def test_a_state_of_other_tensors_is_refused(
    miniature: Sam, cases: list[Case], tmp_path: Path
) -> None:
    interrupt_in_epoch_two(miniature, cases, tmp_path, "full")
    with pytest.raises(RunDirectoryError, match="other tensors than 'decoder' trains"):
        train(task(miniature, cases, tmp_path, "decoder"), resume=True)


def wide(cases: list[Case]) -> list[Case]:
    """Training cases of several tiles each."""
    return [*(make_case(number, (300, 300)) for number in range(4)), *cases[4:]]


def test_only_what_the_epochs_show_is_embedded_and_only_once(
    miniature: Sam, cases: list[Case], tmp_path: Path
) -> None:
    passes: list[None] = []
    miniature.image_encoder.register_forward_hook(lambda *_: passes.append(None))
    one_epoch = task(miniature, wide(cases), tmp_path / "one", "decoder", epochs=1)
    tiled = one_epoch.recipe.model_copy(update={"model": ModelRecipe(tile=128, zoom=None)})
    views = list_views(one_epoch.train, tiled.model, tiled.data.minimum_area)
    train(replace(one_epoch, recipe=tiled))
    assert len(passes) == 4 + 2 < len(views)  # four training images and two of validation

    passes.clear()
    interrupt_in_epoch_two(miniature, cases, tmp_path / "cut", "decoder")
    assert len(passes) == 4 + 2
    train(task(miniature, cases, tmp_path / "cut", "decoder"), resume=True)
    assert len(passes) == 4 + 2
    train(task(miniature, cases, tmp_path / "cut", "decoder"), resume=True)  # no epoch is left
    assert len(passes) == 4 + 2


@pytest.mark.parametrize("variants", [1, 3])
def test_what_is_kept_changes_nothing_but_the_time(
    miniature: Sam, cases: list[Case], tmp_path: Path, variants: int
) -> None:
    results = []
    for kept in (True, False):
        work = task(deepcopy(miniature), cases, tmp_path / str(kept), "decoder")
        augmentation = AugmentationRecipe(crop=0.8, variants=variants)
        recipe = work.recipe.model_copy(update={"augmentation": augmentation})
        progress = train(replace(work, recipe=recipe, encoder=work.encoder if kept else None))
        results.append((without_times(progress), snapshot(work.sam)))
    assert results[0][0] == results[1][0]
    assert all(torch.equal(value, results[1][1][name]) for name, value in results[0][1].items())


def test_a_process_can_train_with_one_precision_after_another(
    miniature: Sam, cases: list[Case], tmp_path: Path
) -> None:
    for precision in ("no", "bf16"):
        work = task(deepcopy(miniature), cases, tmp_path / precision, epochs=1)
        choice = replace(work.choice, precision=precision)
        assert train(replace(work, choice=choice)).epoch == 1


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_last_good_state(
    miniature: Sam, cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses, forward = count(), PromptedLoss.forward

    def diverge(self: PromptedLoss, *arguments: Any) -> Tensor:
        loss = forward(self, *arguments)
        return loss * float("nan") if next(losses) == 3 else loss

    monkeypatch.setattr(PromptedLoss, "forward", diverge)
    with pytest.raises(TrainingError, match=r"became nan in epoch 2, step 2. Lower training.lear"):
        train(task(miniature, cases, tmp_path))
    state = load_state(tmp_path / "state")
    assert state is not None
    assert state.progress.epoch == 1
    assert all(torch.isfinite(tensor).all() for tensor in state.weights.values())
    assert len(read_log(tmp_path)) == 2


def test_up_to_the_recipes_number_of_corrections_is_drawn(
    miniature: Sam, cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: set[int] = set()
    forward = PromptedLoss.forward

    def spy(self: PromptedLoss, samples: Any, embeddings: Any, corrections: int) -> Tensor:
        drawn.add(corrections)
        return forward(self, samples, embeddings, corrections)

    monkeypatch.setattr(PromptedLoss, "forward", spy)
    train(task(miniature, cases, tmp_path, "decoder", epochs=5))
    assert drawn == {0, 1}


def test_backing_off_is_told_logged_and_kept_for_a_resumed_run(
    miniature: Sam, cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = PromptedLoss.forward
    lines: list[str] = []
    sizes: list[int] = []

    def limited(self: PromptedLoss, samples: Any, *rest: Any) -> Tensor:
        sizes.append(len(samples))
        if len(samples) > 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")
        return forward(self, samples, *rest)

    monkeypatch.setattr(PromptedLoss, "forward", limited)
    work = replace(task(deepcopy(miniature), cases, tmp_path), tell=lines.append)
    with pytest.raises(TrainingInterrupted, match="in epoch 2"):
        train(interrupted_in_a_step(work))
    train(task(miniature, cases, tmp_path), resume=True)
    assert sizes == [2, *[1] * 8]
    assert len(lines) == 1
    assert "did not suffice in epoch 1, step 1; from here on 1 at once of the 2 images" in lines[0]
    events = [line["event"] for line in read_log(tmp_path)]
    assert events == ["untuned", "backed off", "epoch", "epoch"]
