from __future__ import annotations

import csv
import json
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from rasterio.crs import CRS
from samdomains_satellite.annotations import PolygonObjects
from samdomains_satellite.geojson import read_geojson
from samdomains_satellite.position import Position
from samdomains_satellite.writers import BLOCK, SceneWriter, write_label_raster, write_polygons

from samdomains.plugin import Case, DataError, Mask, ObjectMask, OutputFormat

Place = Callable[..., Position]

UTM = CRS.from_epsg(32633).wkt
DEGREES = CRS.from_epsg(4326).wkt


def case(position: Position | None, **changes: Any) -> Case:
    size = (40, 60) if position is None else position.size
    values: dict[str, Any] = {
        "id": "a",
        "group": "a",
        "read_pixels": lambda: np.zeros((1, *size), np.uint8),
        "read_objects": None,
        "classes": {1: "building"},
        "files": (Path("a.tif"),),
        "geometry": position,
    }
    return Case(**values | changes)


def box(y0: int, x0: int, y1: int, x1: int, size: tuple[int, int] = (40, 60)) -> ObjectMask:
    return ObjectMask(np.ones((y1 - y0, x1 - x0), bool), (y0, x0), size)


def write(output: OutputFormat, what: Case, objects: Sequence[ObjectMask], out: Path) -> list[str]:
    return [path.name for path in SceneWriter(output)(what, objects, out)]


def read_back(path: Path, place: Position) -> tuple[ObjectMask, ...]:
    found = read_geojson(path)
    ids = (1,) * len(found.features)
    return PolygonObjects(path, found.crs, place, found.features, ids)()


