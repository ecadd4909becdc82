"""Sums in one order, so that a run ends with the same bits however often it is resumed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def deterministic_on_cpu(device: torch.device) -> Iterator[None]:
    """Within the block, a CPU computes the same bits from the same numbers.

    Otherwise the threads add up the gradient of an indexed tensor, of SAM's relative positions for
    one, in the order in which they come. GPUs are left alone: there it would cost time, and
    cuBLAS needs a setting before the process starts.

    Args:
        device: The one that computes.
    """
    if device.type != "cpu":
        yield
        return
    enabled = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        torch.use_deterministic_algorithms(True, warn_only=True)
        yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
