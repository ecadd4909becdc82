"""Loading the samples of an epoch, here or in worker processes, and the time that steps wait."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
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

Keys = list[tuple[int, int]]
"""A batch: view index and seed of each sample."""


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
            steps, a core less than there are at most.
        steps: Batches of the whole training.
        pin: Whether samples are put where a CUDA GPU copies from while it computes.

    Attributes:
        waited: Seconds in which a step could not begin, since its batch was not there.
    """

    def __init__(
        self, dataset: ViewDataset, workers: int | Literal["auto"], *, steps: int, pin: bool
    ) -> None:
        self.waited = 0.0
        self._dataset, self._batches = _Careful(dataset), _Batches()
        self._workers = None if workers == "auto" else workers
        self._steps, self._pin = steps, pin
        self._times: list[tuple[float, float]] = []
        self._loader: DataLoader[Sample | SamDomainsError] | None = None

    def __enter__(self) -> SampleLoader:
        """Workers are started when the first batch is asked for."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers."""
        self._loader = None

    def epoch(self, batches: Iterable[Keys]) -> Iterator[list[Sample]]:
        """The samples of each batch.

        Raises:
            SamDomainsError: An image cannot be read; as the reader raised it.
            TrainingError: A worker ended.
        """
        keys, done = list(batches), 0
        while done < len(keys):
            end = len(keys)
            if self._workers is None:
                end = min(end, done + MEASURED_STEPS + 1 - len(self._times))
            yield from self._timed(keys[done:end])
            done = end
            if self._workers is None and len(self._times) > MEASURED_STEPS:
                waited, worked = map(sum, zip(*self._times[1:], strict=True))
                left = self._steps - len(self._times)
                self._workers = workers_for(waited, worked, left / MEASURED_STEPS)
                self._loader = None

    def _timed(self, batches: Sequence[Keys]) -> Iterator[list[Sample]]:
        self._batches.now = batches
        loaded = None
        for _ in batches:
            started = time.monotonic()
            with _deaths_told():
                if loaded is None:
                    loaded = self._start()
                samples = _sound(next(loaded))
            begun = time.monotonic()
            self.waited += begun - started
            yield samples
            if self._workers is None:
                self._times.append((begun - started, time.monotonic() - begun))

    def _start(self) -> Iterator[list[Sample | SamDomainsError]]:
        workers = self._workers or 0
        if self._loader is None:
            self._loader = DataLoader(
                self._dataset,
                batch_sampler=self._batches,
                collate_fn=list,
                num_workers=workers,
                multiprocessing_context="spawn" if workers else None,
                persistent_workers=workers > 0,
                pin_memory=self._pin,
                generator=torch.Generator(),  # else it draws from the one that dropout uses
            )
        with _interrupts_held():
            return iter(self._loader)


def workers_for(waited: float, worked: float, repetitions: float) -> int:
    """How many workers ``auto`` starts.

    Args:
        waited: Seconds in which some steps waited for data, loaded by nobody else.
        worked: Seconds in which they computed.
        repetitions: How often as many steps will follow.

    Example:
        >>> workers_for(waited=0.1, worked=10.0, repetitions=1000)
        0
    """
    if waited < WAITING_SHARE * (waited + worked) or waited * repetitions < WORTH_STARTING:
        return 0
    keeping_up = math.ceil(waited / worked) + 1
    return min(keeping_up, MOST_WORKERS, _cores() - 1)


class _Batches:
    """The batches that are loaded now, for a loader that stays."""

    def __init__(self) -> None:
        self.now: Sequence[Keys] = ()

    def __len__(self) -> int:
        return len(self.now)

    def __iter__(self) -> Iterator[Keys]:
        return iter(self.now)


class _Careful(Dataset["Sample | SamDomainsError"]):
    """Gives an error as a value: torch brings those of workers as text only."""

    def __init__(self, dataset: ViewDataset) -> None:
        self._dataset = dataset

    def __getitem__(self, key: tuple[int, int]) -> Sample | SamDomainsError:
        try:
            return self._dataset[key]
        except SamDomainsError as error:
            return error


@contextmanager
def _deaths_told() -> Iterator[None]:
    """Say what to do when a worker ended, by itself or killed."""
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise TrainingError(
            f"a process that loads images ended ({str(error).rstrip('. ')}). Set "
            "training.workers to fewer or to 0; in a Python script of your own, call run under "
            "`if __name__ == '__main__':`"
        ) from error


def _sound(samples: Sequence[Sample | SamDomainsError]) -> list[Sample]:
    """The samples, none of which is an error."""
    sound: list[Sample] = []
    for sample in samples:
        if isinstance(sample, SamDomainsError):
            raise sample
        sound.append(sample)
    return sound


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Within the block Ctrl-C waits; processes that are started in it never get it."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