class TestLabelRaster:
    @pytest.mark.parametrize(
        "transform",
        [
            (0.1492910708766, 0, 3627854.23647103, 0, -0.1492910708621, 38830.01),
            (3, -4, 7, 4, 3, 9),
        ],
        ids=["north up", "turned"],
    )
    def test_crs_transform_and_nodata_are_those_of_the_scene(
        self, tmp_path: Path, transform: tuple[float, float, float, float, float, float]
    ) -> None:
        position = Position(UTM, transform, (40, 60))
        assert write("geotiff", case(position), [box(2, 3, 5, 9)], tmp_path) == ["a.tif"]
        with rasterio.open(tmp_path / "a.tif") as source:
            assert tuple(source.transform)[:6] == transform
            assert source.crs == CRS.from_wkt(UTM)
            assert (source.shape, source.count, source.nodata) == ((40, 60), 1, 0)
            assert source.block_shapes == [(BLOCK, BLOCK)]
            assert source.compression.value == "DEFLATE"
            expected = np.zeros((40, 60), np.uint16)
            expected[2:5, 3:9] = 1
            np.testing.assert_array_equal(source.read(1), expected)

    def test_objects_across_rows_of_tiles_and_overlaps_are_painted_whole(
        self, tmp_path: Path, place: Place
    ) -> None:
        """The smaller lies over the larger, whatever their order."""
        size = (2 * BLOCK + 7, BLOCK + 5)
        small, large = box(250, 10, 260, 20, size), box(5, 2, size[0], 200, size)
        write_label_raster(tmp_path / "a.tif", place(*size), [small, large])
        expected = np.zeros(size, np.uint16)
        expected[large.mask()] = 2
        expected[small.mask()] = 1
        with rasterio.open(tmp_path / "a.tif") as source:
            np.testing.assert_array_equal(source.read(1), expected)

    def test_nothing_found_is_an_empty_raster(self, tmp_path: Path, place: Place) -> None:
        write("native", case(place()), [], tmp_path)
        with rasterio.open(tmp_path / "a.tif") as source:
            assert (source.dtypes, source.read().any()) == (("uint16",), False)
        assert json.loads((tmp_path / "a.geojson").read_text())["features"] == []

    def test_more_than_65535_objects_need_32_bits(self, tmp_path: Path, place: Place) -> None:
        size = (260, 260)
        pixel = np.ones((1, 1), bool)
        objects = [ObjectMask(pixel, divmod(n, 260), size) for n in range(65_536)]
        write_label_raster(tmp_path / "a.tif", place(*size), objects)
        with rasterio.open(tmp_path / "a.tif") as source:
            assert source.dtypes == ("uint32",)
            assert source.read(1).ravel()[:65_536].tolist() == list(range(1, 65_537))

    @pytest.mark.parametrize("share", [0.3, 0.99])
    def test_a_full_disk_leaves_nothing(self, tmp_path: Path, place: Place, share: float) -> None:
        """GDAL would say nothing of the last part, which it writes as it closes the file."""
        resource = pytest.importorskip("resource")
        noise = np.random.default_rng(0).random((400, 400)) < 0.5
        objects = [ObjectMask.from_mask(noise)]
        write_label_raster(tmp_path / "a.tif", place(400, 400), objects)
        most = int(share * (tmp_path / "a.tif").stat().st_size)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
        try:
            with pytest.raises(OSError, match=r"cannot be written whole.*b\.tif"):
                write_label_raster(tmp_path / "b.tif", place(400, 400), objects)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]

    def test_an_unknown_crs_stays_unknown(self, tmp_path: Path, place: Place) -> None:
        position = Position("", place().transform, (40, 60))
        write("native", case(position), [box(1, 1, 3, 3)], tmp_path)
        with rasterio.open(tmp_path / "a.tif") as source:
            assert source.crs is None
            assert tuple(source.transform)[:6] == position.transform
        document = json.loads((tmp_path / "a.geojson").read_text())
        assert document["crs"] is None
        (item,) = read_back(tmp_path / "a.geojson", position)
        assert item.origin == (1, 1)


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Position, list[Mask]]:
    """Overlapping masks with holes, and a grid that is turned, sheared and far from the origin."""
    size = draw(st.tuples(st.integers(1, 14), st.integers(1, 14)))
    masks = draw(st.lists(arrays.arrays(bool, size).filter(np.any), min_size=1, max_size=4))
    scale, turn = draw(st.floats(0.05, 100)), draw(st.floats(-np.pi, np.pi))
    shear, flip = draw(st.floats(-0.5, 0.5)), draw(st.sampled_from([-1.0, 1.0]))
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    east, north = draw(st.floats(-1e7, 1e7)), draw(st.floats(-1e7, 1e7))
    transform = (cos, flip * (shear * cos - sin), east, sin, flip * (shear * sin + cos), north)
    return Position(UTM, transform, size), masks


