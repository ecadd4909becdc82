from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from samdomains_satellite.polygon_labels import PolygonLabels
from samdomains_satellite.position import Position
from samdomains_satellite.rasters import Raster

from samdomains.plugin import Case, DataError

SavePolygons = Callable[..., Path]
Place = Callable[..., Position]
Draw = Callable[..., Path]


@pytest.fixture
def draw(
    save_polygons: SavePolygons, ring: Callable[..., list[list[float]]], utm: dict[str, Any]
) -> Draw:
    """Writes rectangles of pixels of the western scene, in its CRS, as GeoJSON."""

    def write(
        path: Path,
        boxes: Sequence[tuple[int, int, int, int]],
        properties: Sequence[dict[str, Any]] | None = None,
        **members: Any,
    ) -> Path:
        return save_polygons(
            path, [ring(*box) for box in boxes], properties, **{"crs": utm} | members
        )

    return write


def scenes(place: Position) -> dict[str, Raster | Path]:
    """Two scenes side by side."""
    a, b, c, d, e, f = place.transform
    east = replace(place, transform=(a, b, c + a * place.size[1], d, e, f))
    places = {"west": place, "east": east}
    return {
        name: Raster(Path(f"{name}.tif"), where.size, (1,), "uint8", False, None, where)
        for name, where in places.items()
    }


def annotated(labels: PolygonLabels, found: dict[str, Raster | Path]) -> list[Case]:
    cases = [Case(name, name, list, None, {1: "object"}, files=(Path(name),)) for name in found]  # type: ignore[arg-type]
    return labels.annotated(cases, found)


def areas(cases: list[Case]) -> list[list[tuple[int, int]]]:
    """Area and class of each object of each case."""
    return [
        [(item.area, item.class_id) for item in case.read_objects()]
        for case in cases
        if case.read_objects
    ]


class TestOneFile:
    def test_a_polygon_across_two_scenes_is_cut(
        self,
        tmp_path: Path,
        draw: Draw,
        place: Place,
    ) -> None:
        rings = [(2, 3, 8, 9), (10, 50, 12, 80), (0, 100, 4, 104)]
        path = draw(tmp_path / "a.geojson", rings)
        cases = annotated(PolygonLabels.of_file(path), scenes(place()))
        assert areas(cases) == [[(36, 1), (20, 1)], [(40, 1), (16, 1)]]
        assert all(case.notes == () for case in cases)
        assert cases[0].files[-1] == path

    def test_polygons_outside_every_scene_and_other_features_are_said_once(
        self,
        tmp_path: Path,
        draw: Draw,
        place: Place,
    ) -> None:
        rings = [(2, 3, 8, 9), (90, 3, 98, 9), (0, 300, 4, 304)]
        path = draw(tmp_path / "a.geojson", rings)
        document = json.loads(path.read_text())
        document["features"].append({"type": "Feature", "geometry": None, "properties": {}})
        path.write_text(json.dumps(document))
        cases = annotated(PolygonLabels.of_file(path), scenes(place()))
        assert cases[0].notes == (
            "1 features of a.geojson are no polygons and are left out",
            "2 of 3 polygons of a.geojson lie outside every scene",
        )
        assert cases[1].notes == ()

    def test_none_in_any_scene_is_an_error(
        self,
        tmp_path: Path,
        draw: Draw,
        place: Place,
    ) -> None:
        path = draw(tmp_path / "a.geojson", [(90, 3, 98, 9)])
        with pytest.raises(DataError, match="none of its 1 polygons lies in a scene"):
            annotated(PolygonLabels.of_file(path), scenes(place()))

    def test_another_crs_is_said(
        self, tmp_path: Path, save_polygons: SavePolygons, place: Place
    ) -> None:
        corner = [[14.9999, 50.0], [15.0003, 50.0], [15.0003, 50.02], [14.9999, 50.0]]
        path = save_polygons(tmp_path / "a.geojson", [corner])
        cases = annotated(PolygonLabels.of_file(path), scenes(place()))
        note = "the polygons of a.geojson (EPSG:4326) are reprojected to the CRS of the image"
        assert [case.notes[0] for case in cases] == [f"{note} (EPSG:32633)"] * 2


