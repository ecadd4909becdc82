from __future__ import annotations

import pickle
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.enums import ColorInterp, Resampling
from samdomains_satellite.rasters import OVERVIEW_SIDE, find_raster

from samdomains.plugin import DataError, Window

Save = Callable[..., Path]
Pattern = NDArray[np.uint16]

INTEGERS = ["uint8", "int8", "uint16", "int16", "uint32", "int32"]


class TestPixels:
    @pytest.mark.parametrize("dtype", [*INTEGERS, "float32", "float64"])
    def test_every_type_is_read_as_stored(self, tmp_path: Path, save: Save, dtype: str) -> None:
        pixels = np.arange(120).reshape(2, 6, 10).astype(dtype)
        raster = find_raster(save(tmp_path / "a.tif", pixels))
        assert (raster.size, raster.dtype, raster.bands) == ((6, 10), dtype, (1, 2))
        assert raster().dtype == dtype
        np.testing.assert_array_equal(raster(), pixels)

    def test_a_window_is_that_part_of_the_scene(
        self, tmp_path: Path, save: Save, pattern: Pattern
    ) -> None:
        raster = find_raster(save(tmp_path / "a.tif", pattern))
        np.testing.assert_array_equal(raster.read(Window(7, 3, 19, 60)), pattern[:, 7:19, 3:60])

    @pytest.mark.parametrize("window", [(0, 0, 41, 60), (-1, 0, 4, 4), (5, 5, 5, 9)])
    def test_a_window_beyond_the_scene_is_a_bug(
        self, tmp_path: Path, save: Save, pattern: Pattern, window: tuple[int, int, int, int]
    ) -> None:
        raster = find_raster(save(tmp_path / "a.tif", pattern))
        with pytest.raises(ValueError, match="no part"):
            raster.read(Window(*window))

    def test_alpha_is_no_band_and_says_where_nothing_is(self, tmp_path: Path, save: Save) -> None:
        pixels = np.full((4, 6, 8), 7, dtype=np.uint8)
        pixels[3] = 255
        pixels[3, 0] = 0
        path = save(tmp_path / "a.tif", pixels, photometric="RGB", alpha="YES")
        raster = find_raster(path)
        assert raster.bands == (1, 2, 3)
        assert np.isnan(raster()[:, 0]).all()
        assert (raster()[:, 1:] == 7).all()

    def test_one_pixel_is_a_scene(self, tmp_path: Path, save: Save) -> None:
        raster = find_raster(save(tmp_path / "a.tif", np.full((1, 1), 9, np.uint16)))
        assert raster().tolist() == raster.overview().tolist() == [[[9]]]

    def test_it_travels_to_workers_and_can_be_a_key(
        self, tmp_path: Path, save: Save, pattern: Pattern
    ) -> None:
        raster = find_raster(save(tmp_path / "a.tif", pattern))
        assert pickle.loads(pickle.dumps(raster)) == raster
        assert hash(raster) == hash(find_raster(raster.path))


class TestNodata:
    @pytest.mark.parametrize(
        ("dtype", "read"),
        [("uint8", "float32"), ("int16", "float32"), ("int32", "float64"), ("float32", "float32")],
    )
    def test_the_file_s_value_becomes_nan(
        self, tmp_path: Path, save: Save, dtype: str, read: str
    ) -> None:
        pixels = np.array([[0, 1], [2, 0]], dtype=dtype)
        raster = find_raster(save(tmp_path / "a.tif", pixels, nodata=0), nodata=2.0)
        assert raster().dtype == read
        np.testing.assert_array_equal(raster(), [[[np.nan, 1], [2, np.nan]]])

    def test_the_recipe_s_value_counts_where_the_file_names_none(
        self, tmp_path: Path, save: Save
    ) -> None:
        path = save(tmp_path / "a.tif", np.array([[0, 1], [2, 0]], np.uint8))
        np.testing.assert_array_equal(find_raster(path, 0.0)(), [[[np.nan, 1], [2, np.nan]]])
        np.testing.assert_array_equal(find_raster(path, 0.5)(), [[[0, 1], [2, 0]]])

    def test_an_internal_mask_becomes_nan_in_windows_and_overview_too(
        self, tmp_path: Path, save: Save, pattern: Pattern
    ) -> None:
        mask = np.full((40, 60), 255, np.uint8)
        mask[:, :9] = 0
        raster = find_raster(save(tmp_path / "a.tif", pattern, mask=mask))
        for pixels in (raster(), raster.overview(), raster.read(Window(0, 0, 40, 60))):
            assert pixels.dtype == np.float32
            np.testing.assert_array_equal(np.isnan(pixels), np.broadcast_to(mask == 0, (3, 40, 60)))

    def test_a_window_without_any_pixel_is_read_and_a_scene_without_any_refused(
        self, tmp_path: Path, save: Save
    ) -> None:
        pixels = np.zeros((2, 4, 4), np.uint8)
        pixels[0, 3, 3] = 1
        raster = find_raster(save(tmp_path / "a.tif", pixels, nodata=0))
        assert np.isnan(raster.read(Window(0, 0, 2, 2))).all()
        with pytest.raises(DataError, match="its band 2 holds nothing"):
            raster()
        void = find_raster(save(tmp_path / "b.tif", pixels[1], nodata=0))
        with pytest.raises(DataError, match="it holds nothing: every pixel is nodata"):
            void.overview()

    def test_nan_is_nothing_and_infinite_is_an_error(self, tmp_path: Path, save: Save) -> None:
        pixels = np.array([[np.nan, 1.0], [2.0, 3.0]], np.float32)
        np.testing.assert_array_equal(find_raster(save(tmp_path / "a.tif", pixels))(), pixels[None])
        pixels[1, 1] = -np.inf
        with pytest.raises(DataError, match="1 of 4 pixel values are infinite"):
            find_raster(save(tmp_path / "b.tif", pixels))()


