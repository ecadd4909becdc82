from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from samdomains.types import Mask
from samdomains.volumes.motion import moved


def disc(size: tuple[int, int], y: float, x: float, radius: float) -> Mask:
    rows, columns = np.ogrid[: size[0], : size[1]]
    return np.asarray((rows - y) ** 2 + (columns - x) ** 2 <= radius**2)


def picture(mask: Mask) -> np.ndarray:
    return np.asarray(ndimage.gaussian_filter(mask.astype(np.float32), 1.0))


def overlap(a: Mask, b: Mask) -> float:
    return np.count_nonzero(a & b) / np.count_nonzero(a | b)


@settings(max_examples=10)
@given(st.integers(-3, 3), st.integers(-3, 3))
def test_an_object_goes_with_the_picture(down: int, right: int) -> None:
    before, after = disc((64, 72), 30, 36, 10), disc((64, 72), 30 + down, 36 + right, 10)
    share = moved(before, picture(before), picture(after))
    assert share.shape == before.shape
    assert 0 <= share.min() <= share.max() <= 1
    assert overlap(share > 0.5, after) > 0.85


def test_an_object_of_many_pixels_goes_with_the_picture_too() -> None:
    before, after = disc((300, 300), 150, 150, 80), disc((300, 300), 156, 145, 80)
    share = moved(before, picture(before), picture(after)) > 0.5
    assert overlap(share, after) > max(0.95, overlap(before, after))


def test_an_object_stays_where_nothing_can_be_seen() -> None:
    mask = disc((20, 20), 8, 8, 4)
    even = np.full((20, 20), 0.4, dtype=np.float32)
    assert np.array_equal(moved(mask, even, even), mask.astype(np.float32))
    assert np.array_equal(moved(mask, even, picture(mask)), mask.astype(np.float32))


@pytest.mark.parametrize("place", [(0, 0), (19, 0), (0, 23), (19, 23)])
def test_an_object_in_a_corner_stays_in_the_image(place: tuple[int, int]) -> None:
    mask = disc((20, 24), *place, 5)
    share = moved(mask, picture(mask), picture(mask))
    assert overlap(share > 0.5, mask) > 0.9


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 2), (3, 40)])
def test_an_image_of_a_few_pixels_is_enough(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    mask = np.zeros(size, dtype=bool)
    mask[0, 0] = True
    share = moved(mask, rng.random(size, np.float32), rng.random(size, np.float32))
    assert share.shape == size
    assert np.isfinite(share).all()


def test_far_from_the_object_nothing_is_moved() -> None:
    mask = disc((200, 200), 40, 40, 6)
    noise = np.random.default_rng(0).random((200, 200)).astype(np.float32)
    assert not moved(mask, noise, noise[::-1].copy())[80:, 80:].any()
