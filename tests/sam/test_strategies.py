from __future__ import annotations

import copy
import re
from collections.abc import Callable

import pytest
import torch
from segment_anything.modeling import Sam
from torch import Tensor, nn

from samdomains.recipe import StrategyRecipe
from samdomains.sam.models import build_architecture
from samdomains.sam.strategies import (
    LORA_TARGETS,
    apply_strategy,
    has_adapters,
    merge_adapters,
    remove_adapters,
    trained_tensors,
)
from samdomains.types import StrategyName

STRATEGIES: tuple[StrategyName, ...] = ("decoder", "lora", "full")
RECIPE = StrategyRecipe(lora_rank=4, lora_alpha=8.0)


def tensors_of(sam: Sam) -> dict[str, Tensor]:
    """Every parameter and buffer, those outside the state dict included."""
    return {**dict(sam.named_parameters()), **dict(sam.named_buffers())}


def is_meant_to_change(strategy: StrategyName, name: str) -> bool:
    return {
        "decoder": name.startswith("mask_decoder."),
        "lora": ".lora_A." in name or ".lora_B." in name,
        "full": name not in {"pixel_mean", "pixel_std"} and "gaussian_matrix" not in name,
    }[strategy]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_training_changes_exactly_the_intended_tensors(
    miniature: Sam, tune: Callable[[Sam], None], strategy: StrategyName
) -> None:
    apply_strategy(miniature, RECIPE, strategy)
    before = {name: tensor.detach().clone() for name, tensor in tensors_of(miniature).items()}
    tune(miniature)
    after = tensors_of(miniature)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if is_meant_to_change(strategy, name)}
    assert changed == set(trained_tensors(miniature))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_leaves_the_answers_as_they_were(
    miniature: Sam, answer: Callable[[Sam], Tensor], strategy: StrategyName
) -> None:
    expected = answer(miniature)
    apply_strategy(miniature, RECIPE, strategy)
    assert torch.equal(answer(miniature), expected)


def test_adapters_stand_in_every_attention_of_the_encoder_and_every_linear_of_the_decoder() -> None:
    with torch.device("meta"):
        sam = build_architecture("vit_b")
    linears = {name for name, m in sam.named_modules() if isinstance(m, nn.Linear)}
    targets = {name for name in linears if re.fullmatch(LORA_TARGETS, name)}
    assert {name for name in linears if name.startswith("mask_decoder.")} <= targets
    assert sum(name.startswith("image_encoder.") for name in targets) == 2 * 12


def test_adapters_have_the_rank_of_the_recipe(miniature: Sam) -> None:
    apply_strategy(miniature, RECIPE, "lora")
    ranks = {t.shape[0] for name, t in trained_tensors(miniature).items() if ".lora_A." in name}
    assert ranks == {4}


def test_adapters_keep_the_mode_so_that_dropout_is_silent_in_evaluation(
    miniature: Sam, answer: Callable[[Sam], Tensor], tune: Callable[[Sam], None]
) -> None:
    apply_strategy(miniature, RECIPE.model_copy(update={"lora_dropout": 0.5}), "lora")
    tune(miniature)
    assert not any(module.training for module in miniature.modules())
    assert torch.equal(answer(miniature), answer(miniature))


def test_merged_adapters_answer_the_same_in_the_official_structure(
    miniature: Sam, answer: Callable[[Sam], Tensor], tune: Callable[[Sam], None]
) -> None:
    official = copy.deepcopy(miniature)
    apply_strategy(miniature, RECIPE, "lora")
    tune(miniature)
    tuned = answer(miniature)
    assert not torch.allclose(tuned, answer(official), atol=1e-3)
    merge_adapters(miniature)
    assert not has_adapters(miniature)
    assert list(miniature.state_dict()) == list(official.state_dict())
    assert [type(m) for m in miniature.modules()] == [type(m) for m in official.modules()]
    torch.testing.assert_close(answer(miniature), tuned, rtol=1e-4, atol=1e-5)


def test_merging_a_model_without_adapters_changes_nothing(miniature: Sam) -> None:
    before = copy.deepcopy(miniature.state_dict())
    merge_adapters(miniature)
    after = miniature.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_merged_model_can_be_given_new_adapters(miniature: Sam) -> None:
    for _ in range(2):
        apply_strategy(miniature, RECIPE, "lora")
        merge_adapters(miniature)
    apply_strategy(miniature, RECIPE, "lora")
    assert all(".lora_" in name for name in trained_tensors(miniature))


def test_adapters_that_are_taken_out_leave_the_model_as_it_was(miniature: Sam) -> None:
    before = tensors_of(miniature)
    values = {name: tensor.clone() for name, tensor in before.items()}
    apply_strategy(miniature, RECIPE, "lora")
    for tensor in trained_tensors(miniature).values():
        tensor.add_(1.0)
    remove_adapters(miniature)
    assert not has_adapters(miniature)
    after = tensors_of(miniature)
    assert list(after) == list(before)
    assert all(torch.equal(after[name], values[name]) for name in values)
