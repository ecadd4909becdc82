from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from segment_anything.modeling import ImageEncoderViT, Sam
from torch import Tensor

from samdomains.recipe import StrategyRecipe
from samdomains.sam.encoder import ImageEncoder
from samdomains.sam.strategies import apply_strategy


def encoders(side: int, window: int) -> tuple[ImageEncoder, ImageEncoderViT]:
    """Ours and the package's, with the same random weights and non-zero tables of positions."""
    torch.manual_seed(0)
    shape = {
        "img_size": 4 * side,
        "patch_size": 4,
        "embed_dim": 16,
        "depth": 3,
        "num_heads": 2,
        "out_chans": 8,
        "use_rel_pos": True,
        "window_size": window,
        "global_attn_indexes": (1,),
    }
    package = ImageEncoderViT(**shape)
    for parameter in package.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    ours = ImageEncoder(**shape)
    ours.load_state_dict(package.state_dict())
    return ours, package


def relative_error(got: Tensor, expected: Tensor) -> float:
    return float(((got - expected).norm() / expected.norm()).detach())


@pytest.mark.parametrize(("side", "window"), [(8, 4), (8, 3), (10, 7), (64, 14)])
def test_answers_are_those_of_the_package(side: int, window: int) -> None:
    ours, package = encoders(side, window)
    images = torch.randn(2, 3, 4 * side, 4 * side)
    expected = package(images)
    assert relative_error(ours(images), expected) < 1e-5
    with torch.inference_mode():
        assert relative_error(ours(images), expected) < 1e-5


@pytest.mark.parametrize(("side", "window"), [(8, 4), (8, 3), (10, 7)])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_gradients_are_those_of_the_package(side: int, window: int, checkpointing: bool) -> None:
    ours, package = encoders(side, window)
    ours.checkpointing = checkpointing
    images = torch.randn(2, 3, 4 * side, 4 * side)
    for encoder in (ours, package):
        encoder(images).sin().sum().backward()
    for (name, parameter), other in zip(ours.named_parameters(), package.parameters(), strict=True):
        assert relative_error(parameter.grad, other.grad) < 1e-5, name


@pytest.mark.parametrize("grad", [False, True])
def test_mixed_precision_answers_nearly_the_same(grad: bool) -> None:
    encoder, package = encoders(8, 3)
    images = torch.randn(2, 3, 32, 32)
    with torch.set_grad_enabled(grad):
        expected = package(images)
        with torch.autocast("cpu", torch.bfloat16):
            got, theirs = encoder(images), package(images)
    assert relative_error(got, expected) < 2 * relative_error(theirs, expected)
    if grad:
        got.float().square().sum().backward()
        assert all(torch.isfinite(p.grad).all() for p in encoder.parameters())


def test_checkpointing_changes_no_bit_of_a_gradient() -> None:
    encoder, _ = encoders(8, 3)
    images, gradients = torch.randn(2, 3, 32, 32), []
    for checkpointing in (False, True):
        encoder.zero_grad()
        encoder.checkpointing = checkpointing
        encoder(images).sin().sum().backward()
        gradients.append([p.grad.clone() for p in encoder.parameters()])
    assert all(map(torch.equal, *gradients))


def test_checkpointing_keeps_less_for_the_backward_pass() -> None:
    encoder, _ = encoders(8, 3)
    kept = {}
    for encoder.checkpointing in (False, True):
        sizes: list[int] = []
        hooks = torch.autograd.graph.saved_tensors_hooks
        with hooks(lambda t, s=sizes: s.append(t.numel()) or t, lambda t: t):  # type: ignore[misc]
            encoder(torch.randn(1, 3, 32, 32))
        kept[encoder.checkpointing] = sum(sizes)
    assert kept[True] < kept[False] / 3


def test_adapters_learn_the_same_with_and_without_checkpointing(
    miniature: Sam, tune: Callable[[Sam], None], answer: Callable[[Sam], Tensor]
) -> None:
    torch.manual_seed(0)
    apply_strategy(miniature, StrategyRecipe(lora_rank=2), "lora")
    other = copy.deepcopy(miniature)
    other.image_encoder.checkpointing = True
    tune(miniature)
    tune(other)
    assert torch.equal(answer(miniature), answer(other))


def test_the_encoder_compiles_to_one_graph() -> None:
    encoder, _ = encoders(8, 3)
    images = torch.randn(1, 3, 32, 32)
    compiled = torch.compile(encoder, backend="eager", fullgraph=True)
    with torch.no_grad():
        assert relative_error(compiled(images), encoder(images)) < 1e-5
    compiled(images).sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())
