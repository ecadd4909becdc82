"""Folders of good and defective images, as the field lays them out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage

SIZE = (24, 32)
"""(H, W) of the images."""

Save = Callable[[str, NDArray[np.uint8]], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Writes an array as an image file under the test's folder."""

    def write(name: str, pixels: NDArray[np.uint8]) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        PillowImage.fromarray(pixels).save(path)
        return path

    return write


def surface(seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(90, 110, SIZE).astype(np.uint8)


def mask(*boxes: tuple[int, int, int, int], value: int = 255) -> NDArray[np.uint8]:
    """255 in boxes (y0, x0, y1, x1)."""
    values = np.zeros(SIZE, dtype=np.uint8)
    for y0, x0, y1, x1 in boxes:
        values[y0:y1, x0:x1] = value
    return values


@pytest.fixture
def mvtec(save: Save, tmp_path: Path) -> Path:
    """MVTec AD: two good images in train, one in test, three with defects."""
    save("train/good/000.png", surface(0))
    save("train/good/001.png", surface(1))
    save("test/good/000.png", surface(2))
    save("test/crack/000.png", surface(3))
    save("test/crack/001.png", surface(4))
    save("test/hole/000.png", surface(5))
    save("ground_truth/crack/000_mask.png", mask((2, 2, 4, 20)))
    save("ground_truth/crack/001_mask.png", mask((2, 2, 4, 20), (10, 10, 14, 14)))
    save("ground_truth/hole/000_mask.png", mask((8, 8, 14, 14)))
    (tmp_path / "readme.txt").write_text("not an image")
    return tmp_path


@pytest.fixture
def flat(save: Save, tmp_path: Path) -> Path:
    """The flat layout: OK/ and a folder for each defect, masks without a suffix."""
    save("OK/a.png", surface(0))
    save("OK/b.bmp", surface(1))
    save("scratch/a.tif", surface(2))
    save("dent/a.jpg", surface(3))
    save("masks/scratch/a.png", mask((2, 2, 4, 20)))
    save("masks/dent/a.png", mask((8, 8, 14, 14)))
    return tmp_path
