from __future__ import annotations

import pickle
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samdomains.data.parts import in_parts, statistics_of
from samdomains.data.scenes import clipped, is_scene, moved, overlapping_windows, tiles_of
from samdomains.recipe import SceneRecipe
from samdomains.types import Case, ObjectMask, RawImage, Size, Window

SMALL = SceneRecipe(tile=128, overlap=32)


@dataclass(frozen=True)
class Ramp:
    """A scene whose pixels count up row by row."""

    size: Size

    def read(self, window: Window) -> RawImage:
        rows, columns = np.mgrid[window.slices]
        numbers: RawImage = (rows * self.size[1] + columns)[None].astype(np.float32)
        return numbers

    def overview(self) -> RawImage:
        return self.read(Window(0, 0, *self.size))[:, ::4, ::4]

    def __call__(self) -> RawImage:
        return self.read(Window(0, 0, *self.size))


@dataclass(frozen=True)
class TwoSquares:
    size: Size

    def __call__(self) -> tuple[ObjectMask, ...]:
        square = np.ones((20, 20), dtype=bool)
        return ObjectMask(square, (10, 10), self.size), ObjectMask(square, (10, 90), self.size)


def scene(size: Size = (100, 200)) -> Case:
    windows = Ramp(size)
    return Case(
        id="town",
        group="town",
        read_pixels=windows,
        read_objects=TwoSquares(size),
        classes={1: "roof"},
        files=(Path("town.tif"),),
        windows=windows,
    )


def test_an_image_is_a_scene_only_where_it_is_larger_than_a_tile() -> None:
    assert is_scene(scene(), SMALL)
    assert not is_scene(scene((100, 128)), SMALL)


@given(
    size=st.tuples(st.integers(1, 900), st.integers(1, 900)),
    tile=st.integers(128, 300),
    overlap=st.integers(0, 64),
)
def test_overlapping_windows_cover_the_scene_and_share_enough(
    size: Size, tile: int, overlap: int
) -> None:
    windows = overlapping_windows(size, SceneRecipe(tile=tile, overlap=overlap))
    covered = np.zeros(size, dtype=bool)
    for window in windows:
        assert window.y0 >= 0
        assert window.x0 >= 0
        assert window.y1 <= size[0]
        assert window.x1 <= size[1]
        assert max(window.size) <= tile
        covered[window.slices] = True
    assert covered.all()
    columns = sorted({(w.x0, w.x1) for w in windows})
    assert all(left[1] - right[0] >= overlap for left, right in pairwise(columns))


def test_tiles_divide_the_pixels_of_a_scene_and_keep_its_group() -> None:
    tiles = tiles_of(scene(), SMALL)
    assert [tile.id for tile in tiles] == ["town@0_000", "town@0_001"]
    assert {tile.group for tile in tiles} == {"town"}
    pixels = np.concatenate([tile.read_pixels() for tile in tiles], axis=2)
    np.testing.assert_array_equal(pixels, scene().read_pixels())


def test_a_tile_holds_its_part_of_an_object_that_its_border_cuts() -> None:
    first, second = (tile.read_objects() for tile in tiles_of(scene(), SMALL) if tile.read_objects)
    assert [item.box.tolist() for item in first] == [[10, 10, 30, 30], [90, 10, 100, 30]]
    assert [item.box.tolist() for item in second] == [[0, 10, 10, 30]]
    assert second[0].image_size == (100, 100)


def test_a_tile_has_the_statistics_of_its_whole_scene() -> None:
    parts = in_parts([scene()], SMALL)
    (low,) = statistics_of(parts[1], parts[1].read_pixels()).percentile(0)
    assert low == 0
    assert parts[1].read_pixels().min() == 100


def test_a_tile_travels_to_a_worker() -> None:
    tile = pickle.loads(pickle.dumps(tiles_of(scene(), SMALL)[1]))
    assert tile.read_pixels().shape == (1, 100, 100)
    assert len(tile.read_objects()) == 1


@given(seed=st.integers(0, 99), y0=st.integers(0, 30), x0=st.integers(0, 30))
def test_clipping_and_moving_back_keeps_exactly_the_pixels_inside(
    seed: int, y0: int, x0: int
) -> None:
    mask = np.random.default_rng(seed).random((40, 50)) < 0.05
    mask[35, 45] = True
    window = Window(y0, x0, y0 + 10, x0 + 20)
    part = clipped(ObjectMask.from_mask(mask), window)
    expected = np.zeros_like(mask)
    expected[window.slices] = mask[window.slices]
    if part is None:
        assert not expected.any()
    else:
        assert part.image_size == window.size
        np.testing.assert_array_equal(moved(part, window, (40, 50)).mask(), expected)


def test_an_overlap_of_more_than_half_a_tile_is_refused() -> None:
    with pytest.raises(ValueError, match="at most half a tile"):
        SceneRecipe(tile=128, overlap=65)
