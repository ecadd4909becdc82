from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rasterio.crs import CRS
from samdomains_satellite.geojson import CRS84, WGS_84, crs_member, read_geojson

from samdomains.plugin import DataError

SavePolygons = Callable[..., Path]

SQUARE = [[15.0, 50.0], [15.1, 50.0], [15.1, 50.1], [15.0, 50.1], [15.0, 50.0]]


def write(path: Path, *geometries: Any, **members: Any) -> Path:
    features = [{"type": "Feature", "properties": None, "geometry": item} for item in geometries]
    document = {"type": "FeatureCollection", "features": features, **members}
    path.write_text(json.dumps(document))
    return path


class TestGeometries:
    def test_holes_parts_and_collections(self, tmp_path: Path) -> None:
        hole = [[15.02, 50.02], [15.04, 50.02], [15.04, 50.04], [15.02, 50.02]]
        polygon = {"type": "Polygon", "coordinates": [SQUARE, hole]}
        several = {"type": "MultiPolygon", "coordinates": [[SQUARE, hole], [SQUARE]]}
        both = {"type": "GeometryCollection", "geometries": [polygon, several]}
        found = read_geojson(write(tmp_path / "a.geojson", polygon, several, both))
        counts = [[len(part) for part in feature.polygons] for feature in found.features]
        assert counts == [[2], [2, 1], [2, 2, 1]]
        assert found.features[0].polygons[0][1].tolist() == hole

    def test_points_lines_and_nothing_are_counted_and_left_out(self, tmp_path: Path) -> None:
        point = {"type": "Point", "coordinates": [1, 2]}
        polygon = {"type": "Polygon", "coordinates": [SQUARE]}
        found = read_geojson(write(tmp_path / "a.geojson", point, None, polygon))
        assert (len(found.features), found.others) == (1, 2)

    def test_heights_are_left_out_and_open_rings_closed(self, tmp_path: Path) -> None:
        ring = [[*position, 7.0] for position in SQUARE[:-1]]
        found = read_geojson(
            write(tmp_path / "a.geojson", {"type": "Polygon", "coordinates": [ring]})
        )
        assert found.features[0].polygons[0][0].tolist() == SQUARE

    @pytest.mark.parametrize(
        "coordinates",
        [
            [],
            [[]],
            [SQUARE[:2]],
            [[[1, 2], [3, 4], [5, None], [1, 2]]],
            [[[1], [2], [3], [4]]],
            [[[1e999, 2], [3, 4], [5, 6], [1e999, 2]]],
            7,
        ],
    )
    def test_malformed_polygons_are_named_by_their_number(
        self, tmp_path: Path, coordinates: Any
    ) -> None:
        good = {"type": "Polygon", "coordinates": [SQUARE]}
        bad = {"type": "Polygon", "coordinates": coordinates}
        with pytest.raises(DataError, match="the geometry of feature 1 is malformed") as caught:
            read_geojson(write(tmp_path / "a.geojson", good, bad))
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        "document",
        [
            '{"type": "Polygon", "coordinates": []}',
            '{"type": "FeatureCollection"}',
            '{"type": "FeatureCollection", "features": [1]}',
            "[]",
            "{",
            "",
        ],
    )
    def test_what_is_no_collection_of_features_is_refused(
        self, tmp_path: Path, document: str
    ) -> None:
        (tmp_path / "a.geojson").write_text(document)
        with pytest.raises(DataError, match=r"a\.geojson"):
            read_geojson(tmp_path / "a.geojson")


