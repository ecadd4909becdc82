from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from samdomains_inspection.measurement import (
    Measurement,
    longest_feret,
    measure,
    widths,
)
from scipy import ndimage

from samdomains.plugin import Mask, ObjectMask

ANGLES = st.floats(0, math.pi)


def grid(size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y of the pixels, 0 in the middle."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return x, y


def disc(radius: float) -> Mask:
    x, y = grid(2 * math.ceil(radius) + 5)
    inside: Mask = np.hypot(x, y) <= radius
    return inside


def bar(length: float, width: float, angle: float) -> Mask:
    """A bar turned by ``angle``."""
    x, y = grid(math.ceil(length + width) + 5)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    inside: Mask = (np.abs(along) <= length / 2) & (np.abs(across) <= width / 2)
    return inside


def arc(radius: float, width: float, turn: float, start: float) -> Mask:
    """A part of a ring, of ``turn`` radians."""
    x, y = grid(2 * math.ceil(radius + width) + 5)
    angle = (np.arctan2(y, x) - start) % (2 * np.pi)
    inside: Mask = (np.abs(np.hypot(x, y) - radius) <= width / 2) & (angle <= turn)
    return inside


def measured(mask: Mask) -> Measurement:
    return measure(ObjectMask.from_mask(mask))


masks = st.builds(
    lambda seed, share: np.random.default_rng(seed).random((9, 12)) < share,
    st.integers(0, 2**32 - 1),
    st.floats(0.05, 1),
).filter(lambda mask: bool(mask.any()))


class TestShapes:
    def test_one_pixel(self) -> None:
        found = measured(np.ones((1, 1), dtype=bool))
        assert found == Measurement(1.0, pytest.approx(math.sqrt(2)), pytest.approx(1.0), 0.0, 0.0)

    @given(st.integers(1, 60), st.integers(1, 60))
    def test_upright_rectangles_are_exact(self, height: int, width: int) -> None:
        found = measured(np.ones((height, width), dtype=bool))
        assert found.area == height * width
        assert found.length == pytest.approx(math.hypot(height, width))
        assert found.width == pytest.approx(min(height, width))
        assert (found.x, found.y) == ((width - 1) / 2, (height - 1) / 2)

    @settings(max_examples=25)
    @given(st.floats(10, 40))
    def test_discs_are_as_long_as_wide(self, radius: float) -> None:
        found = measured(disc(radius))
        assert found.length == pytest.approx(2 * radius, abs=1.5)
        assert found.width == pytest.approx(2 * radius, abs=1.5)
        assert found.area == pytest.approx(math.pi * radius**2, rel=0.05)

    @settings(max_examples=25)
    @given(st.floats(20, 60), st.floats(2, 8), ANGLES)
    def test_turned_bars_within_three_pixels_or_half_a_pixel_in_width(
        self, length: float, width: float, angle: float
    ) -> None:
        found = measured(bar(length, width, angle))
        # The length may be the area over the width, which pixels give to half of one.
        assert found.length == pytest.approx(math.hypot(length, width), abs=3, rel=0.5 / width)
        assert found.width == pytest.approx(width, abs=1.5)

    @settings(max_examples=25)
    @given(st.floats(15, 40), st.floats(2, 6), st.floats(1.5, 5.5), ANGLES)
    def test_a_bent_scratch_is_as_long_as_its_line_within_a_tenth(
        self, radius: float, width: float, turn: float, start: float
    ) -> None:
        mask = arc(radius, width, turn, start)
        found = measured(mask)
        assert found.length == pytest.approx(radius * turn, rel=0.1, abs=2)
        assert found.width == pytest.approx(width, abs=1.5)

    def test_a_closed_loop_is_as_long_as_its_line(self) -> None:
        found = measured(arc(30, 3, 7, 0))
        assert found.length == pytest.approx(2 * math.pi * 30, rel=0.05)
        assert found.width == pytest.approx(3, rel=0.1)


class TestInvariance:
    @given(masks, st.integers(0, 500), st.integers(0, 500))
    def test_a_shift_moves_the_position_alone(self, mask: Mask, dy: int, dx: int) -> None:
        crop = ObjectMask.from_mask(mask)
        first = measure(crop)
        origin = (crop.origin[0] + dy, crop.origin[1] + dx)
        second = measure(ObjectMask(crop.crop, origin, (1000, 1000)))
        assert (second.area, second.length, second.width) == (first.area, first.length, first.width)
        assert second.x == pytest.approx(first.x + dx)
        assert second.y == pytest.approx(first.y + dy)

    @settings(max_examples=25)
    @given(masks)
    def test_quarter_turns_and_mirrors_keep_the_size(self, mask: Mask) -> None:
        first = measured(mask)
        for other in (np.rot90(mask), np.rot90(mask, 2), mask[::-1], mask[:, ::-1], mask.T):
            found = measured(other)
            assert found.area == first.area
            assert found.length == pytest.approx(first.length)
            assert found.width == pytest.approx(first.width)

    @given(masks, st.floats(1e-4, 10))
    def test_millimetres_are_pixels_times_their_size(self, mask: Mask, size: float) -> None:
        pixels = measured(mask)
        true = pixels.scaled(size)
        assert true.area == pytest.approx(pixels.area * size * size)
        for name in ("length", "width", "x", "y"):
            assert getattr(true, name) == pytest.approx(getattr(pixels, name) * size)

    @given(masks)
    def test_no_defect_is_wider_than_long(self, mask: Mask) -> None:
        found = measured(mask)
        assert 0 < found.width <= found.length + 1e-9


class TestFeret:
    @given(masks)
    def test_it_equals_the_search_over_all_directions(self, mask: Mask) -> None:
        y, x = np.nonzero(mask)
        corners = np.concatenate([np.stack([x + i, y + j], 1) for i in (0, 1) for j in (0, 1)])
        turns = np.linspace(0, np.pi, 721)
        spread = corners @ np.stack([np.cos(turns), np.sin(turns)])
        spans = spread.max(axis=0) - spread.min(axis=0)
        assert longest_feret(mask) == pytest.approx(spans.max(), rel=1e-4)
        assert longest_feret(mask) >= spans.max() - 1e-9


class TestWidths:
    @given(st.integers(1, 40), st.integers(1, 40))
    def test_upright_rectangles_are_as_wide_as_their_short_side(
        self, height: int, width: int
    ) -> None:
        widest, mean = widths(np.ones((height, width), dtype=bool))
        assert widest == min(height, width)
        assert 0.8 * widest <= mean <= widest

    @settings(max_examples=25)
    @given(st.floats(2, 10), ANGLES)
    def test_turned_bars_are_right_in_the_mean(self, width: float, angle: float) -> None:
        widest, mean = widths(bar(40, width, angle))
        assert mean == pytest.approx(width, abs=1)
        assert mean - 1e-9 <= widest <= width + 1.5

    def test_a_pinhole_is_noise_and_a_large_hole_is_none(self) -> None:
        solid = np.ones((41, 41), dtype=bool)
        for side, expected in ((1, 41.0), (11, 15.0)):
            holed = solid.copy()
            start = (41 - side) // 2
            holed[start : start + side, start : start + side] = False
            assert widths(holed)[0] == pytest.approx(expected, abs=4.0)

    def test_a_ragged_outline_does_not_lengthen_a_defect(self) -> None:
        ragged = np.ones((40, 60), dtype=bool)
        ragged[:4, ::2] = False
        ragged[-4:, 1::2] = False
        assert measured(ragged).length == pytest.approx(math.hypot(40, 60), abs=2)


def test_a_defect_as_large_as_a_camera_s_image_takes_a_moment() -> None:
    rng = np.random.default_rng(0)
    mask = ndimage.gaussian_filter(rng.normal(size=(1000, 1000)), 10) > 0
    start = time.perf_counter()
    assert measured(mask).area == np.count_nonzero(mask)
    assert time.perf_counter() - start < 3
