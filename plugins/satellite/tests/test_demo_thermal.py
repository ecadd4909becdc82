from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samdomains_satellite.cases import load_any
from samdomains_satellite.demo_thermal import SIDES, SPLITS, thermal_scene, write_demo_thermal
from scipy import ndimage

from samdomains.plugin import Recipe

RECIPE = Recipe.model_validate({"data": {"objects": "components"}})


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_thermal(tmp_path_factory.mktemp("demo"), 0)


def test_images_are_degrees_celsius_with_small_and_large_objects(demo: Path) -> None:
    splits = json.loads((demo / "splits.json").read_text())
    assert {part: len(members) for part, members in splits.items()} == SPLITS
    cases = load_any(demo, RECIPE)
    pixels = [case.read_pixels() for case in cases]
    assert {(item.dtype.name, len(item)) for item in pixels} == {("float32", 1)}
    assert all(-20 < item.min() < item.max() < 40 for item in pixels)
    sizes = [item.area for case in cases if case.read_objects for item in case.read_objects()]
    assert sum(size <= 80 for size in sizes) >= 24
    assert sum(size >= 150 for size in sizes) >= 8


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_every_object_is_warmer_than_what_surrounds_it(seed: int) -> None:
    celsius, mask = thermal_scene(np.random.default_rng(seed))
    assert celsius.shape == mask.shape
    assert all(SIDES[0] <= side <= SIDES[1] for side in mask.shape)
    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    assert count >= 2
    for number in range(1, count + 1):
        part = labels == number
        around = ndimage.binary_dilation(part, iterations=4) & ~ndimage.binary_dilation(
            mask, iterations=2
        )
        assert celsius[part].max() > np.median(celsius[around]) + 1


def test_the_same_seed_gives_the_same_files(demo: Path, tmp_path: Path) -> None:
    again = write_demo_thermal(tmp_path / "again", 0)
    other = write_demo_thermal(tmp_path / "other", 1)
    names = [path.relative_to(demo) for path in sorted(demo.rglob("*")) if path.is_file()]
    assert all((again / name).read_bytes() == (demo / name).read_bytes() for name in names)
    assert any((other / name).read_bytes() != (demo / name).read_bytes() for name in names)
