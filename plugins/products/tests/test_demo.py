from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from samdomains_products.demo import PHOTOS, studio_shot, write_demo_data
from samdomains_products.photos import read_photo

NUMBER = sum(PHOTOS.values())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_data(tmp_path_factory.mktemp("demo"), 0)


def test_the_same_seed_gives_the_same_files(data: Path, tmp_path: Path) -> None:
    again = write_demo_data(tmp_path, 0)
    files = sorted(path.relative_to(data) for path in data.rglob("*.*"))
    assert len(files) == 2 * NUMBER + 1
    for file in files:
        assert (data / file).read_bytes() == (again / file).read_bytes()


def test_another_seed_gives_others(data: Path, tmp_path: Path) -> None:
    other = write_demo_data(tmp_path, 1)
    assert (other / "masks/bottle_00.png").read_bytes() != (
        data / "masks/bottle_00.png"
    ).read_bytes()


def test_the_field_s_formats_are_there(data: Path) -> None:
    formats, orientations, modes = set(), set(), set()
    for path in (data / "images").iterdir():
        with PillowImage.open(path) as image:
            formats.add(image.format)
            orientations.add(image.getexif().get(0x0112))
            modes.add(image.mode)
            assert max(image.size) <= 256
    assert formats == {"JPEG", "PNG"}
    assert orientations >= {1, 5, 6, 8}
    assert modes == {"RGB", "RGBA"}


def test_masks_lie_on_the_upright_photos(data: Path) -> None:
    for path in (data / "images").iterdir():
        mask = read_photo(data / "masks" / f"{path.stem}.png")[0]
        pixels = read_photo(path)
        assert pixels.shape[1:] == mask.shape
        assert set(np.unique(mask)) == {0, 255}
        inside, outside = (np.median(pixels[:, mask == value], axis=1) for value in (255, 0))
        assert np.abs(inside.astype(int) - outside).max() > 40


def test_every_photo_is_in_one_part(data: Path) -> None:
    parts = json.loads((data / "splits.json").read_text())
    names = [name for part in parts.values() for name in part]
    assert {part: len(members) for part, members in parts.items()} == PHOTOS
    assert sorted(names) == sorted(path.stem for path in (data / "images").iterdir())


def test_a_shot_is_soft_at_the_edge_alone() -> None:
    picture, alpha = studio_shot(np.random.default_rng(0), "mug", "white")
    assert picture.shape == (*alpha.shape, 3)
    soft = (alpha > 0) & (alpha < 1)
    assert 0 < soft.sum() < 0.3 * (alpha > 0.5).sum()
