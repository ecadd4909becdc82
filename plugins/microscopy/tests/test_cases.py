from __future__ import annotations

import json
import pickle
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as PillowImage
from samdomains_microscopy.cases import load_any
from samdomains_microscopy.writers import InstanceTiffWriter

from samdomains.audit.cases import audit_cases
from samdomains.data.parts import in_parts
from samdomains.plugin import Case, DataError, ObjectMask, Recipe, load_source


def save(path: Path, pixels: NDArray[Any], axes: str | None = None, **options: Any) -> Path:
    """A TIFF; with axes an OME-TIFF, without a plain one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = None if axes is None else {"axes": axes}
    tifffile.imwrite(
        path, pixels, photometric="minisblack", ome=axes is not None, metadata=metadata, **options
    )
    return path


def load(source: Path, **data: Any) -> Sequence[Case]:
    return load_any(source, Recipe.model_validate({"data": data}))


def objects_of(case: Case) -> tuple[ObjectMask, ...]:
    assert case.read_objects is not None
    return case.read_objects()


def areas(case: Case) -> list[tuple[int | None, int, int]]:
    """Slice, instance and area of each object."""
    return [(item.slice_index, item.instance, item.area) for item in objects_of(case)]


@pytest.fixture
def volumes(tmp_path: Path) -> Path:
    """Three z-stacks of two channels with label stacks."""
    for number, name in enumerate("abc"):
        pixels = np.full((3, 2, 8, 9), number, dtype=np.uint16)
        pixels[:, 1] = np.arange(3)[:, None, None]
        labels = np.zeros((3, 8, 9), dtype=np.uint16)
        labels[1:, 2:4, 2:4] = 40 + number
        save(tmp_path / "images" / f"{name}.ome.tif", pixels, "ZCYX")
        save(tmp_path / "labels" / f"{name}.tif", labels)
    return tmp_path


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """A time series of four pictures with labels."""
    pixels = np.arange(4, dtype=np.uint8)[:, None, None] * np.ones((4, 8, 9), np.uint8)
    save(tmp_path / "images" / "film.tif", pixels, "TYX")
    save(tmp_path / "labels" / "film.tif", pixels)
    return tmp_path


class TestVolumes:
    def test_a_stack_is_a_volume_with_cross_sections(self, volumes: Path) -> None:
        cases = load(volumes)
        assert [(case.id, case.group, case.depth) for case in cases] == [
            (name, name, 3) for name in "abc"
        ]
        assert cases[1].read_pixels()[:, :, 0, 0].tolist() == [[1, 1, 1], [0, 1, 2]]
        assert areas(cases[1]) == [(1, 41, 4), (2, 41, 4)]
        assert [path.name for path in cases[1].files] == ["b.ome.tif", "b.tif"]

    def test_spacing_is_that_of_the_header_and_of_volumes_alone(self, tmp_path: Path) -> None:
        pixels = np.zeros((3, 8, 9), dtype=np.uint16)
        sizes = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0}
        for name, axes in (("stack", "ZYX"), ("film", "TYX")):
            path = tmp_path / f"{name}.ome.tif"
            tifffile.imwrite(path, pixels, ome=True, metadata={"axes": axes, **sizes})
        save(tmp_path / "unknown.tif", pixels)
        found = {case.id: case.spacing for case in load(tmp_path)}
        assert found.pop("stack") == pytest.approx((2e-3, 5e-4, 2.5e-4))
        assert set(found.values()) == {None}
        assert len(found) == 4
        recipe = Recipe.model_validate({"volume": {"spacing": [0.002, 0.001, 0.001]}})
        told = {case.id: case.spacing for case in load_any(tmp_path, recipe)}
        assert told["unknown"] == (0.002, 0.001, 0.001)
        assert told["stack"] == pytest.approx((2e-3, 5e-4, 2.5e-4))
        assert told["film_t000"] is None

    def test_listing_reads_no_pixel(self, volumes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: Any, **__: Any) -> NoReturn:
            raise AssertionError("pixels were read")

        monkeypatch.setattr(tifffile.TiffFile, "asarray", refuse)
        monkeypatch.setattr(np, "memmap", refuse)
        assert len(load(volumes)) == 3

    def test_slices_of_a_volume_read_its_file_once(
        self, volumes: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reads: list[str] = []
        original = np.memmap

        def count(path: Any, *rest: Any, **options: Any) -> Any:
            reads.append(Path(path).name)
            return original(path, *rest, **options)

        monkeypatch.setattr(np, "memmap", count)
        slices = in_parts(load(volumes))
        assert [part.id for part in slices[:4]] == ["a@0", "a@1", "a@2", "b@0"]
        assert [part.read_pixels()[1, 0, 0] for part in slices[:3]] == [0, 1, 2]
        assert reads == ["a.ome.tif"]

    def test_readers_travel_to_workers(self, volumes: Path) -> None:
        first = load(volumes)[0]
        for reader in (first.read_pixels, first.read_objects):
            assert pickle.loads(pickle.dumps(reader)) == reader
            assert hash(reader) == hash(pickle.loads(pickle.dumps(reader)))

    def test_splits_and_groups_name_files(self, volumes: Path) -> None:
        parts = {"train": ["a"], "val": ["b"], "test": ["c"]}
        (volumes / "splits.json").write_text(json.dumps(parts))
        (volumes / "groups.json").write_text(json.dumps({"a": "m1", "b": "m2", "c": "m3"}))
        assert [(case.split, case.group) for case in load(volumes)] == [
            ("train", "m1"),
            ("val", "m2"),
            ("test", "m3"),
        ]

    def test_named_values_are_classes_and_their_parts_objects(self, volumes: Path) -> None:
        (volumes / "labels.json").write_text('{"40": "vesicle", "41": "mitochondrion"}')
        cases = load(volumes, objects="components")
        assert dict(cases[0].classes) == {40: "vesicle", 41: "mitochondrion"}
        assert [areas(case) for case in cases] == [
            [(1, 1, 4), (2, 1, 4)],
            [(1, 1, 4), (2, 1, 4)],
            [],
        ]

    def test_masks_are_binary(self, volumes: Path) -> None:
        (volumes / "labels").rename(volumes / "masks")
        assert areas(load(volumes, objects="components")[2]) == [(1, 1, 4), (2, 1, 4)]

    @pytest.mark.parametrize("shape", [(2, 8, 9), (3, 8, 8), (3, 2, 8, 9)])
    def test_labels_of_another_grid_are_refused_with_both(
        self, volumes: Path, shape: tuple[int, ...]
    ) -> None:
        axes = "ZYX" if len(shape) == 3 else "ZCYX"
        save(volumes / "labels" / "b.tif", np.zeros(shape, np.uint16), axes)
        with pytest.raises(DataError, match=r"b\.tif: .*is Z=3 C=2 Y=8 X=9.*in one channel"):
            load(volumes)


class TestTime:
    def test_each_time_point_is_a_case_in_the_group_of_its_file(self, movie: Path) -> None:
        cases = load(movie)
        assert [(case.id, case.group, case.depth) for case in cases] == [
            (f"film_t00{time}", "film", None) for time in range(4)
        ]
        assert [int(case.read_pixels()[0, 0, 0]) for case in cases] == [0, 1, 2, 3]
        assert cases[2].read_pixels().shape == (1, 8, 9)
        assert [areas(case) for case in cases] == [[], *[[(None, 0, 72)]] * 3]

    def test_a_split_names_the_file(self, movie: Path) -> None:
        (movie / "splits.json").write_text('{"test": ["film"]}')
        assert {case.split for case in load(movie)} == {"test"}

    def test_labels_may_be_a_file_for_each_time_point(self, movie: Path) -> None:
        together = load(movie)
        expected = [areas(case) for case in together]
        for case in together:
            InstanceTiffWriter()(case, objects_of(case), movie / "labels")
        (movie / "labels" / "film.tif").unlink()
        assert [areas(case) for case in load(movie)] == expected

    def test_a_volume_in_time_is_a_volume_at_each_time_point(self, tmp_path: Path) -> None:
        pixels = np.arange(2 * 3 * 4 * 5, dtype=np.uint16).reshape(2, 3, 4, 5)
        save(tmp_path / "images" / "a.tif", pixels, "TZYX")
        save(tmp_path / "labels" / "a_t000.tif", np.ones((3, 4, 5), np.uint8))
        save(tmp_path / "labels" / "a_t001.tif", np.zeros((3, 4, 5), np.uint8))
        first, second = load(tmp_path)
        assert (first.depth, second.depth) == (3, 3)
        np.testing.assert_array_equal(second.read_pixels(), pixels[1][None])
        assert areas(first) == [(0, 1, 20), (1, 1, 20), (2, 1, 20)]
        assert areas(second) == []


class TestPictures:
    def test_what_the_core_reads_is_left_to_it(self, tmp_path: Path) -> None:
        for folder in ("images", "labels"):
            save(tmp_path / folder / "a.tif", np.eye(8, dtype=np.uint8))
        (found,), (core,) = load(tmp_path), load_source(tmp_path, Recipe().data)
        assert found.read_pixels == core.read_pixels
        assert found.read_objects == core.read_objects

    @pytest.mark.parametrize("label", ["a.tif", "a.ome.tif", "a.png"])
    def test_ome_tiff_finds_its_labels_by_the_name_without_both_suffixes(
        self, tmp_path: Path, label: str
    ) -> None:
        save(tmp_path / "images" / "a.ome.tif", np.zeros((4, 8, 9), np.uint16), "CYX")
        (tmp_path / "labels").mkdir()
        if label.endswith("png"):
            PillowImage.fromarray(np.ones((8, 9), np.uint8)).save(tmp_path / "labels" / label)
        else:
            save(tmp_path / "labels" / label, np.ones((8, 9), np.uint8))
        (tmp_path / "splits.json").write_text('{"train": ["a"]}')
        (case,) = load(tmp_path)
        assert (case.id, case.group, case.split, case.depth) == ("a", "a", "train", None)
        assert case.read_pixels().shape == (4, 8, 9)
        assert areas(case) == [(None, 0, 72)]

    def test_pictures_and_stacks_may_be_mixed(self, volumes: Path) -> None:
        PillowImage.fromarray(np.zeros((5, 6, 3), np.uint8)).save(volumes / "images" / "z.png")
        save(volumes / "labels" / "z.tif", np.ones((5, 6), np.uint8))
        cases = load(volumes)
        assert [case.depth for case in cases] == [3, 3, 3, None]
        assert areas(cases[3]) == [(None, 0, 30)]

    def test_labels_in_layers_are_read_back(self, tmp_path: Path) -> None:
        save(tmp_path / "images" / "a.tif", np.zeros((8, 9), np.uint8))
        whole, inner = np.ones((8, 9), np.uint8), np.zeros((8, 9), np.uint8)
        inner[2:4, 2:4] = 2
        save(tmp_path / "labels" / "a.tif", np.where(inner, inner, whole))
        save(tmp_path / "labels" / "layer2" / "a.tif", inner // 2)
        (case,) = load(tmp_path)
        assert areas(case) == [(None, 0, 72), (None, 0, 4)]

    def test_one_pixel_is_an_image(self, tmp_path: Path) -> None:
        for folder in ("images", "labels"):
            save(tmp_path / folder / "a.tif", np.ones((1, 1), np.uint8))
        (case,) = load(tmp_path)
        assert case.read_pixels().shape == (1, 1, 1)
        assert areas(case) == [(None, 0, 1)]

    def test_sixty_thousand_objects_load_in_a_few_seconds(self, tmp_path: Path) -> None:
        labels = np.arange(1, 60_001, dtype=np.uint16).reshape(200, 300)
        labels = labels.repeat(3, axis=0).repeat(3, axis=1)
        save(tmp_path / "images" / "a.ome.tif", np.zeros(labels.shape, np.uint8), "YX")
        save(tmp_path / "labels" / "a.tif", labels)
        start = time.perf_counter()
        (case,) = load(tmp_path)
        assert len(objects_of(case)) == 60_000
        assert time.perf_counter() - start < 10


class TestPrediction:
    def test_a_stack_alone_has_no_annotation(self, volumes: Path) -> None:
        (case,) = load(volumes / "images" / "b.ome.tif")
        assert (case.id, case.depth, case.read_objects) == ("b", 3, None)

    def test_a_folder_of_stacks_is_listed_by_name(self, volumes: Path) -> None:
        assert [case.id for case in load(volumes / "images")] == ["a", "b", "c"]

    def test_a_picture_has_the_name_that_it_has_with_labels(self, tmp_path: Path) -> None:
        path = save(tmp_path / "a.ome.tif", np.zeros((2, 8, 9), np.uint16), "CYX")
        assert [case.id for case in load(path)] == ["a"]
        assert [case.id for case in load(tmp_path)] == ["a"]

    def test_what_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no such folder"):
            load(tmp_path / "nowhere")


class TestErrors:
    def test_an_image_without_labels(self, volumes: Path) -> None:
        (volumes / "labels" / "b.tif").unlink()
        with pytest.raises(DataError, match=r"labels: there is no label file for the image 'b'"):
            load(volumes)

    def test_labels_without_an_image(self, volumes: Path) -> None:
        (volumes / "images" / "b.ome.tif").unlink()
        with pytest.raises(DataError, match=r"b\.tif: there is no image for the labels b"):
            load(volumes)

    def test_two_folders_of_labels(self, volumes: Path) -> None:
        (volumes / "masks").mkdir()
        with pytest.raises(DataError, match="both masks/ and labels/"):
            load(volumes)

    def test_classes_without_names(self, volumes: Path) -> None:
        with pytest.raises(DataError, match=r"labels\.json: data\.masks is 'classes'"):
            load(volumes, masks="classes")

    def test_coco_beside_stacks(self, volumes: Path) -> None:
        (volumes / "labels").rename(volumes / "old")
        (volumes / "acquisition.json").write_text('{"exposure": 20}')
        assert all(case.read_objects is None for case in load(volumes))
        (volumes / "annotations.json").write_text('{"images": [], "annotations": []}')
        with pytest.raises(DataError, match=r"annotations\.json: COCO JSON describes single"):
            load(volumes)

    def test_values_that_are_no_numbers_are_listed_with_the_file(self, volumes: Path) -> None:
        pixels = np.zeros((3, 8, 9), dtype=np.float32)
        pixels[0, 0, 0] = np.nan
        save(volumes / "images" / "b.ome.tif", pixels, "ZYX")
        audit = audit_cases(in_parts(load(volumes)), minimum_area=1)
        assert audit.errors
        assert all("b.ome.tif" in finding.file for finding in audit.errors)
        assert "1 of 216 pixel values are NaN" in audit.errors[0].problem


@settings(max_examples=20)
@given(st.data())
def test_labels_written_for_a_stack_are_read_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Any axes, any labels: load, write, put in the labels' place, load again."""
    folder = tmp_path_factory.mktemp("round")
    axes = data.draw(st.sampled_from(["ZYX", "ZCYX", "TYX", "TZYX", "TZCYX"]))
    lengths = {"T": 2, "Z": 3, "C": 2, "Y": 5, "X": 4}
    shape = {axis: lengths[axis] for axis in axes}
    grid = tuple(length for axis, length in shape.items() if axis != "C")
    seed = data.draw(st.integers(0, 2**32 - 1))
    labels = np.random.default_rng(seed).integers(0, 4, grid).astype(np.uint16)
    save(folder / "images" / "a.tif", np.zeros(tuple(shape.values()), np.uint8), axes)
    save(folder / "labels" / "a.tif", labels, axes.replace("C", ""))
    first = load(folder)
    before = [objects_of(case) for case in first]
    for case, objects in zip(first, before, strict=True):
        InstanceTiffWriter()(case, objects, folder / "written")
    (folder / "labels").rename(folder / "old")
    (folder / "written").rename(folder / "labels")
    again = load(folder)
    assert [case.id for case in again] == [case.id for case in first]
    for case, objects in zip(again, before, strict=True):
        for found, expected in zip(objects_of(case), objects, strict=True):
            assert found.slice_index == expected.slice_index
            assert found.instance == expected.instance
            np.testing.assert_array_equal(found.mask(), expected.mask())


REAL = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "microscopy"


@pytest.mark.skipif(not REAL.is_dir(), reason="the real sets are not here")
class TestRealSets:
    @pytest.mark.parametrize(
        ("name", "cases", "objects"),
        [("nuclei_dsb2018", 60, 3081), ("blood_cells", 50, 113), ("em_membranes", 20, 2340)],
    )
    def test_pictures(self, name: str, cases: int, objects: int) -> None:
        found = load(REAL / name, objects="components")
        assert len(found) == cases
        assert sum(len(areas(case)) for case in found) == objects

    def test_a_stack_of_nuclei_keeps_the_numbers_of_its_51(self) -> None:
        (case,) = load(REAL / "nuclei3d_stack")
        assert case.depth == 31
        assert case.read_pixels().shape == (1, 31, 61, 57)
        assert len({instance for _, instance, _ in areas(case)}) == 51
