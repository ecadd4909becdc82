from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from samdomains_microscopy.annotations import (
    PictureObjects,
    StackObjects,
    cross_sections,
    objects_in,
)
from samdomains_microscopy.stacks import TiffStack

from samdomains.data.objects import MaskMeaning
from samdomains.plugin import DataError, MaskReading, ObjectMask

CELLS = MaskReading("instances", "whole", 0, ((1, "cell"),))


def binary(meaning: MaskMeaning = "binary", threshold: int = 0, whole: bool = False) -> MaskReading:
    names = ((1, "cell"), (2, "nucleus")) if meaning == "classes" else ((1, "cell"),)
    return MaskReading(meaning, "whole" if whole else "components", threshold, names)


def rebuilt(found: tuple[ObjectMask, ...], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """The label volume that cross-sections come from."""
    volume = np.zeros(shape, dtype=np.int64)
    for item in found:
        assert item.slice_index is not None
        volume[item.slice_index][item.mask()] = item.instance
    return volume


class TestInstances:
    @given(hnp.arrays(np.uint16, (3, 5, 6), elements=st.sampled_from([0, 1, 2, 900, 65535])))
    def test_every_voxel_keeps_its_nucleus(self, labels: NDArray[np.uint16]) -> None:
        found = cross_sections([labels], CELLS)
        np.testing.assert_array_equal(rebuilt(found, labels.shape), labels)
        assert [item.slice_index for item in found] == sorted(
            item.slice_index for item in found if item.slice_index is not None
        )
        assert all(item.class_id == 1 for item in found)

    def test_an_object_of_several_layers_is_the_union_of_its_values(self) -> None:
        first = np.array([[1, 1, 2, 0], [0, 0, 2, 0]])
        second = np.array([[0, 2, 0, 0], [0, 0, 0, 3]])
        one, two, three = objects_in([first, second], CELLS)
        assert [item.instance for item in (one, two, three)] == [1, 2, 3]
        assert one.mask().astype(int).tolist() == [[1, 1, 0, 0], [0, 0, 0, 0]]
        assert two.mask().astype(int).tolist() == [[0, 1, 1, 0], [0, 0, 1, 0]]
        assert three.mask().astype(int).tolist() == [[0, 0, 0, 0], [0, 0, 0, 1]]

    def test_values_beyond_16_bits_are_objects_as_well(self) -> None:
        labels = np.array([[[0, 70_000]], [[4_000_000_000, 70_000]]], dtype=np.uint32)
        found = cross_sections([labels], CELLS)
        assert [(item.slice_index, item.instance) for item in found] == [
            (0, 70_000),
            (1, 70_000),
            (1, 4_000_000_000),
        ]


class TestMasks:
    def test_parts_that_touch_in_the_volume_are_one_object(self) -> None:
        mask = np.zeros((3, 3, 9), dtype=np.uint8)
        mask[0, 0, 0:2] = mask[0, 0, 5:7] = 255  # two legs in the first slice,
        mask[1, 1, 1:6] = 255  # joined in the second, touching at corners
        mask[2, 2, 8] = 255  # and a stranger in the third
        found = cross_sections([mask], binary())
        assert [(item.slice_index, item.instance, item.area) for item in found] == [
            (0, 1, 2),
            (0, 1, 2),
            (1, 1, 5),
            (2, 2, 1),
        ]

    def test_a_threshold_parts_foreground_from_background(self) -> None:
        mask = np.array([[[10, 128, 0, 255]]])
        assert [item.area for item in cross_sections([mask], binary(threshold=128))] == [1, 1]
        assert [item.area for item in cross_sections([mask], binary())] == [2, 1]

    def test_classes_are_told_apart_and_other_values_belong_to_none(self) -> None:
        values = np.array([[[1, 2, 2, 0, 1, 7]]] * 2)
        found = cross_sections([values], binary("classes"))
        assert [(item.slice_index, item.class_id, item.instance) for item in found] == [
            (0, 1, 1),
            (0, 1, 2),
            (0, 2, 3),
            (1, 1, 1),
            (1, 1, 2),
            (1, 2, 3),
        ]

    def test_all_of_a_class_may_be_one_object(self) -> None:
        values = np.array([[[1, 2, 2, 0, 1, 7]]])
        found = cross_sections([values], binary("classes", whole=True))
        assert [(item.class_id, item.instance, item.area) for item in found] == [
            (1, 1, 2),
            (2, 2, 2),
        ]


class TestReaders:
    def test_a_picture_s_objects_belong_to_no_volume(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", np.array([[0, 5], [9, 9]], dtype=np.uint16))
        read = PictureObjects((tmp_path / "a.tif",), CELLS)
        assert [(item.slice_index, item.instance, item.area) for item in read()] == [
            (None, 0, 1),
            (None, 0, 2),
        ]
        assert pickle.loads(pickle.dumps(read)) == read

    def test_a_time_point_without_slices_is_a_picture(self, tmp_path: Path) -> None:
        labels = np.array([[[0, 5]], [[9, 9]], [[0, 0]]], dtype=np.uint16)
        tifffile.imwrite(tmp_path / "a.tif", labels, photometric="minisblack")
        stack = TiffStack(tmp_path / "a.tif", "TYX", labels.shape)
        read = [StackObjects((stack,), time, CELLS)() for time in range(3)]
        assert [[(item.slice_index, item.area) for item in found] for found in read] == [
            [(None, 1)],
            [(None, 2)],
            [],
        ]

    def test_readers_of_one_time_point_are_one_key(self, tmp_path: Path) -> None:
        stack = TiffStack(tmp_path / "a.tif", "TZYX", (2, 3, 4, 5))
        first, same, other = (StackObjects((stack,), time, CELLS) for time in (0, 0, 1))
        assert len({first, same, other}) == 2

    def test_fractions_are_refused_with_the_file(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", np.array([[0.0, 0.5]], dtype=np.float32))
        with pytest.raises(DataError, match=r"a\.tif: .*not all whole numbers"):
            PictureObjects((tmp_path / "a.tif",), CELLS)()
