from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image as PillowImage
from rasterio import Affine
from rasterio.crs import CRS
from samdomains_satellite.annotations import PolygonObjects, RasterObjects, label_values
from samdomains_satellite.geojson import WGS_84, Feature
from samdomains_satellite.position import Position, moved
from samdomains_satellite.rasters import Raster, find_raster

from samdomains.plugin import DataError, MaskReading

Save = Callable[..., Path]
Place = Callable[..., Position]
Ring = Callable[..., list[list[float]]]

INSTANCES = MaskReading("instances", "whole", 0, ((1, "field"),))


@pytest.fixture
def scene(tmp_path: Path, save: Save, pattern: NDArray[np.uint16]) -> Raster:
    return find_raster(save(tmp_path / "images" / "a.tif", pattern))


@pytest.fixture
def labels() -> NDArray[np.int32]:
    values = np.zeros((40, 60), np.int32)
    values[3:9, 4:11] = 70_000
    values[20:31, 40:60] = 5
    return values


class TestRasters:
    @pytest.mark.parametrize("dtype", ["uint16", "int32", "float32"])
    def test_each_value_is_an_object(
        self, tmp_path: Path, save: Save, scene: Raster, labels: NDArray[Any], dtype: str
    ) -> None:
        values = np.minimum(labels, 60_000).astype(dtype)
        path = save(tmp_path / "labels" / "a.tif", values)
        objects = RasterObjects(path, scene, INSTANCES)()
        assert [(item.area, item.origin, item.image_size) for item in objects] == [
            (220, (20, 40), (40, 60)),
            (42, (3, 4), (40, 60)),
        ]

    def test_nodata_and_nan_are_background(self, tmp_path: Path, save: Save, scene: Raster) -> None:
        values = np.full((40, 60), 255, np.uint8)
        values[3:5, 3:5] = 2
        path = save(tmp_path / "labels" / "a.tif", values, nodata=255)
        assert set(np.unique(label_values(path, scene))) == {0, 2}
        real = np.where(values == 255, np.nan, values).astype(np.float32)
        path = save(tmp_path / "labels" / "b.tif", real)
        assert set(np.unique(label_values(path, scene))) == {0, 2}

    def test_a_palette_is_read_by_its_numbers(
        self, tmp_path: Path, save: Save, scene: Raster, labels: NDArray[Any]
    ) -> None:
        path = save(tmp_path / "labels" / "a.tif", (labels == 5).astype(np.uint8) * 3)
        with rasterio.open(path, "r+") as target:
            target.write_colormap(1, {0: (0, 0, 0), 3: (255, 0, 0)})
        np.testing.assert_array_equal(label_values(path, scene), (labels == 5) * 3)

    def test_a_plain_picture_of_the_same_size_will_do(
        self, tmp_path: Path, scene: Raster, labels: NDArray[Any]
    ) -> None:
        path = tmp_path / "a.png"
        PillowImage.fromarray((labels > 0).astype(np.uint8) * 255).save(path)
        np.testing.assert_array_equal(label_values(path, scene), (labels > 0) * 255)
        np.testing.assert_array_equal(label_values(path, path), (labels > 0) * 255)

    def test_another_size_needs_a_position(
        self, tmp_path: Path, save: Save, scene: Raster, labels: NDArray[Any]
    ) -> None:
        path = save(tmp_path / "labels" / "a.tif", labels[:-1], crs=None, transform=None)
        with pytest.raises(DataError, match=r"60 x 39 pixels.*60 x 40.*where it lies"):
            label_values(path, scene)

    def test_colours_and_fractions_are_refused(
        self, tmp_path: Path, save: Save, scene: Raster, labels: NDArray[Any]
    ) -> None:
        same = save(tmp_path / "labels" / "a.tif", np.stack([labels] * 3))
        np.testing.assert_array_equal(label_values(same, scene), labels)
        coloured = save(tmp_path / "labels" / "b.tif", np.stack([labels, labels, 0 * labels]))
        with pytest.raises(DataError, match="colours have no number"):
            label_values(coloured, scene)
        real = save(tmp_path / "labels" / "c.tif", np.full((40, 60), 0.5, np.float32))
        with pytest.raises(DataError, match="not all whole numbers"):
            label_values(real, scene)


