from __future__ import annotations

import weakref
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from segment_anything.modeling import Sam
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from samdomains.errors import TrainingError
from samdomains.sam.strategies import apply_strategy
from samdomains.training.accelerators import fresh_accelerator
from samdomains.training.dataset import Sample
from samdomains.training.prompted_loss import PromptedLoss
from samdomains.training.step import Stepper
from samdomains.training.task import Task, dataset_of
from samdomains.types import Case, StrategyName

from .conftest import task


def no_embeddings(_: object) -> None:
    return None


def stepper(
    work: Task,
    images_at_once: int,
    strategy: StrategyName = "full",
    noted: list[int] | None = None,
) -> Stepper:
    torch.manual_seed(0)
    apply_strategy(work.sam, work.recipe.strategy, strategy)
    accelerator = fresh_accelerator("no")
    optimizer = torch.optim.SGD([p for p in work.sam.parameters() if p.requires_grad], lr=1e-2)
    module = PromptedLoss(work.sam, work.sampler, work.recipe)
    prepared, prepared_optimizer = accelerator.prepare(module, optimizer)
    return Stepper(
        accelerator,
        prepared,
        prepared_optimizer,
        LambdaLR(optimizer, lambda _: 1.0),
        clip_norm=1.0,
        images_at_once=images_at_once,
        backing_off=lambda images: None if noted is None else noted.append(images),
    )


def batch(work: Task) -> list[Sample]:
    dataset = dataset_of(work)
    return [dataset[index, 3] for index in range(4)]


def test_a_step_is_the_same_however_its_batch_is_divided(
    miniature: Sam, cases: list[Case], tmp_path: Path
) -> None:
    results: list[tuple[float, dict[str, Tensor]]] = []
    for images_at_once in (4, 3, 1):
        work = task(deepcopy(miniature), cases, tmp_path, objects_per_image=2)
        samples = batch(work)
        samples[0] = Sample(
            samples[0].index, 3, samples[0].image, samples[0].frame, samples[0].masks[:1]
        )
        loss = stepper(work, images_at_once).step(samples, no_embeddings, 1, "step")
        results.append((loss, work.sam.state_dict()))
    (loss, weights), *others = results
    for other_loss, other in others:
        assert other_loss == pytest.approx(loss, rel=1e-5)
        for name, value in weights.items():
            torch.testing.assert_close(other[name], value, rtol=1e-4, atol=1e-6)


def small_memory(monkeypatch: pytest.MonkeyPatch, images: int) -> None:
    """Let a forward pass of more images fail once its first round is through."""
    forward = PromptedLoss.forward

    def limited(self: PromptedLoss, samples: Any, embeddings: Any, corrections: int) -> Tensor:
        loss = forward(self, samples, embeddings, corrections)
        if len(samples) > images:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return loss

    monkeypatch.setattr(PromptedLoss, "forward", limited)


@pytest.mark.parametrize("strategy", ["full", "lora"])
def test_out_of_memory_backs_off_to_what_dividing_from_the_start_gives(
    miniature: Sam,
    cases: list[Case],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    strategy: StrategyName,
) -> None:
    work, other = (task(deepcopy(miniature), cases, tmp_path) for _ in range(2))
    divided = stepper(other, 1, strategy)
    losses = [divided.step(batch(other), no_embeddings, 1, "step") for _ in range(2)]
    small_memory(monkeypatch, 1)
    noted: list[int] = []
    backing_off = stepper(work, 4, strategy, noted)
    assert [backing_off.step(batch(work), no_embeddings, 1, "step") for _ in range(2)] == losses
    assert noted == [2, 1]
    for name, value in other.sam.state_dict().items():
        assert torch.equal(value, work.sam.state_dict()[name]), name


def test_an_attempt_that_failed_holds_no_memory_when_it_is_repeated(
    miniature: Sam, cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[weakref.ref[Tensor]] = []
    alive: list[bool] = []

    def out_of_memory(_: PromptedLoss, samples: Any, *__: Any) -> Tensor:
        alive.append(any(reference() is not None for reference in held))
        activations = torch.zeros(5)
        held.append(weakref.ref(activations))
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9")

    monkeypatch.setattr(PromptedLoss, "forward", out_of_memory)
    work = task(miniature, cases, tmp_path)
    with pytest.raises(TrainingError, match=r"even for one image at once with up to 2 objects"):
        stepper(work, 4).step(batch(work), no_embeddings, 0, "step")
    assert alive == [False, False, False]


def test_another_error_is_not_taken_for_one_of_memory(
    miniature: Sam, cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Tensor:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(PromptedLoss, "forward", broken)
    work = task(miniature, cases, tmp_path)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        stepper(work, 4).step(batch(work), no_embeddings, 0, "step")


def test_weights_that_change_half_way_are_not_changed_twice(
    miniature: Sam, cases: list[Case], tmp_path: Path
) -> None:
    def out_of_memory() -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    work = task(miniature, cases, tmp_path)
    failing = stepper(work, 4)
    failing.optimizer.step = out_of_memory
    with pytest.raises(TrainingError, match=r"Lower training.objects_per_image"):
        failing.step(batch(work), no_embeddings, 0, "step")
