from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from samdomains.benchmark import unet_training
from samdomains.benchmark.unet_network import UNetDesign, build_unet
from samdomains.benchmark.unet_patches import Lessons, survey
from samdomains.benchmark.unet_training import (
    Budget,
    UNetTraining,
    Validated,
    average_statistics,
    fit_unet,
    unet_loss,
)
from samdomains.errors import TrainingError
from samdomains.processes import ALONE
from samdomains.recipe import AugmentationRecipe
from samdomains.types import Case

from .conftest import Constant, square_case, to_unit_range

CASES = [square_case(number) for number in range(4)]
DESIGN: UNetDesign = survey(CASES, minimum_area=4, width=4, fine=False, seed=0)


def fitted(
    *,
    seconds: float = 0.0,
    steps: int | None = None,
    val: Sequence[Case] = CASES[2:],
    used: list[int] | None = None,
) -> tuple[nn.Module, UNetTraining]:
    torch.manual_seed(0)
    net = build_unet(DESIGN)
    training = fit_unet(
        net,
        Lessons(CASES[:2], to_unit_range, DESIGN),
        Lessons(val, to_unit_range, DESIGN),
        augmentation=AugmentationRecipe(),
        budget=Budget(seconds, steps),
        seed=0,
        processes=ALONE,
        progress=([] if used is None else used).append,
    )
    return net, training


def weights_of(net: nn.Module) -> torch.Tensor:
    return torch.cat([t.flatten() for t in net.state_dict().values()])


def test_the_same_steps_end_with_the_same_weights() -> None:
    (first, training), (second, _) = fitted(steps=3), fitted(steps=3)
    assert torch.equal(weights_of(first), weights_of(second))
    assert (training.steps, training.images) == (3, 2)
    assert training.validation_dice is not None


def test_the_time_is_kept_with_validations_included() -> None:
    used: list[int] = []
    _, training = fitted(seconds=1.5, used=used)
    assert 1.0 < training.seconds < 6.0  # within a tenth where nobody else computes
    assert len(used) == training.steps > 1
    assert used[-1] >= 1


def test_one_step_is_taken_however_short_the_time() -> None:
    assert fitted(seconds=0.0)[1].steps == 1


def test_the_best_weights_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([0.5, 0.9, 0.2])
    seen: list[torch.Tensor] = []

    def score(validation: unet_training._Validation) -> Validated:
        seen.append(weights_of(validation.net).clone())
        return Validated(next(scores), (0.0,))

    monkeypatch.setattr(unet_training._Validation, "__call__", score)
    monkeypatch.setattr(unet_training, "VALIDATE_AT", (0.3, 0.6))
    net, training = fitted(steps=4)
    assert training.validation_dice == 0.9
    assert torch.equal(weights_of(net), seen[1])
    assert not torch.equal(seen[1], seen[2])


def test_what_is_rare_is_cut_where_the_validation_images_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def logits(_net: nn.Module, _design: object, image: NDArray[np.float32]) -> NDArray[np.float32]:
        return 10 * image[:1] - 8.0  # below 0 for the squares too, which are about 0.7

    monkeypatch.setattr(unet_training, "input_logits", logits)
    net, training = fitted(steps=1)
    (offset,) = training.offsets
    assert offset > 0
    assert training.validation_dice == pytest.approx(1.0, abs=0.1)
    bare, _ = fitted(steps=1, val=[])
    change = weights_of(net) - weights_of(bare)
    assert change.nonzero().numel() == 1  # the bias of the class, and nothing else
    assert change.sum() == pytest.approx(offset)


def test_processes_agree_on_what_batch_normalisations_saw() -> None:
    class Pair:
        """Two processes, of which the other one has seen zeros."""

        count = 2

        def gather(self, make: Callable[[], list[torch.Tensor]]) -> list[list[torch.Tensor]]:
            return [make(), [torch.zeros_like(b) for b in make()]]

    net = nn.BatchNorm1d(3)
    average_statistics(net, Pair())  # type: ignore[arg-type]
    assert net.running_var is not None
    assert net.running_var.tolist() == [0.5] * 3


def test_a_loss_that_is_no_number_stops_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unet_training, "unet_loss", lambda logits, *_: logits.sum() * math.nan)
    with pytest.raises(TrainingError, match="became nan in step 1"):
        fitted(steps=1)


def test_nothing_is_learnt_where_a_crowd_is() -> None:
    logits = torch.randn(2, 3, 8, 8, requires_grad=True)
    target, valid = torch.rand(2, 3, 8, 8) > 0.5, torch.ones(2, 1, 8, 8, dtype=torch.bool)
    valid[:, :, :4] = False
    torch.autograd.backward(unet_loss(logits, target, valid))
    assert logits.grad is not None
    assert (logits.grad[:, :, :4] == 0).all()
    assert (logits.grad[:, :, 4:] != 0).all()
    nothing = unet_loss(logits, target, torch.zeros_like(valid))
    assert torch.isfinite(nothing)


def test_a_loss_falls_towards_the_truth() -> None:
    target, valid = torch.zeros(1, 1, 8, 8, dtype=torch.bool), torch.ones(1, 1, 8, 8) > 0
    target[..., :4] = True
    losses = [float(unet_loss((target.float() - 0.5) * s, target, valid)) for s in (-9, 0, 9, 40)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == pytest.approx(0.0, abs=1e-4)


def test_without_objects_to_validate_with_the_last_weights_are_kept() -> None:
    empty = replace(CASES[2], read_objects=Constant(()))  # type: ignore[arg-type]
    for val in ([], [empty]):
        _, training = fitted(steps=1, val=val)
        assert training.validation_dice is None
