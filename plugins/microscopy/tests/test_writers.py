from __future__ import annotations

import json
import pickle
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from samdomains_microscopy.annotations import cross_sections, objects_in
from samdomains_microscopy.calibration import OmeCalibration, read_calibration, save_ome
from samdomains_microscopy.writers import CocoSliceWriter, InstanceTiffWriter, object_values, paint

from samdomains.plugin import Case, DataError, Mask, MaskReading, ObjectMask

CELLS = MaskReading("instances", "whole", 0, ((1, "cell"),))


def case(
    name: str = "a",
    *,
    image: Path | None = None,
    shape: tuple[int, ...] = (6, 8),
    classes: dict[int, str] | None = None,
) -> Case:
    return Case(
        id=name,
        group=name,
        read_pixels=lambda: np.zeros((1, *shape), dtype=np.uint8),
        read_objects=None,
        classes=classes or {1: "cell"},
        files=() if image is None else (image,),
        depth=shape[0] if len(shape) == 3 else None,
    )


def box(y0: int, x0: int, y1: int, x1: int, size: tuple[int, int] = (6, 8)) -> Mask:
    mask = np.zeros(size, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def objects(*masks: Mask) -> list[ObjectMask]:
    return [ObjectMask.from_mask(mask) for mask in masks]


def read_back(layers: Sequence[NDArray[np.unsignedinteger]]) -> dict[int, Mask]:
    found = objects_in([layer.astype(np.int64) for layer in layers], CELLS)
    return {item.instance: item.mask() for item in found}


class TestPictures:
    def test_each_object_is_a_value_in_their_order(self, tmp_path: Path) -> None:
        found = objects(box(0, 0, 2, 2), box(3, 3, 6, 8))
        (path,) = InstanceTiffWriter()(case(), found, tmp_path)
        assert path == tmp_path / "a.tif"
        labels = tifffile.imread(path)
        assert labels.dtype == np.uint16
        np.testing.assert_array_equal(labels, box(0, 0, 2, 2) + 2 * box(3, 3, 6, 8))

    def test_nothing_found_gives_an_empty_map_of_the_image_s_size(self, tmp_path: Path) -> None:
        (path,) = InstanceTiffWriter()(case(), [], tmp_path)
        assert tifffile.imread(path).tolist() == np.zeros((6, 8)).tolist()

    def test_a_nucleus_lies_over_its_cell_and_no_pixel_is_lost(self, tmp_path: Path) -> None:
        nucleus, cell, neighbour = box(2, 2, 4, 4), box(0, 0, 6, 5), box(0, 4, 6, 8)
        paths = InstanceTiffWriter()(case(), objects(nucleus, cell, neighbour), tmp_path)
        assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
            "a.tif",
            "layer2/a.tif",
        ]
        layers = [tifffile.imread(path) for path in paths]
        assert set(np.unique(layers[0])) == {1, 2, 3}
        assert layers[0][2:4, 2:4].tolist() == [[1, 1], [1, 1]]
        assert layers[1][2:4, 2:4].tolist() == [[2, 2], [2, 2]]
        masks = read_back(layers)
        for value, mask in enumerate((nucleus, cell, neighbour), start=1):
            np.testing.assert_array_equal(masks[value], mask)

    @given(
        st.lists(
            st.tuples(*(st.integers(0, 5) for _ in range(2)), *(st.integers(1, 4) for _ in "hw")),
            max_size=6,
        )
    )
    def test_any_overlaps_come_back(self, boxes: list[tuple[int, int, int, int]]) -> None:
        masks = [box(y, x, y + h, x + w) for y, x, h, w in boxes]
        found = objects(*masks)
        masks_read = read_back(paint(found, object_values(found), (6, 8)))
        assert sorted(masks_read) == list(range(1, len(masks) + 1))
        for value, mask in enumerate(masks, start=1):
            np.testing.assert_array_equal(masks_read[value], mask)

    def test_classes_are_named_beside_where_there_are_several(self, tmp_path: Path) -> None:
        first, second = objects(box(0, 0, 2, 2), box(3, 3, 6, 8))
        second = ObjectMask(second.crop, second.origin, second.image_size, class_id=4)
        named = case(classes={1: "cell, round", 4: "nucleus"})
        paths = InstanceTiffWriter()(named, [first, second], tmp_path)
        assert paths[-1] == tmp_path / "a_classes.csv"
        assert paths[-1].read_text() == ('value,class_id,class\n1,1,"cell, round"\n2,4,nucleus\n')

    def test_more_than_65535_objects_need_32_bits_and_a_few_seconds(self, tmp_path: Path) -> None:
        side = 260
        pixel = np.ones((1, 1), dtype=bool)
        found = [ObjectMask(pixel, divmod(n, side), (side, side)) for n in range(65_536)]
        start = time.perf_counter()
        (path,) = InstanceTiffWriter()(case(), found, tmp_path)
        labels = tifffile.imread(path)
        assert labels.dtype == np.uint32
        assert labels.max() == 65_536
        again = objects_in([labels.astype(np.int64)], CELLS)
        assert len(again) == 65_536
        assert time.perf_counter() - start < 20

    def test_an_id_that_leads_elsewhere_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no file name"):
            InstanceTiffWriter()(case("../a"), [], tmp_path)


