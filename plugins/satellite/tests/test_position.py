from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS
from samdomains_satellite.position import Position, crs_name, moved, overlap, parsed

DEGREES = CRS.from_epsg(4326).wkt
UTM = CRS.from_epsg(32633).wkt
MERCATOR = CRS.from_epsg(3857).wkt


@st.composite
def transforms(draw: st.DrawFn) -> tuple[float, float, float, float, float, float]:
    """Any scale from centimetres to kilometres, rotation, shear and mirror."""
    scale = draw(st.floats(0.01, 1000))
    turn, shear = draw(st.floats(-np.pi, np.pi)), draw(st.floats(-0.7, 0.7))
    ratio = draw(st.sampled_from([-1.0, 1.0])) * draw(st.floats(0.3, 3))
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    a, b = cos, -ratio * (sin - shear * cos)
    d, e = sin, ratio * (cos + shear * sin)
    return a, b, draw(st.floats(-2e7, 2e7)), d, e, draw(st.floats(-1e7, 1e7))


@given(transforms(), st.integers(0, 50_000), st.integers(0, 50_000))
def test_pixels_come_back_from_the_ground(
    transform: tuple[float, float, float, float, float, float], column: int, row: int
) -> None:
    position = Position("", transform, (50_000, 50_000))
    pixels = np.array([[column, row]], dtype=np.float64)
    back = position.to_pixels(position.to_ground(pixels))
    # Coordinates of 2e7 have steps of 4e-9, a hundredth of a pixel at most has a millionth.
    np.testing.assert_allclose(back, pixels, atol=1e-5)


def test_it_travels_to_workers_and_can_be_a_key(place: Callable[..., Position]) -> None:
    assert pickle.loads(pickle.dumps(place())) == place()
    assert len({place(), place(), place(3, 3)}) == 2


def test_the_area_of_a_turned_pixel_is_that_of_its_sides() -> None:
    assert Position("", (3.0, -4.0, 0.0, 4.0, 3.0, 0.0), (1, 1)).pixel_area == 25.0


class TestGrids:
    def test_rounding_errors_of_web_tiles_are_one_grid(
        self, place: Callable[..., Position]
    ) -> None:
        here = place(256, 256)
        a, b, c, d, e, f = here.transform
        assert here.lies_on(replace(here, transform=(a + 1e-11, b, c, d, e - 1e-11, f)))

    @pytest.mark.parametrize("index", [0, 1, 2, 3, 4, 5])
    def test_any_other_transform_is_another_grid(
        self, place: Callable[..., Position], index: int
    ) -> None:
        here = place(256, 256)
        changed = list(here.transform)
        changed[index] += 0.1
        assert not here.lies_on(replace(here, transform=tuple(changed)))

    def test_another_size_or_crs_is_another_grid(self, place: Callable[..., Position]) -> None:
        assert not place(40, 60).lies_on(place(40, 61))
        assert not place().lies_on(replace(place(), crs=MERCATOR))
        assert place().lies_on(replace(place(), crs=""))


class TestCrs:
    def test_points_are_moved_with_longitude_first(self) -> None:
        points = moved(np.array([[15.0, 50.0]]), DEGREES, UTM)
        np.testing.assert_allclose(points, [[500_000.0, 5_538_630.7]], atol=0.1)

    def test_the_same_or_an_unknown_crs_moves_nothing(self) -> None:
        points = np.array([[1.0, 2.0]])
        assert moved(points, UTM, UTM) is points
        assert moved(points, "", UTM) is points

    def test_a_point_without_coordinates_there_is_infinite(self) -> None:
        assert np.isinf(moved(np.array([[15.0, 95.0]]), DEGREES, UTM)).all()

    def test_bounds_hold_the_whole_outline(self, place: Callable[..., Position]) -> None:
        bounds = place(40, 60).bounds_in(DEGREES)
        assert bounds is not None
        left, bottom, right, top = bounds
        assert left == pytest.approx(15.0, abs=1e-6)
        assert right - left == pytest.approx(30 / 111_320 / np.cos(np.radians(50)), rel=0.01)
        assert top - bottom == pytest.approx(20 / 111_230, rel=0.01)
        assert overlap(bounds, (15.0002, 50.0, 15.1, 50.1))
        assert not overlap(bounds, (15.1, 50.0, 15.2, 50.1))

    def test_bounds_are_unknown_where_the_crs_has_no_such_place(self) -> None:
        nowhere = Position(DEGREES, (1.0, 0.0, 15.0, 0.0, -1.0, 95.0), (2, 2))
        assert nowhere.bounds_in(UTM) is None

    def test_people_know_it_by_its_code(self) -> None:
        assert crs_name(UTM) == "EPSG:32633"
        assert crs_name("") == "no CRS"
        own = CRS.from_string("+proj=laea +lat_0=10 +lon_0=20").wkt
        assert crs_name(own) == "unknown"
        assert parsed(own) == CRS.from_wkt(own)
