from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage
from samdomains_satellite.cases import load_any
from samdomains_satellite.position import Position
from samdomains_satellite.rasters import Raster
from samdomains_satellite.writers import SceneWriter

from samdomains.audit.cases import audit_cases
from samdomains.data.parts import in_parts
from samdomains.plugin import Case, DataError, ObjectMask, Recipe, Window, load_source
from samdomains.recipe import SceneRecipe

Save = Callable[..., Path]
Pattern = NDArray[np.uint16]
Ring = Callable[..., list[list[float]]]


def load(source: Path, **data: Any) -> Sequence[Case]:
    return load_any(source, Recipe.model_validate({"data": data}))


def objects_of(case: Case) -> tuple[ObjectMask, ...]:
    assert case.read_objects is not None
    return case.read_objects()


def areas(cases: Sequence[Case]) -> list[list[int]]:
    return [[item.area for item in objects_of(case)] for case in cases]


def picture(path: Path, values: NDArray[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(values).save(path)
    return path


@pytest.fixture
def scenes(tmp_path: Path, save: Save, pattern: Pattern) -> Path:
    """Two GeoTIFF scenes with a mask, instances and footprints of different content."""
    for name in "ab":
        save(tmp_path / "images" / f"{name}.tif", pattern)
    return tmp_path


@pytest.fixture
def add(save: Save, save_polygons: Save, ring: Ring, utm: dict[str, Any]) -> Callable[..., None]:
    """Adds labels of a kind to a folder: 4 pixels in instances, 9 in labels and so on."""

    def write(folder: Path, kind: str) -> None:
        side = {"instances": 2, "labels": 3, "masks": 4, "files": 5, "one": 6}[kind]
        values = np.zeros((40, 60), np.uint8)
        values[1 : 1 + side, 1 : 1 + side] = 9
        for name in "ab":
            if kind == "files":
                path = folder / "labels" / f"{name}.geojson"
                save_polygons(path, [ring(1, 1, 6, 6)], crs=utm)
            elif kind != "one":
                save(folder / kind / f"{name}.tif", values)
        if kind == "one":
            save_polygons(folder / "roofs.geojson", [ring(1, 1, 7, 7)], crs=utm)

    return write


class TestImages:
    def test_a_scene_has_windows_and_a_place(self, scenes: Path, pattern: Pattern) -> None:
        cases = load(scenes)
        assert [(case.id, case.group, case.read_objects) for case in cases] == [
            ("a", "a", None),
            ("b", "b", None),
        ]
        case = pickle.loads(pickle.dumps(cases[0]))
        assert case.windows is not None
        assert hash(case.windows) == hash(case.read_pixels)
        assert case.windows.size == (40, 60)
        np.testing.assert_array_equal(case.read_pixels(), pattern)
        np.testing.assert_array_equal(case.windows.read(Window(2, 3, 5, 9)), pattern[:, 2:5, 3:9])
        assert isinstance(case.geometry, Position)
        assert case.geometry.size == (40, 60)

    def test_one_file_and_a_folder_of_files_will_do(self, scenes: Path) -> None:
        assert [case.id for case in load(scenes / "images" / "b.tif")] == ["b"]
        assert [case.id for case in load(scenes / "images")] == ["a", "b"]

    def test_plain_tiffs_are_said_once_and_are_scenes_all_the_same(
        self, tmp_path: Path, save: Save, pattern: Pattern
    ) -> None:
        for name in "abc":
            save(tmp_path / f"{name}.tif", pattern, crs=None, transform=None)
        cases = load(tmp_path)
        note = "it has no position (CRS and transform); masks are written without one"
        assert [case.notes for case in cases] == [(f"{note}; so in 2 more images",), (), ()]
        assert all(case.geometry is None and case.windows is not None for case in cases)

    def test_nodata_of_the_recipe_holds_for_plain_pictures_too(self, tmp_path: Path) -> None:
        picture(tmp_path / "a.png", np.array([[0, 1], [2, 3]], np.uint8))
        picture(tmp_path / "b.png", np.zeros((2, 2), np.uint8))
        first, second = load(tmp_path, nodata=0)
        np.testing.assert_array_equal(first.read_pixels(), [[[np.nan, 1], [2, 3]]])
        with pytest.raises(DataError, match="it holds nothing"):
            second.read_pixels()

    def test_a_damaged_scene_does_not_keep_the_others_from_being_listed(self, scenes: Path) -> None:
        (scenes / "images" / "a.tif").write_bytes(b"II*\0 and no more")
        first, second = load(scenes)
        assert second.windows is not None
        with pytest.raises(DataError, match=r"a\.tif: the file is damaged"):
            pickle.loads(pickle.dumps(first)).read_pixels()


class TestWhatCounts:
    @pytest.mark.parametrize(
        ("kinds", "expected", "aside"),
        [
            (("instances",), 4, None),
            (("labels",), 9, None),
            (("masks",), 16, None),
            (("files",), 25, None),
            (("one",), 36, None),
            (("masks", "instances", "one"), 4, "instances/; left aside: masks/, roofs.geojson"),
            (("masks", "labels"), 9, "labels/; left aside: masks/"),
            (("labels", "files"), 9, "labels/; left aside: labels/*.geojson"),
            (("files", "one"), 25, "labels/*.geojson; left aside: roofs.geojson"),
        ],
    )
    def test_instances_before_labels_before_masks_before_polygons(
        self,
        scenes: Path,
        add: Callable[..., None],
        kinds: tuple[str, ...],
        expected: int,
        aside: str | None,
    ) -> None:
        for kind in kinds:
            add(scenes, kind)
        cases = load(scenes)
        assert areas(cases) == [[expected]] * 2
        assert cases[0].notes == (() if aside is None else (f"labels are those of {aside}",))
        assert cases[1].notes == ()
        assert not audit_cases(cases[:1], minimum_area=4).errors

    def test_a_geojson_file_that_is_named_counts(
        self, scenes: Path, add: Callable[..., None]
    ) -> None:
        for kind in ("instances", "one"):
            add(scenes, kind)
        (scenes / "splits.json").write_text('{"train": ["a"], "test": ["b"]}')
        cases = load(scenes / "roofs.geojson")
        assert areas(cases) == [[36], [36]]
        assert [case.split for case in cases] == ["train", "test"]

    def test_two_geojson_files_beside_the_images_are_too_many(
        self, scenes: Path, add: Callable[..., None]
    ) -> None:
        add(scenes, "one")
        (scenes / "roads.geojson").write_text("{}")
        with pytest.raises(DataError, match=r"roads\.geojson, roofs\.geojson.*as the source"):
            load(scenes)

    def test_geojson_for_plain_pictures_is_an_error(
        self, tmp_path: Path, add: Callable[..., None]
    ) -> None:
        picture(tmp_path / "images" / "a.png", np.zeros((40, 60), np.uint8))
        add(tmp_path, "one")
        with pytest.raises(DataError, match=r"a\.png: it has no position"):
            load(tmp_path)


class TestTheCore:
    def test_plain_pictures_are_read_as_the_core_reads_them(self, tmp_path: Path) -> None:
        mask = np.zeros((8, 9), np.uint8)
        mask[1:3, 1:3] = 255
        for name in "ab":
            picture(tmp_path / "images" / f"{name}.jpg", mask)
            picture(tmp_path / "masks" / f"{name}.png", mask)
        recipe = Recipe()
        for ours, core in zip(
            load_any(tmp_path, recipe), load_source(tmp_path, recipe.data), strict=True
        ):
            assert (ours.id, ours.files, ours.windows) == (core.id, core.files, None)
            assert ours.read_pixels == core.read_pixels
            assert ours.read_objects == core.read_objects

    def test_plain_pictures_may_have_instances(self, tmp_path: Path) -> None:
        mask = np.zeros((8, 9), np.uint8)
        mask[1:3, 1:3] = 255
        picture(tmp_path / "images" / "a.png", mask)
        picture(tmp_path / "instances" / "a.png", mask)
        assert areas(load(tmp_path)) == [[4]]

    def test_folders_of_classes_label_geotiff_too(self, scenes: Path, save: Save) -> None:
        mask = np.zeros((40, 60), np.uint8)
        mask[1:4, 1:4] = 255
        for name in "ab":
            save(scenes / "masks" / "roof" / f"{name}.tif", mask)
        cases = load(scenes)
        assert areas(cases) == [[9], [9]]
        assert dict(cases[0].classes) == {1: "roof"}
        assert isinstance(cases[0].windows, Raster)

    def test_coco_beside_geotiff(self, scenes: Path, save_polygons: Save) -> None:
        images = [
            {"id": i, "file_name": f"{name}.tif", "height": 40, "width": 60}
            for i, name in enumerate("ab")
        ]
        box = {"id": 1, "image_id": 0, "category_id": 5, "iscrowd": 0, "bbox": [1, 1, 4, 3]}
        box |= {"segmentation": [[1, 1, 5, 1, 5, 4, 1, 4]], "area": 12}
        document = {"images": images, "annotations": [box]}
        document["categories"] = [{"id": 5, "name": "roof"}]
        (scenes / "annotations.json").write_text(json.dumps(document))
        cases = load(scenes)
        assert areas(cases) == [[12], []]
        assert isinstance(cases[0].geometry, Position)
        assert hash(cases[0].read_objects) != hash(cases[1].read_objects)
        save_polygons(scenes / "roofs.geojson", [])
        with pytest.raises(DataError, match=r"both roofs\.geojson and the COCO JSON annotations"):
            load(scenes)
        assert areas(load(scenes / "annotations.json")) == [[12], []]

    def test_nothing_to_read_is_the_core_s_error(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no such folder"):
            load(tmp_path / "missing")
        with pytest.raises(DataError, match="no images"):
            load(tmp_path)


class TestBadLabels:
    def test_labels_on_another_grid_are_said_for_all_at_once(
        self, scenes: Path, save: Save
    ) -> None:
        for name in "ab":
            save(scenes / "labels" / f"{name}.tif", np.ones((50, 70), np.uint8))
        cases = load(scenes)
        assert areas(cases) == [[2400], [2400]]
        assert cases[0].notes == (
            "its labels lie on another grid (EPSG:32633) than the image and are brought to it by "
            "the nearest neighbour; so in 1 more images",
        )

    def test_a_damaged_label_is_an_error_of_its_case(
        self, scenes: Path, add: Callable[..., None]
    ) -> None:
        add(scenes, "labels")
        (scenes / "labels" / "b.tif").write_bytes(b"II*\0 and no more")
        found = audit_cases(load(scenes), minimum_area=4)
        (error,) = found.errors
        assert (error.case, Path(error.file).name) == ("b", "b.tif")
        assert "damaged, cut short" in error.problem

    def test_a_constant_scene_and_one_pixel_are_warned_of(self, tmp_path: Path, save: Save) -> None:
        for name, size in {"a": (9, 9), "b": (1, 1)}.items():
            save(tmp_path / "images" / f"{name}.tif", np.full(size, 7, np.uint16))
            save(tmp_path / "labels" / f"{name}.tif", np.ones(size, np.uint8))
        found = audit_cases(load(tmp_path), minimum_area=1)
        assert not found.errors
        constant = [w.case for w in found.warnings if "same value" in w.problem]
        assert constant == ["a", "b"]


def test_a_scene_larger_than_a_tile_is_cut_with_its_polygons(
    tmp_path: Path, save: Save, save_polygons: Save, ring: Ring, utm: dict[str, Any]
) -> None:
    save(tmp_path / "images" / "a.tif", np.arange(90_000, dtype=np.uint32).reshape(1, 300, 300))
    save_polygons(tmp_path / "a.geojson", [ring(100, 100, 200, 200)], crs=utm)
    tiles = in_parts(load(tmp_path), SceneRecipe(tile=150, overlap=0))
    assert [tile.id for tile in tiles] == ["a@0_000", "a@0_001", "a@1_000", "a@1_001"]
    assert areas(tiles) == [[2500]] * 4
    assert tiles[3].read_pixels()[0, 0, 0] == 150 * 300 + 150


def test_what_was_segmented_is_labelled_data_again(scenes: Path, add: Callable[..., None]) -> None:
    for case in load(scenes):
        mask = np.eye(40, 60, dtype=bool)
        hole = np.ones((40, 60), dtype=bool)
        hole[10:20, 10:20] = False
        found = [ObjectMask.from_mask(mask), ObjectMask.from_mask(hole)]
        SceneWriter("geojson")(case, found, scenes / "labels")
    cases = load(scenes)
    assert areas(cases) == [[40, 2300]] * 2
    np.testing.assert_array_equal(objects_of(cases[1])[1].mask(), hole)
