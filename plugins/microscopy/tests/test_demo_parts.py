from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from samdomains_microscopy.demo_parts import blob, save_plain, scatter, smooth_noise, write_splits


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.floats(3, 12), st.floats(1, 2))
def test_a_blob_is_about_as_large_as_asked(seed: int, radius: float, stretch: float) -> None:
    mask = blob(np.random.default_rng(seed), (64, 64), (radius, radius), stretch)
    assert 1 <= np.count_nonzero(mask) <= np.pi * radius**2 * 1.6 + 4 * radius


def test_scattered_objects_are_numbered_without_a_gap_and_hide_little_of_each_other() -> None:
    rng = np.random.default_rng(0)
    drawn: list[int] = []

    def draw() -> np.ndarray:
        mask = blob(rng, (64, 64), (6, 8), 1.3)
        drawn.append(int(np.count_nonzero(mask)))
        return mask

    labels = scatter(draw, (64, 64), 9, overlap=0.1)
    assert np.unique(labels).tolist() == list(range(labels.max() + 1))
    assert labels.max() >= 5
    assert np.bincount(labels.ravel())[1:].min() >= 0.9 * min(drawn) - 1


def test_scattering_stops_where_there_is_no_room() -> None:
    full = np.ones((4, 4), dtype=bool)
    assert scatter(lambda: full, (4, 4), 3).tolist() == np.ones((4, 4)).tolist()


def test_noise_is_smooth_and_of_unit_deviation() -> None:
    noise = smooth_noise(np.random.default_rng(0), (50, 60), 4)
    assert noise.std() == pytest.approx(1)
    assert np.abs(np.diff(noise, axis=0)).mean() < 0.3


def test_files_say_nothing_about_when_they_were_written(tmp_path: Path) -> None:
    pixels = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    save_plain(tmp_path / "a.tif", pixels)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert "DateTime" not in tiff.pages.first.tags
        np.testing.assert_array_equal(tiff.asarray(), pixels)


def test_splits_take_the_names_in_their_order(tmp_path: Path) -> None:
    write_splits(tmp_path, ["a", "b", "c"], {"train": 1, "val": 0, "test": 2})
    assert json.loads((tmp_path / "splits.json").read_text()) == {
        "train": ["a"],
        "val": [],
        "test": ["b", "c"],
    }
