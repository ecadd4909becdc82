from __future__ import annotations

import pickle
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from samdomains.data import recent
from samdomains.data.parts import in_parts, normalized_image, statistics_of
from samdomains.data.volumes import volume_array, volume_pixels
from samdomains.errors import DataError, RecipeError
from samdomains.types import Case, CaseStatistics, ObjectMask, RawVolume

reads: list[int] = []


@dataclass(frozen=True)
class Pixels:
    seed: int
    depth: int = 12

    def __call__(self) -> RawVolume:
        reads.append(self.seed)
        return np.random.default_rng(self.seed).integers(0, 99, (1, self.depth, 6, 5))


@dataclass(frozen=True)
class Objects:
    seed: int

    def __call__(self) -> tuple[ObjectMask, ...]:
        mask = np.ones((2, 2), dtype=bool)
        return tuple(ObjectMask(mask, (1, 1), (6, 5), slice_index=z, instance=4) for z in (2, 3))


def volume(seed: int, depth: int = 12) -> Case:
    return Case(
        id=f"scan{seed}",
        group="patient",
        read_pixels=Pixels(seed),
        read_objects=Objects(seed),
        classes={1: "object"},
        split="test",
        files=(Path(f"scan{seed}.nii"),),
        depth=depth,
    )


def image() -> Case:
    return Case("photo", "photo", lambda: np.zeros((1, 2, 2)), None, {1: "object"})


@pytest.fixture(autouse=True)
def _forget() -> None:
    recent.recent.kept.clear()
    reads.clear()


def test_a_volume_becomes_its_slices_and_an_image_stays() -> None:
    first, *rest = in_parts([image(), volume(1)])
    assert first.id == "photo"
    assert [case.id for case in rest] == [f"scan1@{z:02d}" for z in range(12)]
    assert {(case.group, case.split, case.depth) for case in rest} == {("patient", "test", None)}
    whole = Pixels(1)()
    for z, case in enumerate(rest):
        np.testing.assert_array_equal(case.read_pixels(), whole[:, z])


def test_a_slice_keeps_the_spacing_of_its_volume() -> None:
    cases = in_parts([replace(volume(1), spacing=(5.0, 0.7, 0.8))])
    assert {case.spacing for case in cases} == {(5.0, 0.7, 0.8)}


def test_a_slice_has_the_objects_that_cross_it() -> None:
    counts = [len(case.read_objects()) for case in in_parts([volume(1)]) if case.read_objects]
    assert counts == [0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]


def test_slices_of_a_volume_without_annotation_have_none() -> None:
    cases = in_parts([replace(volume(1), read_objects=None)])
    assert all(case.read_objects is None for case in cases)


def test_a_volume_is_read_once_for_all_its_slices() -> None:
    for case in in_parts([volume(1)]):
        statistics_of(case, case.read_pixels())
    assert reads == [1]


def test_volumes_used_longest_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "SPOOLED_BYTES", 2 * volume_pixels(volume(1)).nbytes)
    recent.recent.kept.clear()
    reads.clear()
    for seed in (1, 2, 1, 3, 1, 2):
        volume_pixels(volume(seed))
    assert reads == [1, 2, 3, 2]


def test_a_slice_has_the_statistics_of_its_whole_volume() -> None:
    case = in_parts([volume(1)])[4]
    whole = Pixels(1)()
    assert statistics_of(case, case.read_pixels()).mean[0] == pytest.approx(whole.mean())
    assert statistics_of(image(), whole[:, 0]).mean[0] == pytest.approx(whole[:, 0].mean())


def test_slices_travel_to_worker_processes() -> None:
    case = pickle.loads(pickle.dumps(in_parts([volume(1)])[3]))
    np.testing.assert_array_equal(case.read_pixels(), Pixels(1)()[:, 3])


@dataclass(frozen=True)
class InTurn:
    seed: int
    depth: int = 12

    def pixels(self) -> Iterator[tuple[int, np.ndarray]]:
        for z in reversed(range(self.depth)):
            yield z, Pixels(self.seed)()[:, z]

    def objects(self) -> Iterator[tuple[int, tuple[ObjectMask, ...]]]:
        for z in range(self.depth):
            yield z, tuple(item for item in Objects(self.seed)() if item.slice_index == z)


