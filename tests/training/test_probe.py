from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from segment_anything.modeling import Sam
from torch import Tensor

from samdomains.prompts.sampler import PromptMix
from samdomains.recipe import Recipe, StrategyRecipe
from samdomains.training.memory import is_out_of_memory
from samdomains.training.probe import MeasuredMemory, measure_memory
from samdomains.training.prompted_loss import PromptedLoss
from samdomains.types import StrategyName

RECIPE = Recipe(strategy=StrategyRecipe(lora_rank=2, lora_dropout=0.1))
COUNTS = st.integers(1, 16)


def measured(sam: Sam, strategy: StrategyName) -> MeasuredMemory:
    sampler = PromptMix(RECIPE.prompts)
    return measure_memory(sam, sampler, RECIPE, strategy, "no", objects=2)


@pytest.mark.parametrize("strategy", ["decoder", "lora", "full"])
def test_a_model_is_left_exactly_as_it_was(miniature: Sam, strategy: StrategyName) -> None:
    parameters = dict(miniature.named_parameters())
    values = {name: p.detach().clone() for name, p in parameters.items()}
    parameters["mask_decoder.iou_token.weight"].grad = gradient = torch.ones(1, 32)
    random = torch.get_rng_state()
    measured(miniature, strategy)
    assert torch.equal(torch.get_rng_state(), random)
    assert not any(module.training for module in miniature.modules())
    after = dict(miniature.named_parameters())
    assert list(after) == list(parameters)
    for name, parameter in after.items():
        assert parameter is parameters[name]
        assert parameter.requires_grad
        assert torch.equal(parameter, values[name])
    grads = {name: p.grad for name, p in after.items() if p.grad is not None}
    assert grads == {"mask_decoder.iou_token.weight": gradient}


def test_it_is_left_so_where_the_memory_does_not_suffice(
    miniature: Sam, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: Any) -> Tensor:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(PromptedLoss, "forward", out_of_memory)
    names = [name for name, _ in miniature.named_parameters()]
    with pytest.raises(RuntimeError) as caught:
        measured(miniature, "lora")
    assert is_out_of_memory(caught.value)
    assert [name for name, _ in miniature.named_parameters()] == names


def test_where_two_images_do_not_fit_each_counts_as_the_one_that_did(
    miniature: Sam, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = PromptedLoss.forward

    def limited(self: PromptedLoss, samples: Any, *rest: Any) -> Tensor:
        if len(samples) > 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return forward(self, samples, *rest)

    monkeypatch.setattr(PromptedLoss, "forward", limited)
    needed = measured(miniature, "decoder")
    assert needed.fixed == 0
    assert needed.per_image > 0


@given(COUNTS, COUNTS)
def test_more_images_at_once_never_take_less_and_parts_hold_their_gradients(
    images: int, batch: int
) -> None:
    needed = MeasuredMemory(resting=50, fixed=10, per_image=20, gradients=5)
    held = 5 if images < batch else 0
    assert needed.peak(images, batch) == max(50, 10 + held + 20 * images)
    assert needed.peak(images + 1, batch) + held >= needed.peak(images, batch)
