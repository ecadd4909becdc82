"""Loading the samples of an epoch, here or in worker processes, and the time that steps wait."""

from __future__ import annotations

import math
import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Literal

import torch
from torch.utils.data import DataLoader, Dataset

from samdomains.errors import SamDomainsError, TrainingError
from samdomains.training.dataset import Sample, ViewDataset

MEASURED_STEPS = 8
"""Steps that ``auto`` looks at, after the first, which warms up."""

WAITING_SHARE = 0.1
"""Share of these steps' time that must be waiting for data, else workers would gain little."""

WORTH_STARTING = 30.0
"""Seconds that the training must be going to wait, else workers do not earn the start of theirs."""

MOST_WORKERS = 8
"""Each has the libraries in memory and, of volumes and scenes, what it read last."""

SECONDS_TO_END = 2.0
"""A process whose sockets are closed is gone within them, also where the system is busy."""

BATCHES_AHEAD = 2
"""Batches that a worker has ready: torch's default."""

SHARED_MEMORY = Path("/dev/shm")
"""Through which images come from workers on Linux; in a Docker container it holds 64 MB."""

Keys = Sequence[tuple[int, int]]
"""A batch, or a process's share of it: view index and seed of each sample."""


class SampleLoader:
    """Loads the batches of one epoch after another; what they hold does not depend on workers.

    A context manager: workers stay from epoch to epoch and end with the block. They are spawned
    on every system, since a process with threads does not fork safely, and ignore Ctrl-C, which
    is for the process that trains.

    Args:
        dataset: Pickles, where there are workers.
        workers: Processes that load ahead; with 0 each batch is loaded when it is needed. ``auto``
            measures the first steps and starts workers where the training would wait for data
            longer than ``WORTH_STARTING`` and ``WAITING_SHARE``: as many as keep up with the
            steps, but no more than there are cores to spare, nor than fit ``SHARED_MEMORY``.
        steps: Batches of the whole training.
        device: That computes: a CUDA GPU copies from pinned memory meanwhile, and a CPU has no
            cores to spare for workers but those beyond torch's threads.

    Attributes:
        waited: Seconds in which a step could not begin, since its batch was not there.
        workers: Processes that load ahead; None while ``auto`` measures.
    """

    def __init__(
        self,
        dataset: ViewDataset,
        workers: int | Literal["auto"],
        *,
        steps: int,
        device: torch.device,
    ) -> None:
        self.waited = 0.0
        self._dataset, self._batches = _ErrorsAsValues(dataset), _Batches()
        self.workers = None if workers == "auto" else workers
        self._steps, self._device = steps, device
        self._measured: list[tuple[float, float, int]] = []
        self._loader: DataLoader[Sample | SamDomainsError] | None = None
        self._processes: Sequence[BaseProcess] = ()

    def __enter__(self) -> SampleLoader:
        """Workers are started when the first batch is asked for."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the workers.

        Raises:
            TrainingError: One had ended before; torch tells it wherever the block is then.
        """
        self._loader, self._processes = None, ()
        if isinstance(error, RuntimeError) and "DataLoader worker" in str(error):
            raise _worker_ended(error) from error

    def epoch(self, batches: Iterable[Keys]) -> Iterator[list[Sample]]:
        """The samples of each batch.

        Raises:
            SamDomainsError: An image cannot be read; as the reader raised it.
        """
        left = list(batches)
        while left:
            count = len(left) if self.workers is not None else self._steps_to_measure
            yield from self._load(left[:count])
            left = left[count:]
            if self.workers is None and self._steps_to_measure == 0:
                self.workers = self._worth_starting()

    @property
    def _steps_to_measure(self) -> int:
        return 1 + MEASURED_STEPS - len(self._measured)

    def _worth_starting(self) -> int:
        waited, worked, sizes = zip(*self._measured[1:], strict=True)
        left = self._steps - len(self._measured)
        useful = workers_for(sum(waited), sum(worked), left / MEASURED_STEPS, max(sizes))
        return min(useful, _spare_cores(self._device))

    def _load(self, batches: Sequence[Keys]) -> Iterator[list[Sample]]:
        asked = time.monotonic()
        for loaded in self._loaded(batches):
            samples, begun = _sound(loaded), time.monotonic()
            self.waited += begun - asked
            yield samples
            if self.workers is None:
                worked, size = time.monotonic() - begun, sum(_image_bytes(s) for s in samples)
                self._measured.append((begun - asked, worked, size))
            asked = time.monotonic()

    def _loaded(self, batches: Sequence[Keys]) -> Iterator[list[Sample | SamDomainsError]]:
        try:
            yield from self._start(batches)
        except (ConnectionError, EOFError) as error:  # its sockets close before torch is told
            if not _any_ended(self._processes):
                raise
            raise _worker_ended(error) from error

    def _start(self, batches: Sequence[Keys]) -> Iterator[list[Sample | SamDomainsError]]:
        workers, self._batches.now = self.workers or 0, batches
        if self._loader is None or self._loader.num_workers != workers:
            self._loader = DataLoader(
                self._dataset,
                batch_sampler=self._batches,
                collate_fn=list,
                num_workers=workers,
                prefetch_factor=BATCHES_AHEAD if workers else None,
                multiprocessing_context="spawn" if workers else None,
                persistent_workers=workers > 0,
                pin_memory=self._device.type == "cuda",
                generator=torch.Generator(),  # else it draws from the one that dropout uses
            )
            others = multiprocessing.active_children()
            with _interrupts_held():
                started = iter(self._loader)
            self._processes = [p for p in multiprocessing.active_children() if p not in others]
            return started
        return iter(self._loader)


