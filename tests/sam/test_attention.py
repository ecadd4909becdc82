from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from segment_anything.modeling.image_encoder import Attention
from torch import Tensor

from samdomains.sam import attention
from samdomains.sam.attention import attend, attend_tiled, attend_widened, position_terms

Kernel = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
KERNELS = (attend_tiled, attend_widened)


def random_attention(height: int, width: int, heads: int = 2, table: int = 0) -> Attention:
    """The package's module with non-zero tables, of another length where ``table`` says."""
    torch.manual_seed(height * 100 + width)
    size = (table or height, table or width)
    module = Attention(8 * heads, heads, use_rel_pos=True, input_size=size)
    torch.nn.init.normal_(module.rel_pos_h)
    torch.nn.init.normal_(module.rel_pos_w)
    return module


def ours(module: Attention, tokens: Tensor, kernel: Kernel) -> Tensor:
    batch, height, width, channels = tokens.shape
    qkv = module.qkv(tokens).view(batch, height * width, 3, module.num_heads, -1)
    queries, keys, values = qkv.permute(2, 0, 3, 1, 4)
    terms = position_terms(queries, module.rel_pos_h, module.rel_pos_w, height, width)
    out = kernel(queries, keys, values, *terms)
    answer: Tensor = module.proj(out.transpose(1, 2).reshape(batch, height, width, channels))
    return answer


def relative_error(got: Tensor, expected: Tensor) -> float:
    return float(((got - expected).norm() / expected.norm()).detach())


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.integers(1, 600))
def test_answers_and_gradients_are_those_of_the_package(
    kernel: Kernel, batch: int, height: int, width: int, tile: int
) -> None:
    module = random_attention(height, width)
    tokens = torch.randn(batch, height, width, 16, requires_grad=True)
    inputs = [tokens, *module.parameters()]
    expected = module(tokens)
    weights = torch.randn_like(expected)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "TILE", tile)
        got = ours(module, tokens, kernel)
        gradients = torch.autograd.grad((got * weights).sum(), inputs)
    assert relative_error(got, expected) < 1e-5
    reference = torch.autograd.grad((expected * weights).sum(), inputs)
    for gradient, other in zip(gradients, reference, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradients_are_exact_in_double_precision(kernel: Kernel) -> None:
    torch.manual_seed(0)
    shapes = [(2, 2, 6, 4)] * 3 + [(2, 2, 6, 2), (2, 2, 6, 3)]
    inputs = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "TILE", 18)
        assert torch.autograd.gradcheck(kernel, inputs)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_table_of_another_size_is_interpolated_as_in_the_package(kernel: Kernel) -> None:
    module = random_attention(6, 6, table=4)
    tokens = torch.randn(1, 6, 6, 16)
    assert relative_error(ours(module, tokens, kernel), module(tokens)) < 1e-5


def test_the_backward_pass_keeps_no_matrix_of_scores() -> None:
    queries = torch.randn(1, 2, 256, 8, requires_grad=True)
    terms = torch.randn(1, 2, 256, 16)
    kept: list[int] = []

    def note(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        attend(queries, queries, queries, terms, terms)
    assert kept
    assert max(kept) <= 256 * 16 * 2