class TestFilesOfScenes:
    def test_each_scene_has_its_file(
        self,
        tmp_path: Path,
        draw: Draw,
        place: Place,
    ) -> None:
        draw(tmp_path / "labels" / "west.geojson", [(2, 3, 8, 9)])
        draw(tmp_path / "labels" / "east.geojson", [(2, 3, 8, 9)])
        cases = annotated(PolygonLabels.of_folder(tmp_path / "labels"), scenes(place()))
        assert areas(cases) == [[(36, 1)], []]
        assert cases[0].notes == ("1 of 2 polygons of labels lie outside its scene",)
        assert cases[1].files[-1].name == "east.geojson"

    def test_a_scene_without_file_is_refused(
        self, tmp_path: Path, draw: Draw, place: Place
    ) -> None:
        draw(tmp_path / "labels" / "west.geojson", [])
        with pytest.raises(DataError, match="1 of 2 images have no label file of their name: east"):
            annotated(PolygonLabels.of_folder(tmp_path / "labels"), scenes(place()))


class TestPlaces:
    def test_an_image_that_lies_nowhere_takes_no_polygons(
        self, tmp_path: Path, draw: Draw, place: Place
    ) -> None:
        labels = PolygonLabels.of_file(draw(tmp_path / "a.geojson", [(2, 3, 8, 9)]))
        with pytest.raises(DataError, match=r"west: it has no position.*cannot be put in it"):
            annotated(labels, {"west": Path("west.png")})
        with pytest.raises(DataError, match="west: it has no CRS"):
            annotated(labels, scenes(replace(place(), crs="")))

    def test_coordinates_of_the_scene_itself_need_no_crs(
        self, tmp_path: Path, draw: Draw, place: Place
    ) -> None:
        path = draw(tmp_path / "a.geojson", [(2, 3, 8, 9)], crs=None)
        found = scenes(replace(place(), crs=""))
        assert areas(annotated(PolygonLabels.of_file(path), found)) == [[(36, 1)], []]


class TestClasses:
    @pytest.mark.parametrize(
        ("properties", "names", "expected"),
        [
            ([{}, {}], None, ({1: "object"}, [1, 1])),
            ([{}, {}], {"4": "roof"}, ({4: "roof"}, [4, 4])),
            ([{"class": "road"}, {"class": "pond"}], None, ({1: "pond", 2: "road"}, [2, 1])),
            ([{"label": 7}, {"label": 3}], None, ({3: "class 3", 7: "class 7"}, [7, 3])),
            (
                [{"category": "road"}, {"category": "pond"}],
                {"1": "road", "2": "pond", "3": "roof"},
                ({1: "road", 2: "pond", 3: "roof"}, [1, 2]),
            ),
            ([{"class": 2}, {"class": 1}], {"1": "a", "2": "b"}, ({1: "a", 2: "b"}, [2, 1])),
        ],
    )
    def test_names_and_numbers(
        self,
        tmp_path: Path,
        draw: Draw,
        properties: list[dict[str, Any]],
        names: dict[str, str] | None,
        expected: tuple[dict[int, str], list[int]],
    ) -> None:
        path = draw(tmp_path / "a.geojson", [(2, 3, 8, 9), (12, 3, 18, 9)], properties)
        if names is not None:
            (tmp_path / "labels.json").write_text(json.dumps(names))
        labels = PolygonLabels.of_file(path)
        assert labels.classes == expected[0]
        assert [labels.class_ids[item.kind] for item in labels.documents[0].features] == expected[1]

    def test_a_class_that_labels_json_does_not_name_is_refused(
        self, tmp_path: Path, draw: Draw
    ) -> None:
        (tmp_path / "labels.json").write_text('{"1": "road"}')
        path = draw(tmp_path / "a.geojson", [(2, 3, 8, 9)], [{"class": "r"}], crs=None)
        with pytest.raises(DataError, match="of the class 'r', which is not among road"):
            PolygonLabels.of_file(path)

    def test_files_of_one_set_say_classes_in_one_way(self, tmp_path: Path, draw: Draw) -> None:
        for name, value in {"west": "road", "east": 3}.items():
            path = tmp_path / "labels" / f"{name}.geojson"
            draw(path, [(2, 3, 8, 9)], [{"class": value}], crs=None)
        with pytest.raises(DataError, match="give classes in different ways"):
            PolygonLabels.of_folder(tmp_path / "labels")
