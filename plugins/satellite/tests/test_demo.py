from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from samdomains_satellite.cases import load_any
from samdomains_satellite.demo import BANDS, SIDES, SPLITS, write_demo_data

from samdomains.plugin import Recipe


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_data(tmp_path_factory.mktemp("demo"), 0)


def test_scenes_are_on_the_ground_and_footprints_in_degrees(demo: Path) -> None:
    names = sorted(path.stem for path in (demo / "images").glob("*.tif"))
    splits = json.loads((demo / "splits.json").read_text())
    assert {part: len(members) for part, members in splits.items()} == SPLITS
    assert sorted(name for members in splits.values() for name in members) == names
    with rasterio.open(demo / "images" / "scene_00.tif") as source:
        assert source.crs == rasterio.CRS.from_epsg(32633)
        assert (source.dtypes[0], source.count, source.nodata) == ("uint16", 4, 0)
        assert source.descriptions == BANDS
        assert source.res == (0.5, 0.5)
        assert all(SIDES[0] <= side <= SIDES[1] for side in source.shape)
    document = json.loads((demo / "footprints.geojson").read_text())
    assert "crs" not in document
    longitude, latitude = document["features"][0]["geometry"]["coordinates"][0][0]
    assert (longitude, latitude) == pytest.approx((14.4, 50.0), abs=0.1)


def test_every_scene_has_houses_and_some_lack_a_corner(demo: Path) -> None:
    cases = load_any(demo, Recipe())
    objects = [case.read_objects() for case in cases if case.read_objects]
    assert all(len(found) >= 4 for found in objects)
    assert dict(cases[0].classes) == {1: "building"}
    pixels = [case.read_pixels() for case in cases]
    void = [np.isnan(item).any(axis=0) for item in pixels]
    assert 2 <= sum(part.any() for part in void) <= 9
    for found, part in zip(objects, void, strict=True):
        assert not any((item.mask() & part).any() for item in found)
    assert all(np.nanmin(item) >= 1 and np.nanmax(item) <= 10_000 for item in pixels)


def test_the_same_seed_gives_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samdomains_satellite.demo.SPLITS", {"train": 2})
    first, again, other = (
        write_demo_data(tmp_path / name, seed)
        for name, seed in {"first": 5, "again": 5, "other": 6}.items()
    )
    names = [path.relative_to(first) for path in sorted(first.rglob("*")) if path.is_file()]
    assert len(names) == 4
    assert all((again / name).read_bytes() == (first / name).read_bytes() for name in names)
    assert any((other / name).read_bytes() != (first / name).read_bytes() for name in names)
