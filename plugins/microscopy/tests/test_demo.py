from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from samdomains_microscopy.calibration import OmeCalibration, read_calibration
from samdomains_microscopy.demo import CHANNELS, SIDES, nuclei_scene, write_demo_data
from scipy import ndimage


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_data(tmp_path_factory.mktemp("demo"), 0)


def test_it_is_the_fields_format_with_a_split(demo: Path) -> None:
    images = sorted(path.name.split(".")[0] for path in (demo / "images").glob("*.ome.tif"))
    assert len(images) == 16
    assert images == sorted(path.stem for path in (demo / "labels").glob("*.tif"))
    splits = json.loads((demo / "splits.json").read_text())
    assert {part: len(stems) for part, stems in splits.items()} == {
        "train": 10,
        "val": 2,
        "test": 4,
    }
    assert sorted(stem for stems in splits.values() for stem in stems) == images
    image = tifffile.imread(demo / "images" / "nuclei_00.ome.tif")
    labels = tifffile.imread(demo / "labels" / "nuclei_00.tif")
    assert (image.dtype.name, labels.dtype.name) == ("uint16", "uint16")
    assert image.shape == (3, *labels.shape)


def test_the_header_says_what_the_channels_are_and_how_large_a_pixel_is(demo: Path) -> None:
    found = read_calibration(demo / "images" / "nuclei_00.ome.tif")
    assert isinstance(found, OmeCalibration)
    assert found.channels == CHANNELS
    assert dict(found.sizes)["PhysicalSizeX"] == "0.5"
    assert dict(found.sizes)["PhysicalSizeXUnit"] == "µm"


def test_the_same_seed_gives_the_same_files(demo: Path, tmp_path: Path) -> None:
    again, other = write_demo_data(tmp_path / "again", 0), write_demo_data(tmp_path / "other", 1)
    names = [path.relative_to(demo) for path in sorted(demo.rglob("*")) if path.is_file()]
    assert all((again / name).read_bytes() == (demo / name).read_bytes() for name in names)
    assert any((other / name).read_bytes() != (demo / name).read_bytes() for name in names)


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_every_scene_holds_whole_nuclei_that_are_brighter_than_the_background(seed: int) -> None:
    image, labels = nuclei_scene(np.random.default_rng(seed))
    assert image.shape == (3, *labels.shape)
    assert all(SIDES[0] <= side <= SIDES[1] for side in labels.shape)
    count = int(labels.max())
    assert count >= 5
    assert np.unique(labels).tolist() == list(range(count + 1))
    nuclei = image[0]
    background = np.median(nuclei[labels == 0])
    for label in range(1, count + 1):
        assert ndimage.label(labels == label)[1] == 1
        assert np.median(nuclei[labels == label]) > background


def test_the_membrane_lies_around_the_nuclei_and_not_on_them(demo: Path) -> None:
    image = tifffile.imread(demo / "images" / "nuclei_00.ome.tif").astype(float)
    labels = tifffile.imread(demo / "labels" / "nuclei_00.tif")
    distance = ndimage.distance_transform_edt(labels == 0)
    around = (distance > 6) & (distance < 10)
    assert image[1][around].mean() > image[1][labels > 0].mean()


def test_some_nuclei_touch_so_that_a_threshold_alone_cannot_part_them(demo: Path) -> None:
    merged = 0
    for file in (demo / "labels").glob("*.tif"):
        labels = tifffile.imread(file)
        merged += int(labels.max()) - ndimage.label(labels > 0)[1]
    assert merged > 10