class TestOverview:
    def test_it_has_at_most_2048_pixels_a_side(self, tmp_path: Path, save: Save) -> None:
        pixels = np.broadcast_to(np.arange(5000, dtype=np.uint16), (2, 5000))
        overview = find_raster(save(tmp_path / "a.tif", pixels, compress="deflate")).overview()
        assert overview.shape == (1, 1, OVERVIEW_SIDE)
        np.testing.assert_allclose(overview[0, 0], np.linspace(0, 5000, OVERVIEW_SIDE), atol=5)

    def test_it_takes_the_overviews_of_the_file(self, tmp_path: Path, save: Save) -> None:
        pixels = np.zeros((4200, 32), np.uint8)
        pixels[::2] = 200  # an overview of half the size has every other row, all the same
        path = save(tmp_path / "a.tif", pixels, tiled=True, compress="deflate")
        with rasterio.open(path, "r+") as target:
            target.build_overviews([2], Resampling.nearest)
        assert len(np.unique(find_raster(path).overview())) == 1


class TestPosition:
    @pytest.mark.parametrize(
        "transform",
        [
            Affine(0.1492910708766, 0, 3627854.23647103, 0, -0.1492910708621, 38830.01036886871),
            Affine(0.4, 0.3, 500_000, 0.3, -0.4, 5_540_000),
            Affine(2, 0.7, -100.5, 0.01, 3, 33),
        ],
        ids=["north up", "turned", "sheared and mirrored"],
    )
    def test_the_transform_is_kept_to_the_last_bit(
        self, tmp_path: Path, save: Save, pattern: Pattern, transform: Affine
    ) -> None:
        position = find_raster(save(tmp_path / "a.tif", pattern, transform=transform)).position
        assert position is not None
        assert position.transform == tuple(transform)[:6]
        assert position.size == (40, 60)
        assert position.reference == rasterio.CRS.from_epsg(32633)

    def test_a_plain_tiff_has_none_and_says_so(
        self, tmp_path: Path, save: Save, pattern: Pattern
    ) -> None:
        raster = find_raster(save(tmp_path / "a.tif", pattern, crs=None, transform=None))
        assert raster.position is None
        assert raster.remark == "it has no position (CRS and transform)"
        np.testing.assert_array_equal(raster(), pattern)

    def test_a_transform_without_crs_is_a_position(
        self, tmp_path: Path, save: Save, pattern: Pattern
    ) -> None:
        position = find_raster(save(tmp_path / "a.tif", pattern, crs=None)).position
        assert position is not None
        assert position.crs == ""

    def test_control_points_are_said(self, tmp_path: Path, pattern: Pattern) -> None:
        path = tmp_path / "a.tif"
        points = [
            rasterio.control.GroundControlPoint(row, column, x, y)
            for row, column, x, y in [(0, 0, 1, 2), (0, 9, 3, 2), (9, 0, 1, 0)]
        ]
        size = {"count": 1, "height": 40, "width": 60, "dtype": "uint16", "driver": "GTiff"}
        with rasterio.open(path, "w", gcps=points, crs="EPSG:4326", **size) as target:
            target.write(pattern[0], 1)
        raster = find_raster(path)
        assert raster.position is None
        assert "ground control points" in raster.remark