class TestPolygons:
    @settings(max_examples=60)
    @given(scene=scenes())
    def test_any_masks_come_back_exactly(
        self, scene: tuple[Position, list[Mask]], tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        position, masks = scene
        path = tmp_path_factory.mktemp("polygons") / "a.geojson"
        objects = [ObjectMask.from_mask(mask) for mask in masks]
        write_polygons(path, position, case(position), objects)
        found = read_back(path, position)
        assert len(found) == len(masks)
        for item, mask in zip(found, masks, strict=True):
            np.testing.assert_array_equal(item.mask(), mask)

    def test_degrees_come_back_exactly_too(self, tmp_path: Path) -> None:
        position = Position(DEGREES, (1e-5, 0, 15.123456789, 0, -1e-5, 50.987654321), (40, 60))
        write("geojson", case(position), [box(2, 3, 5, 9)], tmp_path)
        document = json.loads((tmp_path / "a.geojson").read_text())
        assert document["crs"]["properties"]["name"] == "urn:ogc:def:crs:OGC:1.3:CRS84"
        assert "area" not in document["features"][0]["properties"]
        (item,) = read_back(tmp_path / "a.geojson", position)
        assert (item.origin, item.area) == ((2, 3), 18)

    def test_properties_say_what_an_object_is(self, tmp_path: Path, place: Place) -> None:
        scored = ObjectMask(np.ones((2, 3), bool), (4, 5), (40, 60), class_id=7, score=0.9)
        classes = {1: "building", 7: "grüne Wiese"}
        what = case(place(), classes=classes)
        assert write("geojson", what, [box(2, 3, 5, 9), scored], tmp_path) == ["a.geojson"]
        document = json.loads((tmp_path / "a.geojson").read_text("utf-8"))
        assert document["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::32633"
        assert [feature["properties"] for feature in document["features"]] == [
            {"id": 1, "class": "building", "area": 4.5},
            {"id": 2, "class": "grüne Wiese", "area": 1.5, "score": 0.9},
        ]

    def test_outer_rings_are_anticlockwise_and_holes_clockwise(
        self, tmp_path: Path, place: Place
    ) -> None:
        mask = np.ones((5, 5), bool)
        mask[2, 2] = False
        write("geojson", case(place()), [ObjectMask(mask, (3, 3), (40, 60))], tmp_path)
        geometry = json.loads((tmp_path / "a.geojson").read_text())["features"][0]["geometry"]
        areas = []
        for ring in geometry["coordinates"]:
            x, y = (np.array(ring) - ring[0]).T
            areas.append(float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) / 2)
        assert areas == [25 / 4, -1 / 4]

    def test_parts_that_touch_at_corners_are_a_multipolygon(
        self, tmp_path: Path, place: Place
    ) -> None:
        item = ObjectMask(np.eye(3, dtype=bool), (0, 0), (40, 60))
        write("geojson", case(place()), [item], tmp_path)
        geometry = json.loads((tmp_path / "a.geojson").read_text())["features"][0]["geometry"]
        assert (geometry["type"], len(geometry["coordinates"])) == ("MultiPolygon", 3)


class TestFormats:
    def test_native_is_both_and_names_several_classes(self, tmp_path: Path, place: Place) -> None:
        other = ObjectMask(np.ones((2, 3), bool), (4, 5), (40, 60), class_id=7)
        what = case(place(), classes={1: "building", 7: "road, paved"})
        names = write("native", what, [other, box(2, 3, 5, 9)], tmp_path)
        assert names == ["a.tif", "a_classes.csv", "a.geojson"]
        assert list(csv.reader((tmp_path / "a_classes.csv").read_text().splitlines())) == [
            ["value", "class_id", "class"],
            ["1", "7", "road, paved"],
            ["2", "1", "building"],
        ]
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)

    def test_native_is_png_for_a_plain_image(self, tmp_path: Path) -> None:
        assert write("native", case(None), [box(2, 3, 5, 9)], tmp_path) == ["a.png", "a.json"]

    @pytest.mark.parametrize("output", ["geotiff", "geojson"])
    def test_what_needs_a_position_is_refused_without(
        self, tmp_path: Path, output: OutputFormat
    ) -> None:
        with pytest.raises(DataError, match=rf"data\.output is {output}.*no position.*output=png"):
            write(output, case(None), [box(2, 3, 5, 9)], tmp_path)
        assert not list(tmp_path.iterdir())

    def test_png_and_coco_are_the_core_s(self, tmp_path: Path, place: Place) -> None:
        objects = [box(2, 3, 5, 9)]
        assert write("png", case(place()), objects, tmp_path / "p") == ["a.png", "a.json"]
        assert write("coco", case(place()), objects, tmp_path / "c") == ["a.json"]

    def test_an_id_that_leads_elsewhere_is_refused(self, tmp_path: Path, place: Place) -> None:
        with pytest.raises(DataError, match="no file name"):
            write("native", case(place(), id="../a"), [], tmp_path)

    def test_it_travels_to_workers(self) -> None:
        assert pickle.loads(pickle.dumps(SceneWriter("native"))) == SceneWriter("native")
