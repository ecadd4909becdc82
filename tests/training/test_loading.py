from __future__ import annotations

import multiprocessing
import os
import signal
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage

from samdomains.chain import select_domain
from samdomains.data.folders import load_folder
from samdomains.errors import DataError, TrainingError
from samdomains.recipe import AugmentationRecipe, DataRecipe, ModelRecipe, Recipe
from samdomains.sam.frame import Frame
from samdomains.training.batches import EpochBatches
from samdomains.training.dataset import Sample, ViewDataset, list_views
from samdomains.training.loading import MEASURED_STEPS, SampleLoader, workers_for
from samdomains.types import Case, CaseStatistics, Image, RawImage

from .conftest import to_unit_range

WHOLE = ModelRecipe(zoom=None)
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Unreadable:
    """A reader of a damaged file."""

    def __call__(self) -> RawImage:
        raise DataError(Path("a.png"), "it is damaged", "Copy it again.")


@dataclass(frozen=True)
class Slow:
    """A reader that takes its time."""

    case: Case

    def __call__(self) -> RawImage:
        time.sleep(0.03)
        return self.case.read_pixels()


def dataset_of(cases: list[Case]) -> ViewDataset:
    return ViewDataset(
        cases,
        list_views(cases, WHOLE, 4),
        to_unit_range,
        partial(Frame, side=64, mask_side=32),
        objects_per_image=2,
        augmentation=AugmentationRecipe(),
    )


def batches(dataset: ViewDataset, epoch: int = 0) -> EpochBatches:
    return EpochBatches(dataset.views, 2, seed=0, epoch=epoch)


def truth(case: Case) -> NDArray[np.uint8]:
    objects = case.read_objects() if case.read_objects else ()
    inside = np.any([item.mask() for item in objects], axis=0)
    return np.asarray(255 * inside, dtype=np.uint8)


def contents(samples: Iterator[list[Sample]]) -> list[tuple[int, int, bytes, bytes]]:
    return [
        (s.index, s.seed, np.asarray(s.image).tobytes(), np.stack(s.masks).tobytes())
        for batch in samples
        for s in batch
    ]


def test_batches_hold_their_keys_and_loading_draws_no_random_number(cases: list[Case]) -> None:
    dataset, before = dataset_of(cases), torch.get_rng_state()
    with SampleLoader(dataset, 0, steps=3, device=CPU) as loader:
        loaded = list(loader.epoch(batches(dataset)))
    assert [[(s.index, s.seed) for s in batch] for batch in loaded] == list(batches(dataset))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_worker_loads_the_same_until_its_end_is_told(cases: list[Case], tmp_path: Path) -> None:
    for case in cases:  # what lies in files travels to workers, what a test defines does not
        for folder, pixels in (("images", case.read_pixels()[0]), ("masks", truth(case))):
            (tmp_path / folder).mkdir(exist_ok=True)
            PillowImage.fromarray(pixels).save(tmp_path / folder / f"{case.id}.png")
    dataset = dataset_of(list(load_folder(tmp_path, DataRecipe())))
    dataset.normalizer = select_domain("images").normalize_intensity(Recipe())
    plain = SampleLoader(dataset, 0, steps=9, device=CPU)
    with (  # noqa: PT012 (torch may tell it wherever the block is then)
        pytest.raises(TrainingError, match="a process that loads images ended"),
        SampleLoader(dataset, 1, steps=9, device=CPU) as loader,
    ):
        for epoch in range(2):
            here, there = (one.epoch(batches(dataset, epoch)) for one in (plain, loader))
            assert contents(here) == contents(there)
            (worker,) = multiprocessing.active_children()
            os.kill(worker.pid or 0, signal.SIGINT)  # as Ctrl-C in a terminal does
        (tmp_path / "images" / f"{cases[0].id}.png").write_bytes(b"no image")
        with pytest.raises(DataError, match="not an image of a known format"):
            list(loader.epoch(batches(dataset, 2)))
        worker.kill()
        list(loader.epoch(batches(dataset, 3)))


