from __future__ import annotations

import pytest
import torch
from segment_anything.modeling import Sam, TwoWayTransformer
from torch import Tensor

from samdomains.recipe import StrategyRecipe
from samdomains.sam.strategies import apply_strategy
from samdomains.sam.two_way import two_way


def official(
    transformer: TwoWayTransformer, image: Tensor, position: Tensor, tokens: Tensor
) -> tuple[Tensor, Tensor]:
    side = round(image.shape[1] ** 0.5)
    squares = [t.transpose(1, 2).reshape(len(t), -1, side, side) for t in (image, position)]
    answer: tuple[Tensor, Tensor] = transformer(*squares, tokens)
    return answer


@pytest.mark.parametrize("count", [1, 7, 30])
def test_answers_and_all_gradients_are_those_of_the_official_transformer(count: int) -> None:
    torch.manual_seed(count)
    transformer = TwoWayTransformer(2, 32, 4, 48).double()
    image = torch.randn(3, 25, 32, dtype=torch.float64, requires_grad=True)
    tokens = torch.randn(3, count, 32, dtype=torch.float64, requires_grad=True)
    position = torch.randn(1, 25, 32, dtype=torch.float64)
    weights = [torch.randn_like(tokens), torch.randn_like(image)]
    differentiated = [image, tokens, *transformer.parameters()]
    results = []
    for forward, place in ((two_way, position), (official, position.expand_as(image))):
        answers = forward(transformer, image, place, tokens)
        total = torch.stack([(a * w).sum() for a, w in zip(answers, weights, strict=True)]).sum()
        results.append((answers, torch.autograd.grad(total, differentiated)))
    (ours, our_gradients), (theirs, their_gradients) = results
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(our_gradients, their_gradients, rtol=1e-9, atol=1e-9)


def test_adapters_in_its_layers_count(miniature: Sam) -> None:
    apply_strategy(miniature, StrategyRecipe(lora_rank=2), "lora")
    transformer = miniature.mask_decoder.transformer.double()
    for name, parameter in transformer.named_parameters():
        if "lora_B" in name:  # zero at first, which would adapt nothing
            torch.nn.init.normal_(parameter)
    image, tokens = torch.randn(2, 16, 32).double(), torch.randn(2, 6, 32).double()
    position = torch.randn(1, 16, 32).double()
    ours = two_way(transformer, image, position, tokens)
    theirs = official(transformer, image, position.expand_as(image), tokens)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
