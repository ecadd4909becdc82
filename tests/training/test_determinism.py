from __future__ import annotations

import torch
from torch import Tensor

from samdomains.training.determinism import (
    deterministic_on_cpu,
    random_state,
    restore_random_state,
)


def gradient_of_indexing() -> Tensor:
    """Of a table whose two rows are read 20,000 times each, in turns."""
    generator = torch.Generator().manual_seed(0)
    table = torch.zeros(2, 8, requires_grad=True)
    read = table[torch.arange(40_000) % 2]
    (gradient,) = torch.autograd.grad(read, table, torch.randn(read.shape, generator=generator))
    return gradient


def test_the_gradient_of_indexing_has_the_same_bits_each_time() -> None:
    with deterministic_on_cpu(torch.device("cpu")):
        first = gradient_of_indexing()
        assert all(torch.equal(gradient_of_indexing(), first) for _ in range(20))


def test_it_ends_with_the_block_and_leaves_gpus_alone() -> None:
    before = torch.are_deterministic_algorithms_enabled()
    with deterministic_on_cpu(torch.device("cpu")):
        assert torch.are_deterministic_algorithms_enabled()
    assert torch.are_deterministic_algorithms_enabled() == before
    with deterministic_on_cpu(torch.device("cuda")):
        assert torch.are_deterministic_algorithms_enabled() == before


def test_the_random_state_brings_the_same_numbers_again() -> None:
    device = torch.device("cpu")
    kept = random_state(device)
    first = torch.rand(3)
    restore_random_state(kept, device)
    assert torch.equal(torch.rand(3), first)
