from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from samdomains.types import CaseStatistics, Mask, ObjectMask, Prediction, Prompts

masks = arrays.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


@given(masks.filter(np.any), st.integers(1, 9), st.booleans())
def test_an_object_gives_its_mask_back_and_its_box_is_tight(
    mask: Mask, class_id: int, crowd: bool
) -> None:
    found = ObjectMask.from_mask(mask, class_id=class_id, crowd=crowd)
    assert np.array_equal(found.mask(), mask)
    assert (found.area, found.class_id, found.crowd) == (mask.sum(), class_id, crowd)
    x0, y0, x1, y1 = found.box.astype(int)
    assert mask[y0:y1, x0:x1].sum() == mask.sum()
    border = [found.crop[0], found.crop[-1], found.crop[:, 0], found.crop[:, -1]]
    assert all(line.any() for line in border)


def test_an_object_needs_a_pixel_and_two_axes() -> None:
    with pytest.raises(ValueError, match="at least one pixel"):
        ObjectMask.from_mask(np.zeros((3, 4), dtype=bool))
    with pytest.raises(ValueError, match=r"must be \(H, W\), got shape \(1, 3, 4\)"):
        ObjectMask.from_mask(np.ones((1, 3, 4), dtype=bool))


def test_an_object_does_not_keep_the_whole_image_alive() -> None:
    mask = np.zeros((100, 100), dtype=bool)
    mask[3, 4] = True
    assert ObjectMask.from_mask(mask).crop.base is None


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "a prompt needs a box, a point or a mask"),
        ({"box": np.array([5, 0, 5, 9], dtype=np.float32)}, "x0 < x1 and y0 < y1"),
        ({"box": np.zeros((1, 4), dtype=np.float32)}, r"must be \(4,\)"),
        ({"points": np.zeros(2, dtype=np.float32)}, r"must be \(P, 2\)"),
        ({"points": np.zeros((2, 2), dtype=np.float32)}, "2 points need as many labels"),
    ],
)
def test_a_prompt_that_says_nothing_or_has_the_wrong_shape_is_refused(
    values: dict[str, Any], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        Prompts(**values)


def test_a_prediction_is_background_outside_its_window() -> None:
    logits = np.array([[1.0, -1.0], [0.0, 2.0]], dtype=np.float32)
    mask = Prediction(logits, (1, 2), (4, 5), np.zeros((1, 1), dtype=np.float32), 0.5).mask()
    assert np.argwhere(mask).tolist() == [[1, 2], [2, 3]]
    assert mask.shape == (4, 5)


@given(st.floats(0, 100))
def test_a_percentile_lies_between_the_quantiles(percent: float) -> None:
    ramp = np.linspace([0.0], [50.0], 1001, axis=1).reshape(1, 1001)
    statistics = CaseStatistics("uint8", ramp, np.array([25.0]), np.array([14.4]))
    assert statistics.percentile(percent) == pytest.approx([percent / 2])
