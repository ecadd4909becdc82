from __future__ import annotations

import pickle
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samdomains_products.demo import studio_shot
from samdomains_products.demo_shapes import SHAPES
from samdomains_products.saliency import SalientBox, barrier_distance

from samdomains.plugin import Box, Image, Mask, ObjectMask


def proposed(image: Image) -> Box:
    (prompt,) = SalientBox()(image)
    assert prompt.source == "automatic"
    assert prompt.box is not None
    return prompt.box


def overlap(first: Box, second: Box) -> float:
    """IoU of two boxes."""
    shared = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    common = float(np.prod(np.clip(shared, 0, None)))
    areas = [float(np.prod(box[2:] - box[:2])) for box in (first, second)]
    return common / (sum(areas) - common)


def block(top: int, left: int, size: tuple[int, int] = (300, 400)) -> tuple[Image, Mask]:
    """A dark block of 90 x 120 on light grey."""
    mask = np.zeros(size, dtype=bool)
    mask[top : top + 90, left : left + 120] = True
    return np.where(mask, 0.2, 0.9).astype(np.float32) * np.ones((3, 1, 1), np.float32), mask


@pytest.mark.parametrize("kind", sorted(SHAPES))
@pytest.mark.parametrize("backdrop", ["white", "gradient", "colour"])
def test_the_product_of_a_studio_shot_is_found(kind: str, backdrop: str) -> None:
    scores = []
    for seed in range(4):
        picture, alpha = studio_shot(np.random.default_rng(seed), kind, backdrop)
        image = np.moveaxis(picture, 2, 0).astype(np.float32) / 255
        scores.append(overlap(proposed(image), ObjectMask.from_mask(alpha > 0.5).box))
    assert np.mean(scores) > 0.8


@given(st.integers(10, 200), st.integers(10, 270))
@settings(max_examples=25, deadline=None)
def test_the_box_follows_the_object(top: int, left: int) -> None:
    image, mask = block(top, left)
    assert overlap(proposed(image), ObjectMask.from_mask(mask).box) > 0.85


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_any_picture_gives_a_box_inside_it(height: int, width: int, seed: int) -> None:
    image = np.random.default_rng(seed).random((3, height, width)).astype(np.float32)
    x0, y0, x1, y1 = proposed(image)
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_where_nothing_stands_out_it_is_the_picture_without_its_margin(level: float) -> None:
    box = proposed(np.full((3, 200, 300), level, dtype=np.float32))
    assert box.tolist() == [6, 4, 294, 196]


def test_a_product_in_the_colour_of_the_background_is_seen_by_its_outline() -> None:
    """What the barrier adds to colours: the inside is reached over the outline alone."""
    image, mask = block(100, 150)
    inside = np.zeros_like(mask)
    inside[110:180, 160:260] = True
    image[:, inside] = 0.9
    assert overlap(proposed(image), ObjectMask.from_mask(mask).box) > 0.85


def test_a_megapixel_takes_a_fraction_of_a_second() -> None:
    image = np.random.default_rng(0).random((3, 1000, 1000)).astype(np.float32)
    start = time.perf_counter()
    proposed(image)
    assert time.perf_counter() - start < 2  # 0.15 s where nothing else runs


def test_a_path_along_a_slope_costs_its_rise_alone() -> None:
    slope = np.broadcast_to(np.arange(9.0)[:, None, None], (9, 9, 1))
    assert barrier_distance(slope).max() == 0
    hill = 4 - np.abs(slope - 4)
    np.testing.assert_array_equal(barrier_distance(hill)[4], np.zeros(9))


def test_it_travels_to_workers() -> None:
    assert pickle.loads(pickle.dumps(SalientBox())) == SalientBox()
