from __future__ import annotations

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
from samdomains.types import Case

from .conftest import task


def no_embeddings(_: object) -> None:
    return None


def stepper(work: Task, images_at_once: int) -> Stepper:
    apply_strategy(work.sam, work.recipe.strategy, "full")
    accelerator = fresh_accelerator("no")
    optimizer = torch.optim.SGD(work.sam.parameters(), lr=1e-2)
    module = PromptedLoss(work.sam, work.sampler, work.recipe)
    prepared, prepared_optimizer = accelerator.prepare(module, optimizer)
    return Stepper(
        accelerator,
        prepared,
        prepared_optimizer,
        LambdaLR(optimizer, lambda _: 1.0),
        clip_norm=1.0,
        images_at_once=images_at_once,
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


def test_too_little_memory_says_what_to_lower(
    miniature: Sam, cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: Any) -> Tensor:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(PromptedLoss, "forward", out_of_memory)
    work = task(miniature, cases, tmp_path)
    with pytest.raises(TrainingError, match=r"batch of 4 with up to 2 objects.*batch_size"):
        stepper(work, 4).step(batch(work), no_embeddings, 0, "step")