class TestOtherGrids:
    def test_a_larger_raster_of_the_same_pixels_is_cut(
        self, tmp_path: Path, save: Save, scene: Raster, labels: NDArray[Any]
    ) -> None:
        around = np.pad(labels, ((7, 5), (3, 9)), constant_values=9)
        moved_by = Affine(0.5, 0, 500_000 - 1.5, 0, -0.5, 5_540_000 + 3.5)
        path = save(tmp_path / "labels" / "a.tif", around, transform=moved_by)
        np.testing.assert_array_equal(label_values(path, scene), labels)

    def test_finer_pixels_come_by_the_nearest_neighbour(
        self, tmp_path: Path, save: Save, scene: Raster, labels: NDArray[Any]
    ) -> None:
        finer = np.kron(labels, np.ones((3, 3), np.int32))
        transform = Affine(0.5 / 3, 0, 500_000, 0, -0.5 / 3, 5_540_000)
        path = save(tmp_path / "labels" / "a.tif", finer, transform=transform)
        np.testing.assert_array_equal(label_values(path, scene), labels)

    def test_another_crs_is_reprojected_and_values_are_kept(
        self, tmp_path: Path, save: Save, scene: Raster, place: Place
    ) -> None:
        """A chessboard of 10 pixels, drawn in degrees, comes back in metres."""
        rows, columns = np.indices((400, 600)) // 100
        bounds = place().bounds_in(WGS_84)
        assert bounds is not None
        left, bottom, right, top = bounds
        across, down = (right - left) / 600, (top - bottom) / 400
        transform = Affine(across, 0, left, 0, -down, top)
        board = ((rows + columns) % 2 * 7).astype(np.uint8)
        path = save(tmp_path / "labels" / "a.tif", board, crs="EPSG:4326", transform=transform)
        values = label_values(path, scene)
        expected = (np.indices((40, 60)) // 10).sum(axis=0) % 2 * 7
        assert set(np.unique(values)) == {0, 7}
        assert (values == expected).mean() > 0.97  # north of UTM turns a little against degrees

    def test_beyond_the_border_of_the_labels_is_background(
        self, tmp_path: Path, save: Save, scene: Raster
    ) -> None:
        half = np.full((40, 30), 4, np.uint8)
        values = label_values(save(tmp_path / "labels" / "a.tif", half), scene)
        assert (values[:, :30] == 4).all()
        assert (values[:, 30:] == 0).all()

    def test_labels_of_another_place_are_refused(
        self, tmp_path: Path, save: Save, scene: Raster, labels: NDArray[Any]
    ) -> None:
        elsewhere = Affine(0.5, 0, 700_000, 0, -0.5, 5_540_000)
        path = save(tmp_path / "labels" / "a.tif", labels, transform=elsewhere)
        with pytest.raises(DataError, match=r"\(EPSG:32633\) lie elsewhere than their image"):
            label_values(path, scene)

    def test_other_grids_without_a_crs_are_refused(
        self, tmp_path: Path, save: Save, scene: Raster, labels: NDArray[Any]
    ) -> None:
        path = save(tmp_path / "labels" / "a.tif", labels[1:], crs=None)
        with pytest.raises(DataError, match="different grids, and a CRS is missing"):
            label_values(path, scene)


class TestPolygons:
    def reader(self, place: Position, *rings: list[list[float]], crs: str = "") -> PolygonObjects:
        features = tuple(Feature(((np.array(ring),),), None) for ring in rings)
        return PolygonObjects(Path("a.geojson"), crs, place, features, (1,) * len(rings))

    def test_each_polygon_is_a_crop_even_where_they_overlap(self, place: Place, ring: Ring) -> None:
        objects = self.reader(place(), ring(2, 3, 8, 9), ring(4, 5, 12, 50))()
        assert [(item.area, item.origin, item.crop.all()) for item in objects] == [
            (36, (2, 3), True),
            (360, (4, 5), True),
        ]

    def test_polygons_in_degrees_land_on_the_same_pixels(self, place: Place, ring: Ring) -> None:
        metres = ring(2.3, 3.2, 8.4, 9.1)
        degrees = moved(np.array(metres), place().crs, WGS_84).tolist()
        (here,) = self.reader(place(), metres)()
        (there,) = self.reader(place(), degrees, crs=WGS_84)()
        assert here.origin == there.origin
        np.testing.assert_array_equal(here.crop, there.crop)

    def test_what_holds_no_pixel_is_left_out(self, place: Place, ring: Ring) -> None:
        outside, tiny = ring(50, 70, 60, 80), ring(2.1, 2.1, 2.3, 2.3)
        assert len(self.reader(place(), outside, tiny, ring(0, 0, 2, 2))()) == 1
        assert self.reader(place())() == ()

    def test_a_place_that_the_crs_does_not_know_is_said(self, place: Place) -> None:
        pole = [[0.0, 95.0], [1.0, 95.0], [1.0, 96.0], [0.0, 95.0]]
        with pytest.raises(DataError, match="no coordinates in the CRS of the scene, EPSG:32633"):
            self.reader(place(), pole, crs=WGS_84)()

    def test_a_turned_scene_turns_the_mask(self) -> None:
        """A square of the ground is a rhomb of pixels that are turned by 45 degrees."""
        turned = Affine.rotation(45)
        position = Position(CRS.from_epsg(32633).wkt, tuple(turned)[:6], (40, 40))
        square = [[-5.0, 15.0], [5.0, 15.0], [5.0, 25.0], [-5.0, 25.0], [-5.0, 15.0]]
        (item,) = self.reader(position, square)()
        assert item.area == pytest.approx(100, abs=8)
        assert max(item.crop.shape) == pytest.approx(10 * np.sqrt(2), abs=2)


def test_readers_travel_to_workers(place: Place, scene: Raster, ring: Ring) -> None:
    raster = RasterObjects(Path("a.tif"), scene, INSTANCES)
    assert pickle.loads(pickle.dumps(raster)) == raster
    assert hash(raster)
    feature = Feature(((np.array(ring(2, 3, 8, 9)),),), None)
    polygons = PolygonObjects(Path("a.geojson"), "", place(), (feature,), (1,))
    again = pickle.loads(pickle.dumps(polygons))
    assert (again, hash(again)) == (polygons, hash(polygons))
    assert again()[0].area == 36