def test_a_volume_that_is_read_slice_by_slice_has_the_same_slices() -> None:
    def refuse() -> np.ndarray:
        raise AssertionError("the whole is never read")

    in_turn = replace(volume(1), read_pixels=refuse, slices=InTurn(1))
    for one, other in zip(in_parts([in_turn]), in_parts([volume(1)]), strict=True):
        np.testing.assert_array_equal(one.read_pixels(), other.read_pixels())
        assert one.read_objects is not None
        assert other.read_objects is not None
        assert [o.slice_index for o in one.read_objects()] == [
            o.slice_index for o in other.read_objects()
        ]
        assert statistics_of(one, one.read_pixels()).mean.tolist() == [
            statistics_of(other, other.read_pixels()).mean[0]
        ]


def test_what_is_kept_of_a_volume_takes_no_memory() -> None:
    (slice_of_large,) = in_parts([replace(volume(1), read_pixels=Large(), depth=1)])
    slice_of_large.read_pixels()
    tracemalloc.start()
    try:
        statistics_of(slice_of_large, slice_of_large.read_pixels())
        recent.recent.kept.clear()
        slice_of_large.read_pixels()
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 2**20 < Large()().nbytes < peak


@dataclass(frozen=True)
class Large:
    def __call__(self) -> RawVolume:
        return np.zeros((1, 1, 1500, 1000), dtype=np.uint16)


def test_fewer_slices_read_in_turn_than_listed_are_an_error() -> None:
    short = replace(volume(1), slices=InTurn(1, depth=11))
    with pytest.raises(DataError, match="12 slices was listed, and 11 slices were read"):
        volume_pixels(short)


@dataclass(frozen=True)
class Uneven:
    shapes: tuple[tuple[int, int, int], ...]

    def pixels(self) -> Iterator[tuple[int, np.ndarray]]:
        for z, shape in enumerate(self.shapes):
            yield z, np.zeros(shape, dtype=np.uint8)

    def objects(self) -> Iterator[tuple[int, tuple[ObjectMask, ...]]]:
        return iter(())


@pytest.mark.parametrize("other", [(1, 6, 4), (1, 7, 5), (3, 6, 5)])
@pytest.mark.parametrize("read", [volume_pixels, volume_array])
def test_slices_of_differing_size_are_an_error(
    read: Callable[[Case], object], other: tuple[int, int, int]
) -> None:
    uneven = replace(volume(1, depth=3), slices=Uneven(((1, 6, 5), (1, 6, 5), other)))
    sizes = f"slice 0 is 1 x 6 x 5, slice 2 is {' x '.join(map(str, other))} "
    with pytest.raises(DataError, match=rf"scan1\.nii.*differ in size: {sizes}"):
        read(uneven)


def test_all_slices_together_are_an_array_from_which_any_plane_can_be_cut() -> None:
    whole = Pixels(1)()
    array = volume_array(volume(1))
    assert array.shape == (12, 1, 6, 5)
    assert array.dtype == whole.dtype
    np.testing.assert_array_equal(np.moveaxis(array, 1, 0), whole)
    reads.clear()
    assert volume_array(volume(1)) is array
    assert reads == []
    in_turn = volume_array(replace(volume(2), slices=InTurn(2)))
    np.testing.assert_array_equal(np.moveaxis(in_turn, 1, 0), Pixels(2)())


def test_the_array_of_a_volume_takes_no_memory() -> None:
    case = replace(volume(1), read_pixels=Large(), depth=1)
    volume_pixels(case)
    tracemalloc.start()
    try:
        array = volume_array(case)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(array, np.memmap)
    assert kept < 2**20 < array.nbytes


def test_another_number_of_slices_than_listed_is_an_error() -> None:
    with pytest.raises(DataError, match=r"scan1.nii.*11 slices was listed.*\(1, 12, 6, 5\)"):
        volume_pixels(volume(1, depth=11))


def test_what_cannot_be_normalised_names_its_file() -> None:
    def refuse(pixels: np.ndarray, statistics: CaseStatistics) -> np.ndarray:
        raise RecipeError("it has 2 channels")

    case = in_parts([volume(1)])[3]
    with pytest.raises(RecipeError, match=r"scan1\.nii: it has 2 channels"):
        normalized_image(case, refuse)
