"""Gradients added up over the processes that train together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, distributed
from torch.nn import Parameter

from samdomains.processes import Processes

VALUES_AT_ONCE = 2**26
"""Values that are sent together, which is 256 MiB of memory for a copy in float32."""


def add_up_gradients(parameters: Iterable[Parameter], processes: Processes) -> None:
    """Replace each gradient, in place, by its sum over the processes.

    A parameter that no process used keeps no gradient, so that the optimiser leaves it alone as it
    would in one process; where only others used it, it gets theirs. That is why
    ``DistributedDataParallel`` is not used: a batch decides which parts of the prompt encoder it
    needs, and a process may have no share of a small batch at all.

    Args:
        parameters: All that are trained, in the same order in each process.
        processes: One alone does nothing.
    """
    if processes.count == 1:
        return
    trained = list(parameters)
    used = torch.tensor([p.grad is not None for p in trained], dtype=torch.int32)
    distributed.all_reduce(used)
    wanted = [p for p, count in zip(trained, used.tolist(), strict=True) if count]
    for parameter in wanted:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    for group in _groups([p.grad for p in wanted if p.grad is not None]):
        flat = torch.cat([gradient.reshape(-1) for gradient in group])
        distributed.all_reduce(flat)
        parts = torch.split(flat, [gradient.numel() for gradient in group])
        for gradient, part in zip(group, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


def added_up(number: float, processes: Processes) -> float:
    """The sum of a number over the processes."""
    if processes.count == 1:
        return number
    total = torch.tensor(number, dtype=torch.float64)
    distributed.all_reduce(total)
    return float(total)


def _groups(gradients: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Neighbours that are sent together."""
    group: list[Tensor] = []
    for gradient in gradients:
        if group and sum(g.numel() for g in group) + gradient.numel() > VALUES_AT_ONCE:
            yield group
            group = []
        group.append(gradient)
    if group:
        yield group
