from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from samdomains.prompts.corrections import add_click, correction_click
from samdomains.types import Mask, Prompts

SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, max_side=24)
ANY_MASK = arrays.arrays(np.bool_, SHAPES).filter(np.any)
"""Masks of any shape with a true pixel: single pixels, scattered parts, holes, full ones."""


@given(ANY_MASK, st.integers(0, 2**32 - 1), st.booleans())
def test_a_click_is_on_an_error_and_says_which(mask: Mask, seed: int, training: bool) -> None:
    generator = np.random.default_rng(seed)
    prediction = np.asarray(generator.random(mask.shape) < 0.5)
    click = correction_click(mask, prediction, generator if training else None)
    if np.array_equal(mask, prediction):
        assert click is None
    else:
        assert click is not None
        x, y = click[0].astype(int)
        assert mask[y, x] != prediction[y, x]
        assert click[1] == int(mask[y, x])


def test_a_perfect_answer_needs_no_click(square: Mask, rng: np.random.Generator) -> None:
    assert correction_click(square, square, None) is None
    assert correction_click(square, square, rng) is None


def test_an_empty_answer_is_clicked_in_the_middle_of_the_object() -> None:
    truth = np.zeros((11, 12), dtype=bool)
    truth[3:8, 4:9] = True
    click = correction_click(truth, np.zeros_like(truth), None)
    assert click is not None
    assert (click[0].tolist(), click[1]) == ([6.0, 5.0], 1)


def test_the_largest_region_is_clicked_even_where_another_kind_has_more_pixels() -> None:
    truth = np.zeros((20, 40), dtype=bool)
    truth[:5, :5] = True  # 25 missed pixels in one region
    prediction = np.zeros_like(truth)
    prediction[10:14, 10:14] = prediction[10:14, 20:24] = True  # 32 false ones in two
    click = correction_click(truth, prediction, None)
    assert click is not None
    assert (click[0].tolist(), click[1]) == ([2.0, 2.0], 1)


def test_a_large_false_alarm_is_clicked_away() -> None:
    truth = np.zeros((20, 20), dtype=bool)
    truth[0, 0] = True
    prediction = truth.copy()
    prediction[10:15, 10:15] = True
    click = correction_click(truth, prediction, None)
    assert click is not None
    assert (click[0].tolist(), click[1]) == ([12.0, 12.0], 0)


@pytest.mark.parametrize("label", [0, 1])
def test_a_click_is_appended_and_the_rest_stays(label: int) -> None:
    start = Prompts(
        box=np.array([0, 0, 4, 4], dtype=np.float32),
        points=np.array([[1, 2]], dtype=np.float32),
        point_labels=np.array([1]),
        mask_logits=np.zeros((2, 2), dtype=np.float32),
        source="user",
    )
    clicked = add_click(start, np.array([3, 1], dtype=np.float32), label)
    assert clicked.points.tolist() == [[1, 2], [3, 1]]
    assert clicked.points.dtype == np.float32
    assert clicked.point_labels.tolist() == [1, label]
    assert clicked.box is start.box
    assert clicked.mask_logits is start.mask_logits
    assert clicked.source == "user"
    assert len(start.points) == 1
