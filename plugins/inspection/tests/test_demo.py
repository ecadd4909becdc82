from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage
from samdomains_inspection.demo import SIDES, inspected_surface, write_demo_data
from samdomains_inspection.demo_defects import DEFECTS
from samdomains_inspection.demo_surfaces import SURFACES


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_data(tmp_path_factory.mktemp("demo"), 0)


def test_it_is_a_good_defect_folder_of_16_bit_pictures(demo: Path) -> None:
    counts = {kind: len(list((demo / kind).glob("*.png"))) for kind in ("good", *DEFECTS)}
    assert counts == {"good": 5, "scratch": 4, "dent": 3, "pit": 4}
    image = np.asarray(PillowImage.open(demo / "pit" / "000.png"))
    mask = np.asarray(PillowImage.open(demo / "masks" / "pit" / "000_mask.png"))
    assert image.dtype == np.uint16
    assert 255 < image.max() < 4096
    assert mask.shape == image.shape
    assert np.unique(mask).tolist() == [0, 255]
    assert not (demo / "masks" / "good").exists()


def test_every_part_has_defects_and_good_images(demo: Path) -> None:
    splits = json.loads((demo / "splits.json").read_text("utf-8"))
    assert {part: len(names) for part, names in splits.items()} == {"train": 9, "val": 3, "test": 4}
    for names in splits.values():
        kinds = {name.split("_")[0] for name in names}
        assert "good" in kinds
        assert kinds & set(DEFECTS)


def test_the_same_seed_gives_the_same_files(demo: Path, tmp_path: Path) -> None:
    again = write_demo_data(tmp_path / "again", 0)
    names = [path.relative_to(demo) for path in sorted(demo.rglob("*")) if path.is_file()]
    assert all((again / name).read_bytes() == (demo / name).read_bytes() for name in names)


def test_another_seed_gives_other_images() -> None:
    first, second = (inspected_surface(np.random.default_rng(s), SURFACES[0], None) for s in (0, 1))
    assert first[0].shape != second[0].shape or (first[0] != second[0]).any()


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from(SURFACES), st.sampled_from([None, *DEFECTS]))
def test_every_image_fits_the_camera_and_its_mask(seed: int, surface: object, kind: str) -> None:
    assert callable(surface)
    image, mask = inspected_surface(np.random.default_rng(seed), surface, DEFECTS.get(kind))
    assert image.shape == mask.shape
    assert all(SIDES[0] <= side <= SIDES[1] for side in image.shape)
    assert 0 < image.min() < image.max() < 4096
    assert bool(mask.any()) == (kind in DEFECTS)
