"""What training takes of a device's memory: its peak while something runs, and giving it back."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import torch
from accelerate.utils.memory import should_reduce_batch_size

SAMPLING_SECONDS = 0.001
"""Between two looks at the memory in use. On vit_b and tiny the peaks seen at this interval were
those that the kernel of Linux counts (VmHWM), to 0.2 percent."""


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that the device's memory did not suffice."""
    return (
        isinstance(error, MemoryError)
        or bool(should_reduce_batch_size(error))
        or "MPS backend out of memory" in str(error)
    )


def used_memory(device: torch.device) -> int:
    """Bytes in use: of tensors on a CUDA GPU, else of the process (CPU) or its driver (MPS)."""
    if device.type == "cuda":
        return int(torch.cuda.memory_allocated(device))
    if device.type == "mps":
        return int(torch.mps.driver_allocated_memory())
    return int(psutil.Process().memory_info().rss)


def release_memory(device: torch.device) -> None:
    """Give back what is held without need: unreachable objects, and pages kept for later."""
    gc.collect()
    if device.type in ("cuda", "mps"):
        torch.get_device_module(device).empty_cache()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc; musl has none
        if trim is not None:
            trim(0)


@dataclass(slots=True)
class Peak:
    """The most memory that was in use in a block.

    Attributes:
        bytes: As ``used_memory`` counts; complete when the block has ended.
    """

    bytes: int = 0


@contextmanager
def peak_memory(device: torch.device) -> Iterator[Peak]:
    """Watch a block's memory: exactly on a CUDA GPU, else by looking at it all the time."""
    peak = Peak()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield peak
        peak.bytes = int(torch.cuda.max_memory_allocated(device))
        return
    with _sampled(lambda: used_memory(device), peak):
        yield peak


@contextmanager
def _sampled(read: Callable[[], int], peak: Peak) -> Iterator[None]:
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(SAMPLING_SECONDS):
            peak.bytes = max(peak.bytes, read())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        peak.bytes = max(peak.bytes, read())


@contextmanager
def at_most(device: torch.device, free: int) -> Iterator[None]:
    """Let allocations beyond ``free`` bytes fail, where the system would kill the process instead.

    Linux promises a process more memory than there is and kills it when it takes it. A limit of
    its address space makes torch raise an error in time. Elsewhere nothing is limited.
    """
    if device.type != "cpu" or sys.platform != "linux":
        yield
        return
    import resource  # noqa: PLC0415 (only Unix has it)

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = int(psutil.Process().memory_info().vms) + free
    if soft != resource.RLIM_INFINITY:
        limit = min(limit, soft)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