class TestBadInput:
    def test_a_missing_an_empty_and_a_strange_file(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="there is no such file"):
            find_raster(tmp_path / "a.tif")
        (tmp_path / "a.tif").touch()
        with pytest.raises(DataError, match="0 bytes"):
            find_raster(tmp_path / "a.tif")
        (tmp_path / "a.tif").write_text("<VRTDataset/>")
        with pytest.raises(DataError, match="damaged, cut short or no TIFF") as caught:
            find_raster(tmp_path / "a.tif")
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("share", [0.001, 0.3, 0.95])
    def test_a_file_that_is_cut_short(self, tmp_path: Path, save: Save, share: float) -> None:
        noise = np.random.default_rng(0).integers(0, 255, (3, 99, 99), dtype=np.uint8)
        path = save(tmp_path / "a.tif", noise, tiled=True, blockxsize=16, blockysize=16)
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(DataError, match="damaged, cut short") as caught:
            find_raster(path)()
        assert "\n" not in str(caught.value)

    def test_a_scene_of_terabytes_is_read_by_windows_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "huge.tif"
        size = {"height": 2_000_000, "width": 2_000_000, "count": 3, "dtype": "uint16"}
        options = {"tiled": True, "blockxsize": 4096, "blockysize": 4096, "sparse_ok": True}
        place = {"crs": "EPSG:32633", "transform": Affine(1, 0, 9, 0, -1, 9), "bigtiff": "yes"}
        with rasterio.open(path, "w", driver="GTiff", **size, **options, **place):
            pass
        tracemalloc.start()
        raster = find_raster(path)
        assert tracemalloc.get_traced_memory()[1] < 1e6
        tracemalloc.stop()
        assert (
            raster.read(Window(10**6, 10**6, 10**6 + 3, 10**6 + 3)).tolist() == [[[0] * 3] * 3] * 3
        )
        with pytest.raises(DataError, match=r"2000000 x 2000000 pixels.*scene\.tile"):
            raster()

    def test_one_tile_of_gigabytes_is_refused_before_it_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "tile.tif"
        path.write_bytes(_one_deflated_tile(40_000))
        with pytest.raises(DataError, match=r"blocks of 1\.5 GiB.*gdal_translate"):
            find_raster(path)

    def test_one_strip_of_gigabytes_is_read_row_by_row(self, tmp_path: Path, save: Save) -> None:
        pixels = np.zeros((3000, 8), np.uint8)
        pixels[2900] = 7
        raster = find_raster(save(tmp_path / "a.tif", pixels, blockysize=3000, compress="deflate"))
        assert raster.read(Window(2899, 0, 2902, 2)).tolist() == [[[0, 0], [7, 7], [0, 0]]]

    def test_several_pictures_a_palette_and_complex_numbers_are_refused(
        self, tmp_path: Path, save: Save
    ) -> None:
        import tifffile

        stack = tmp_path / "stack.tif"
        tifffile.imwrite(stack, np.zeros((3, 9, 9), np.uint8), photometric="minisblack")
        with pytest.raises(DataError, match="it holds 3 pictures"):
            find_raster(stack)
        palette = save(tmp_path / "palette.tif", np.zeros((4, 4), np.uint8))
        with rasterio.open(palette, "r+") as target:
            target.write_colormap(1, {0: (255, 0, 0)})
        with pytest.raises(DataError, match=r"a palette.*-expand rgb"):
            find_raster(palette)
        radar = save(tmp_path / "radar.tif", np.ones((4, 4), np.complex64))
        with pytest.raises(DataError, match="complex64 are not supported"):
            find_raster(radar)

    def test_nothing_but_alpha_is_no_image(self, tmp_path: Path, save: Save) -> None:
        path = save(tmp_path / "a.tif", np.zeros((4, 4), np.uint8))
        with rasterio.open(path, "r+") as target:
            target.colorinterp = [ColorInterp.alpha]
        with pytest.raises(DataError, match="no band but alpha"):
            find_raster(path)


def _one_deflated_tile(side: int) -> bytes:
    """A TIFF whose header claims a square of bytes in one compressed tile."""
    tags = [(256, 4, side), (257, 4, side), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1)]
    tags += [(322, 4, side), (323, 4, side), (324, 4, 8), (325, 4, 4)]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    header = struct.pack("<2sHI", b"II", 42, 12) + bytes(4)
    return header + struct.pack("<H", len(tags)) + entries + bytes(4)
