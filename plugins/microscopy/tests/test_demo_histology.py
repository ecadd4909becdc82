from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from samdomains_microscopy.calibration import PlainCalibration, read_calibration
from samdomains_microscopy.demo_histology import SIDE, tissue_tile, write_demo_histology
from scipy import ndimage


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_histology(tmp_path_factory.mktemp("demo"), 0)


def test_tiles_are_rgb_tiff_of_a_known_pixel_size(demo: Path) -> None:
    path = demo / "images" / "slide_0_tile_0.tif"
    image = tifffile.imread(path)
    assert (image.shape, image.dtype.name) == ((SIDE, SIDE, 3), "uint8")
    assert read_calibration(path) == PlainCalibration((40_000.0, 40_000.0), 3)
    labels = tifffile.imread(demo / "labels" / "slide_0_tile_0.tif")
    assert (labels.shape, labels.dtype.name) == ((SIDE, SIDE), "uint16")


def test_tiles_of_a_slide_stay_in_one_part(demo: Path) -> None:
    groups = json.loads((demo / "groups.json").read_text())
    splits = json.loads((demo / "splits.json").read_text())
    slides = [{groups[name] for name in part} for part in splits.values()]
    assert sum(len(part) for part in slides) == len(set.union(*slides)) == 8
    assert all(len(part) == 2 * len(own) for part, own in zip(splits.values(), slides, strict=True))


def test_the_same_seed_gives_the_same_files(demo: Path, tmp_path: Path) -> None:
    again = write_demo_histology(tmp_path / "again", 0)
    other = write_demo_histology(tmp_path / "other", 1)
    names = [path.relative_to(demo) for path in sorted(demo.rglob("*")) if path.is_file()]
    assert all((again / name).read_bytes() == (demo / name).read_bytes() for name in names)
    assert any((other / name).read_bytes() != (demo / name).read_bytes() for name in names)


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.floats(0.8, 1.25), st.floats(0.8, 1.25))
def test_nuclei_are_blue_and_the_rest_is_pink(seed: int, blue: float, pink: float) -> None:
    image, labels = tissue_tile(np.random.default_rng(seed), haematoxylin=blue, eosin=pink)
    count = int(labels.max())
    assert count >= 5
    assert np.unique(labels).tolist() == list(range(count + 1))
    for label in range(1, count + 1):
        assert ndimage.label(labels == label)[1] == 1
    red, _, colour_of_blue = np.median(image[labels > 0], axis=0)
    assert colour_of_blue > red
    red, green, _ = np.median(image[labels == 0], axis=0)
    assert red > green
