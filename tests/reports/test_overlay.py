"""Colours of what is correct, missed and false, and the marks of prompts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samdomains.reports.overlay import (
    BOX,
    CORRECT,
    FALSE_ALARM,
    MISSED,
    ON_BACKGROUND,
    ON_OBJECT,
    OUTLINE,
    TINT,
    Colour,
    overlay,
)
from samdomains.types import Image, Mask, Prompts

SIZE = (40, 60)


def grey(value: float = 0.0, size: tuple[int, int] = SIZE) -> Image:
    return np.full((3, *size), value, dtype=np.float32)


def rectangle(y0: int, x0: int, y1: int, x1: int) -> Mask:
    mask = np.zeros(SIZE, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def tint(colour: Colour) -> list[int]:
    """A colour over black."""
    return [round(TINT * channel) for channel in colour]


def test_an_image_alone_keeps_its_colours() -> None:
    image = np.zeros((3, 2, 3), dtype=np.float32)
    image[0], image[1, 0, 2] = 1.0, 0.2
    picture = overlay(image)
    assert picture.shape == (2, 3, 3)
    assert picture.dtype == np.uint8
    assert picture[1, 1].tolist() == [255, 0, 0]
    assert picture[0, 2].tolist() == [255, 51, 0]


def test_correct_missed_and_false_pixels_have_their_colours() -> None:
    truth, answer = rectangle(10, 10, 30, 30), rectangle(10, 20, 30, 50)
    picture = overlay(grey(), truth=[truth], prediction=[answer])
    assert picture[20, 15].tolist() == tint(MISSED)
    assert picture[20, 25].tolist() == tint(CORRECT)
    assert picture[20, 40].tolist() == tint(FALSE_ALARM)
    assert picture[10, 12].tolist() == list(OUTLINE)
    assert picture[5, 5].tolist() == [0, 0, 0]


def test_an_answer_that_covers_another_object_is_a_false_alarm_there() -> None:
    left, right = rectangle(10, 5, 30, 25), rectangle(10, 30, 30, 55)
    picture = overlay(grey(), truth=[left, right], prediction=[left | right, right])
    assert picture[20, 15].tolist() == tint(CORRECT)
    assert picture[20, 40].tolist() == tint(FALSE_ALARM)


def test_an_empty_answer_misses_the_object_and_two_empty_masks_draw_nothing() -> None:
    truth, nothing = rectangle(10, 10, 30, 30), np.zeros(SIZE, dtype=bool)
    assert overlay(grey(), truth=[truth], prediction=[nothing])[20, 20].tolist() == tint(MISSED)
    assert not overlay(grey(), truth=[nothing], prediction=[nothing]).any()


def test_truth_without_answers_is_outlined_and_not_filled() -> None:
    picture = overlay(grey(), truth=[rectangle(10, 10, 30, 30)])
    assert picture[10, 20].tolist() == list(CORRECT)
    assert picture[20, 20].tolist() == [0, 0, 0]


def test_a_hole_is_outlined_too() -> None:
    mask = rectangle(5, 5, 35, 55)
    mask[15:25, 20:40] = False
    picture = overlay(grey(), truth=[mask])
    assert picture[14, 30].tolist() == list(CORRECT)
    assert picture[20, 30].tolist() == [0, 0, 0]


def test_the_exclusive_corner_of_a_box_is_drawn_on_its_last_pixel() -> None:
    box = np.array([10, 5, 31, 26], dtype=np.float32)
    picture = overlay(grey(), prompts=[Prompts(box=box)])
    assert picture[25, 30].tolist() == list(BOX)
    assert picture[5, 10].tolist() == list(BOX)
    assert not picture[26].any()
    assert not picture[:, 31].any()


def test_points_are_x_before_y_and_differ_in_colour_and_shape() -> None:
    points = np.array([[45, 10], [15, 30]], dtype=np.float32)
    prompts = Prompts(points=points, point_labels=np.array([1, 0]))
    picture = overlay(grey(), prompts=[prompts])
    assert picture[10, 45].tolist() == list(ON_OBJECT)
    assert picture[10, 47].tolist() == list(ON_OBJECT)
    assert picture[30, 15].tolist() == list(ON_BACKGROUND)
    assert picture[32, 17].tolist() == list(ON_BACKGROUND)


@given(
    st.lists(st.floats(-20, 90, width=32), min_size=4, max_size=4),
    st.integers(0, 1),
)
def test_prompts_beyond_the_border_are_clipped(place: list[float], label: int) -> None:
    x, y, width, height = place[0], place[1], abs(place[2]) + 0.25, abs(place[3]) + 0.25
    prompts = Prompts(
        box=np.array([x, y, x + width, y + height], dtype=np.float32),
        points=np.array([[x, y]], dtype=np.float32),
        point_labels=np.array([label]),
    )
    assert overlay(grey(), prompts=[prompts]).shape == (*SIZE, 3)


def test_values_outside_the_range_are_clipped_and_nan_is_black() -> None:
    image = grey(2.0, (1, 3))
    image[:, 0, 1], image[:, 0, 2] = -1.0, np.nan
    assert overlay(image)[0].tolist() == [[255, 255, 255], [0, 0, 0], [0, 0, 0]]


def test_masks_may_come_from_a_generator() -> None:
    masks = [rectangle(10, 10, 30, 30)]
    expected = overlay(grey(), truth=masks, prediction=masks)
    made = overlay(grey(), truth=(mask for mask in masks), prediction=(mask for mask in masks))
    assert np.array_equal(made, expected)


def test_every_true_object_needs_its_answer() -> None:
    with pytest.raises(ValueError, match="1 true objects need as many answers, got 0"):
        overlay(grey(), truth=[rectangle(1, 1, 5, 5)], prediction=[])