class TestCrs:
    def test_none_named_is_wgs_84(self, tmp_path: Path) -> None:
        assert read_geojson(write(tmp_path / "a.geojson")).crs == WGS_84

    @pytest.mark.parametrize("name", [CRS84, "urn:ogc:def:crs:EPSG::4326", "EPSG:4326"])
    def test_names_of_wgs_84_are_one(self, tmp_path: Path, name: str) -> None:
        member = {"type": "name", "properties": {"name": name}}
        assert read_geojson(write(tmp_path / "a.geojson", crs=member)).crs == WGS_84

    @pytest.mark.parametrize("code", ["EPSG:32633", "EPSG:4326", "EPSG:2056", "ESRI:54009"])
    def test_what_a_writer_names_is_read_back(self, tmp_path: Path, code: str) -> None:
        crs = CRS.from_user_input(code)
        member = crs_member(crs.wkt)
        assert CRS.from_wkt(read_geojson(write(tmp_path / "a.geojson", crs=member)).crs) == crs

    def test_a_crs_without_code_is_named_by_its_wkt(self, tmp_path: Path) -> None:
        crs = CRS.from_string("+proj=laea +lat_0=10 +lon_0=20 +datum=WGS84")
        member = crs_member(crs.wkt)
        assert CRS.from_wkt(read_geojson(write(tmp_path / "a.geojson", crs=member)).crs) == crs

    def test_an_unknown_crs_is_null_both_ways(self, tmp_path: Path) -> None:
        assert crs_member("") is None
        assert read_geojson(write(tmp_path / "a.geojson", crs=None)).crs == ""

    @pytest.mark.parametrize("member", [{}, "EPSG:4326", {"type": "link", "properties": {}}])
    def test_a_member_without_a_name_is_refused(self, tmp_path: Path, member: Any) -> None:
        with pytest.raises(DataError, match="names no CRS"):
            read_geojson(write(tmp_path / "a.geojson", crs=member))

    def test_an_unknown_name_is_refused(self, tmp_path: Path) -> None:
        member = {"type": "name", "properties": {"name": "EPSG:999999"}}
        with pytest.raises(DataError, match="'EPSG:999999' is not known"):
            read_geojson(write(tmp_path / "a.geojson", crs=member))

    def test_metres_without_a_crs_are_no_degrees(self, tmp_path: Path) -> None:
        ring = [[500_000, 5_540_000], [500_010, 5_540_000], [500_010, 5_540_010]]
        polygon = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
        with pytest.raises(DataError, match=r"in degrees.*500000, 5\.54e\+06.*crs member"):
            read_geojson(write(tmp_path / "a.geojson", polygon))


class TestClasses:
    def kinds(self, path: Path) -> list[str | int | None]:
        return [feature.kind for feature in read_geojson(path).features]

    @pytest.mark.parametrize("name", ["class", "label", "category"])
    def test_a_property_says_the_class(
        self, tmp_path: Path, save_polygons: SavePolygons, name: str
    ) -> None:
        properties = [{name: "road", "id": 3}, {name: "roof", "class_": 1}]
        path = save_polygons(tmp_path / "a.geojson", [SQUARE] * 2, properties)
        assert self.kinds(path) == ["road", "roof"]

    def test_numbers_may_be_written_as_fractions(
        self, tmp_path: Path, save_polygons: SavePolygons
    ) -> None:
        path = save_polygons(tmp_path / "a.geojson", [SQUARE] * 2, [{"label": 2}, {"label": 5.0}])
        assert self.kinds(path) == [2, 5]

    @pytest.mark.parametrize("value", [True, 1.5, [], " ", float("nan"), float("inf")])
    def test_what_is_no_class_is_refused(
        self, tmp_path: Path, save_polygons: SavePolygons, value: Any
    ) -> None:
        path = save_polygons(tmp_path / "a.geojson", [SQUARE], [{"class": value}])
        with pytest.raises(DataError, match=r"feature 0 has the class .*neither a name"):
            read_geojson(path)

    def test_all_or_none_have_a_class_of_one_kind(
        self, tmp_path: Path, save_polygons: SavePolygons
    ) -> None:
        some = save_polygons(tmp_path / "a.geojson", [SQUARE] * 2, [{"class": "a"}, {}])
        with pytest.raises(DataError, match="1 of 2 polygons have no class"):
            read_geojson(some)
        mixed = save_polygons(tmp_path / "b.geojson", [SQUARE] * 2, [{"class": "a"}, {"class": 1}])
        with pytest.raises(DataError, match="names and numbers"):
            read_geojson(mixed)