class TestVolumes:
    def test_cross_sections_of_one_object_share_its_number(self, tmp_path: Path) -> None:
        labels = np.zeros((3, 6, 8), dtype=np.uint16)
        labels[0, 1:3, 1:3] = labels[1, 1:4, 1:4] = 700
        labels[2, 4:, 5:] = 9
        found = cross_sections([labels], CELLS)
        (path,) = InstanceTiffWriter()(case(shape=labels.shape), found, tmp_path)
        np.testing.assert_array_equal(tifffile.imread(path), labels)

    def test_objects_without_a_number_are_counted(self) -> None:
        parts = [
            ObjectMask.from_mask(box(0, 0, 2, 2)),
            ObjectMask(np.ones((1, 1), bool), (0, 0), (6, 8), slice_index=1, instance=5),
            ObjectMask(np.ones((1, 1), bool), (0, 0), (6, 8), slice_index=2, instance=5),
            ObjectMask(np.ones((1, 1), bool), (3, 3), (6, 8), slice_index=2),
        ]
        assert object_values(parts) == [1, 2, 2, 3]

    def test_an_empty_volume_keeps_its_slices(self, tmp_path: Path) -> None:
        (path,) = InstanceTiffWriter()(case(shape=(3, 6, 8)), [], tmp_path)
        assert tifffile.imread(path).shape == (3, 6, 8)

    def test_the_sizes_of_the_voxels_are_those_of_the_image(self, tmp_path: Path) -> None:
        sizes = {"PhysicalSizeX": "0.1", "PhysicalSizeY": "0.1", "PhysicalSizeZ": "0.5"}
        image = tmp_path / "in" / "a.ome.tif"
        pixels = np.zeros((3, 2, 6, 8), dtype=np.uint8)
        save_ome(image, pixels, axes="ZCYX", channels=["DAPI", "actin"], details=sizes)
        (path,) = InstanceTiffWriter()(case(image=image, shape=(3, 6, 8)), [], tmp_path / "out")
        assert read_calibration(path) == OmeCalibration(tuple(sizes.items()), ("cell",))


class TestCoco:
    def test_an_image_is_one_file(self, tmp_path: Path) -> None:
        (path,) = CocoSliceWriter()(case(), objects(box(0, 0, 2, 2)), tmp_path)
        document = json.loads(path.read_text("utf-8"))
        assert path == tmp_path / "a.json"
        assert document["annotations"][0]["bbox"] == [0, 0, 2, 2]

    def test_a_volume_is_a_file_for_each_slice(self, tmp_path: Path) -> None:
        labels = np.zeros((3, 6, 8), dtype=np.uint16)
        labels[1, 1:4, 1:4] = 7
        found = cross_sections([labels], CELLS)
        paths = CocoSliceWriter()(case(shape=labels.shape), found, tmp_path)
        assert [path.name for path in paths] == ["a@0.json", "a@1.json", "a@2.json"]
        counts = [len(json.loads(path.read_text("utf-8"))["annotations"]) for path in paths]
        assert counts == [0, 1, 0]


def test_writers_travel_to_workers() -> None:
    for writer in (InstanceTiffWriter(), CocoSliceWriter()):
        assert pickle.loads(pickle.dumps(writer)) == writer
