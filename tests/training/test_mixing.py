from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from segment_anything.modeling import Sam

from samdomains.recipe import StrategyRecipe
from samdomains.sam.strategies import apply_strategy, merge_adapters, trained_tensors
from samdomains.training.mixing import mixed, share_to_trust
from samdomains.training.state import Progress


@given(share=st.floats(0, 1))
def test_a_mixture_lies_on_the_line_between_the_models(share: float) -> None:
    untuned, tuned = {"w": torch.tensor([0.0, 2.0])}, {"w": torch.tensor([1.0, -2.0])}
    expected = torch.tensor([share, 2 - 4 * share])
    torch.testing.assert_close(mixed(untuned, tuned, share)["w"], expected)


def test_mixing_adapters_mixes_the_weights_that_they_stand_for(miniature: Sam) -> None:
    apply_strategy(miniature, StrategyRecipe(lora_rank=2), "lora")
    own = trained_tensors(miniature)
    untuned = {name: tensor.clone() for name, tensor in own.items()}
    name = next(n for n in own if "lora_B" in n)
    with torch.no_grad():
        for tensor in own.values():
            tensor.add_(torch.randn_like(tensor, generator=None))
    tuned = {n: t.clone() for n, t in own.items()}
    half = mixed(untuned, tuned, 0.5)
    first, second = name.replace("lora_B", "lora_A"), name
    whole = tuned[second] @ tuned[first]
    torch.testing.assert_close(half[second] @ half[first], whole / 2)
    merge_adapters(miniature)


def test_nothing_is_shared_with_the_model(miniature: Sam) -> None:
    apply_strategy(miniature, StrategyRecipe(), "decoder")
    own = trained_tensors(miniature)
    untuned = {name: tensor.clone() for name, tensor in own.items()}
    for share in (0.0, 1.0):
        made = mixed(untuned, own, share)
        assert all(made[name].data_ptr() != own[name].data_ptr() for name in own)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_ends_of_the_line_are_the_models(share: float) -> None:
    untuned, tuned = {"w": torch.randn(5)}, {"w": torch.randn(5)}
    torch.testing.assert_close(
        mixed(untuned, tuned, share)["w"], (tuned if share else untuned)["w"]
    )


@pytest.mark.parametrize(
    ("best", "half", "quarter", "kept"),
    [
        ((0.6, 0.7), (0.7, 0.75), (0.7, 0.74), 0.5),
        ((0.6, 0.7), (0.5, 0.62), (0.4, 0.6), None),
        ((0.6, 0.7), (0.5, 0.72), (0.4, 0.6), 0.5),
        ((0.6, 0.7), (0.5, 0.62), (0.7, 0.8), 0.25),
    ],
)
def test_half_way_is_trusted_unless_another_is_clearly_better(
    best: tuple[float, float],
    half: tuple[float, float],
    quarter: tuple[float, float],
    kept: float | None,
) -> None:
    tried = {
        share: dict(zip("ab", cases, strict=True))
        for share, cases in ((0.5, half), (0.25, quarter))
    }
    progress = Progress(
        best_dice=sum(best) / 2,
        best_cases=dict(zip("ab", best, strict=True)),
        mixtures={share: sum(cases.values()) / 2 for share, cases in tried.items()},
    )
    assert share_to_trust(progress, tried) == kept
    assert share_to_trust(progress, {}) is None
