from __future__ import annotations

import sys

import pytest
import torch

from samdomains.training.memory import (
    at_most,
    is_out_of_memory,
    peak_memory,
    release_memory,
    used_memory,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("[..] DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (MemoryError(), True),
        (RuntimeError("shapes do not match"), False),
    ],
)
def test_errors_of_memory_are_told_from_others(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) == expected


def test_the_peak_counts_what_is_freed_again() -> None:
    release_memory(CPU)
    before = used_memory(CPU)
    with peak_memory(CPU) as peak:
        block = torch.ones(16, 2**20)
        del block
    assert 60e6 < peak.bytes - before < 90e6


def test_a_gpus_own_count_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: 7)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 5)
    with peak_memory(torch.device("cuda")) as peak:
        pass
    assert (used_memory(torch.device("cuda")), peak.bytes) == (5, 7)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems are not limited")
def test_what_would_go_beyond_the_free_memory_fails_instead_of_ending_the_process() -> None:
    with at_most(CPU, 2**30), pytest.raises(RuntimeError) as caught:
        torch.empty(2**31, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
    assert torch.empty(2**31, dtype=torch.uint8).numel() == 2**31
