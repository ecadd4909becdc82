from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from samdomains.training import preview
from samdomains.training.preview import write_contact_sheet


@pytest.fixture(autouse=True)
def _few_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "ROWS", 1)
    monkeypatch.setattr(preview, "COLUMNS", 2)


def sheet(path: Path, seed: int) -> np.ndarray:
    write_contact_sheet(path, seed)
    return np.asarray(Image.open(path))


def test_each_scene_stands_beside_its_objects(tmp_path: Path) -> None:
    pixels = sheet(tmp_path / "scenes.png", 0)
    assert pixels.shape == (128, 2 * 2 * 128, 3)
    objects = pixels[:, 128:256]
    assert (objects == 0).all(axis=2).any()  # background is black
    assert objects.max() >= 60


def test_the_seed_decides(tmp_path: Path) -> None:
    first, again, other = (sheet(tmp_path / "scenes.png", seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