@pytest.mark.parametrize("error", [ConnectionResetError("reset by peer"), EOFError()])
def test_a_worker_whose_socket_closes_before_torch_is_told_has_ended(
    cases: list[Case], error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(_: object) -> Iterator[list[Sample]]:
        sleeper.kill()
        raise error

    sleeper = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    loader = SampleLoader(dataset_of(cases), 1, steps=9, device=CPU)
    monkeypatch.setattr(loader, "_start", ends)
    loader._processes = [sleeper]
    sleeper.start()
    with pytest.raises(TrainingError, match="a process that loads images ended"), loader:
        list(loader.epoch(batches(dataset_of(cases))))
    assert sleeper.exitcode == -signal.SIGKILL


def test_an_unreadable_image_is_the_same_error_without_workers(cases: list[Case]) -> None:
    dataset = dataset_of([replace(cases[0], read_pixels=Unreadable())])
    with (
        SampleLoader(dataset, 0, steps=1, device=CPU) as loader,
        pytest.raises(DataError, match="it is damaged"),
    ):
        list(loader.epoch(batches(dataset)))


def test_the_time_that_steps_wait_is_counted_and_that_of_steps_is_not(cases: list[Case]) -> None:
    dataset = dataset_of([replace(case, read_pixels=Slow(case)) for case in cases])
    with SampleLoader(dataset, "auto", steps=3, device=CPU) as loader:
        for _ in loader.epoch(batches(dataset)):
            time.sleep(0.25)
        assert 0.18 <= loader.waited < 0.7


def test_auto_measures_the_first_steps_once_however_short_the_epochs(cases: list[Case]) -> None:
    dataset = dataset_of(cases)
    with SampleLoader(dataset, "auto", steps=30, device=CPU) as loader:
        shown = [len(contents(loader.epoch(batches(dataset, epoch)))) for epoch in range(10)]
        assert shown == [6] * 10
        assert len(loader._measured) == MEASURED_STEPS + 1


def test_auto_starts_workers_where_they_save_time() -> None:
    chosen = partial(workers_for, batch_bytes=0)
    assert chosen(waited=0.5, worked=10.0, repetitions=1000) == 0
    assert chosen(waited=5.0, worked=10.0, repetitions=5) == 0
    assert chosen(waited=5.0, worked=10.0, repetitions=10) == 2
    assert chosen(waited=25.0, worked=10.0, repetitions=10) == 4
    assert chosen(waited=1000.0, worked=1.0, repetitions=10) == 8


def test_auto_starts_no_more_workers_than_fit_the_shared_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("samdomains.training.loading._free_shared_memory", lambda: 64 * 2**20)
    chosen = [workers_for(25.0, 10.0, 10, batch_bytes=mib * 2**20) for mib in (0, 1, 8, 48)]
    assert chosen == [4, 4, 2, 0]


def test_auto_leaves_a_cpu_that_computes_on_all_cores_alone(
    cases: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1024)
    dataset = dataset_of([replace(case, read_pixels=Slow(case)) for case in cases])
    with SampleLoader(dataset, "auto", steps=10**6, device=CPU) as loader:
        for epoch in range(4):
            assert len(contents(loader.epoch(batches(dataset, epoch)))) == 6
    assert loader.workers == 0


def test_no_image_is_kept_after_an_epoch(cases: list[Case]) -> None:
    read: list[weakref.ref[RawImage]] = []

    def normalizer(pixels: RawImage, statistics: CaseStatistics) -> Image:
        image = to_unit_range(pixels, statistics)
        read.append(weakref.ref(image))
        return image

    dataset = dataset_of(cases)
    dataset.normalizer = normalizer
    with SampleLoader(dataset, 0, steps=3, device=CPU) as loader:
        for _ in loader.epoch(batches(dataset)):
            pass
    assert len(read) == 6
    assert sum(image() is not None for image in read) <= 1