def workers_for(waited: float, worked: float, repetitions: float, batch_bytes: int) -> int:
    """How many workers ``auto`` starts where there are cores to spare.

    Args:
        waited: Seconds in which some steps waited for data, loaded by nobody else.
        worked: Seconds in which they computed.
        repetitions: How often as many steps will follow.
        batch_bytes: Bytes of a batch's images.

    Example:
        >>> workers_for(waited=0.1, worked=10.0, repetitions=1000, batch_bytes=0)
        0
    """
    if waited < WAITING_SHARE * (waited + worked) or waited * repetitions < WORTH_STARTING:
        return 0
    keeping_up = math.ceil(waited / worked) + 1
    fitting = _free_shared_memory() // max(1, (BATCHES_AHEAD + 1) * batch_bytes)
    return min(keeping_up, MOST_WORKERS, fitting)


class _Batches:
    """The batches that are loaded now, for a loader that stays."""

    def __init__(self) -> None:
        self.now: Sequence[Keys] = ()

    def __len__(self) -> int:
        return len(self.now)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return (list(keys) for keys in self.now)


class _ErrorsAsValues(Dataset["Sample | SamDomainsError"]):
    """The samples, or why there is none: torch brings what a worker raises as text only."""

    def __init__(self, dataset: ViewDataset) -> None:
        self._dataset = dataset

    def __getitem__(self, key: tuple[int, int]) -> Sample | SamDomainsError:
        try:
            return self._dataset[key]
        except SamDomainsError as error:
            return error


def _sound(samples: Sequence[Sample | SamDomainsError]) -> list[Sample]:
    """The samples, none of which is an error."""
    sound: list[Sample] = []
    for sample in samples:
        if isinstance(sample, SamDomainsError):
            raise sample
        sound.append(sample)
    return sound


def _any_ended(processes: Sequence[BaseProcess]) -> bool:
    """Whether one has, or does within ``SECONDS_TO_END``; torch's own word of it is taken here."""
    with suppress(RuntimeError):  # which torch raises at any line of the main thread
        for process in processes:
            if wait([process.sentinel], SECONDS_TO_END / len(processes)):
                process.join()
    return any(not process.is_alive() for process in processes)


def _worker_ended(error: Exception) -> TrainingError:
    return TrainingError(
        f"a process that loads images ended ({str(error).rstrip('. ') or type(error).__name__}). "
        "Set training.workers to fewer or to 0 and go on with --resume; in a Python script of "
        "your own, call run under `if __name__ == '__main__':`"
    )


def _image_bytes(sample: Sample) -> int:
    return 0 if sample.image is None else sample.image.nbytes


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Within the block Ctrl-C waits; processes that are started in it never get it."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    resource_tracker.ensure_running()  # multiprocessing's own helper, whose start ends a mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _spare_cores(device: torch.device) -> int:
    """Cores that this process may use, less those on which it computes.

    A CPU's step waits for the slowest of its threads: one that shares its core holds up all.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(0, (cores or 1) - (torch.get_num_threads() if device.type == "cpu" else 1))


def _free_shared_memory() -> int:
    """Bytes; without bound where the system has no folder for it."""
    return shutil.disk_usage(SHARED_MEMORY).free if SHARED_MEMORY.is_dir() else sys.maxsize
