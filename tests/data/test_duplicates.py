from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samdomains.data.duplicates import FoundInTile, iou, stitched, without_duplicates
from samdomains.data.scenes import clipped, moved, overlapping_windows
from samdomains.recipe import SceneRecipe
from samdomains.types import ObjectMask, Window

SIZE = (300, 420)


def box(y0: int, x0: int, y1: int, x1: int, score: float = 0.9) -> ObjectMask:
    mask = np.zeros(SIZE, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return replace(ObjectMask.from_mask(mask), score=score)


def test_the_surest_of_two_answers_to_one_object_is_kept() -> None:
    doubtful, sure, other = box(0, 0, 10, 10, 0.7), box(0, 0, 10, 11), box(0, 5, 10, 16, 0.8)
    assert without_duplicates([doubtful, other, sure], 0.7) == [sure, other]


def test_iou_of_crops_is_that_of_the_masks() -> None:
    assert iou(box(0, 0, 10, 10), box(5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert iou(box(0, 0, 10, 10), box(20, 20, 30, 30)) == 0


@given(seed=st.integers(0, 9999), tile=st.integers(128, 200), overlap=st.integers(8, 60))
def test_objects_cut_by_tiles_are_put_together_without_a_seam(
    seed: int, tile: int, overlap: int
) -> None:
    """Bars and squares up to twice as long as a tile, which do not touch."""
    rng = np.random.default_rng(seed)
    taken = np.zeros(SIZE, dtype=bool)
    truth = []
    for _ in range(12):
        height, width = int(rng.integers(3, 280)), int(rng.integers(3, 400))
        y = int(rng.integers(0, SIZE[0] - height + 1))
        x = int(rng.integers(0, SIZE[1] - width + 1))
        around = taken[max(0, y - 1) : y + height + 1, max(0, x - 1) : x + width + 1]
        if not around.any():
            taken[y : y + height, x : x + width] = True
            truth.append(box(y, x, y + height, x + width))
    tiles = []
    for window in overlapping_windows(SIZE, SceneRecipe(tile=tile, overlap=overlap)):
        seen = (clipped(item, window) for item in truth)
        tiles.append(
            FoundInTile(window, [moved(part, window, SIZE) for part in seen if part is not None])
        )
    found = stitched(tiles, SIZE, 0.7)
    key = [item.box.tolist() for item in truth]
    assert sorted(item.box.tolist() for item in found) == sorted(key)
    assert sum(item.area for item in found) == taken.sum()


def test_the_answer_of_the_tile_that_shows_an_object_whole_is_kept() -> None:
    left, right = Window(0, 0, 300, 220), Window(0, 180, 300, 420)
    cut, whole = box(10, 150, 50, 220, 0.95), box(10, 185, 50, 240, 0.8)
    found = stitched([FoundInTile(left, [cut]), FoundInTile(right, [whole])], SIZE, 0.7)
    assert found == [whole]


def test_a_part_within_an_object_of_the_next_tile_stays_an_object() -> None:
    left, right = Window(0, 0, 300, 220), Window(0, 180, 300, 420)
    window_in_roof, roof = box(20, 190, 24, 194), box(10, 185, 100, 400)
    found = stitched([FoundInTile(left, [window_in_roof]), FoundInTile(right, [roof])], SIZE, 0.7)
    assert len(found) == 2
