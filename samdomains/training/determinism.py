"""Sums in one order and the state of random numbers, so that a computation comes out the same."""

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
        # Else every new tensor is filled first.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warn_only)


def random_state(device: torch.device) -> dict[str, torch.Tensor]:
    """The state of torch's generators: of the CPU, and of the device that computes."""
    state = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        state[device.type] = torch.get_device_module(device).get_rng_state()
    return state


def restore_random_state(state: dict[str, torch.Tensor], device: torch.device) -> None:
    """Put torch's generators back where ``random_state`` found them."""
    torch.set_rng_state(state["cpu"])
    if device.type != "cpu":
        torch.get_device_module(device).set_rng_state(state[device.type])
