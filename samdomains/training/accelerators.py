"""Accelerate's entry: device, precision and processes."""

from __future__ import annotations

from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState


def fresh_accelerator(precision: str, *, find_unused_parameters: bool = False) -> Accelerator:
    """An accelerator of its own precision.

    Accelerate keeps the precision of a process's first one, whatever later ones ask for.

    Args:
        precision: ``no`` (float32), ``fp16`` or ``bf16``.
        find_unused_parameters: Whether steps leave parameters without a gradient, which several
            processes must look for.
    """
    AcceleratorState._reset_state()
    processes = DistributedDataParallelKwargs(find_unused_parameters=find_unused_parameters)
    return Accelerator(mixed_precision=precision, kwargs_handlers=[processes])
