from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.metrics import DiceMetric, MeanIoU

from samdomains.evaluation.metrics import covered_share, object_overlap, overlap
from samdomains.types import Mask, ObjectMask, Prediction


def answer(mask: Mask, window: tuple[slice, slice]) -> Prediction:
    """A prediction that shows only a window of ``mask``."""
    return Prediction(
        logits=np.where(mask[window], 1, -1).astype(np.float32),
        origin=(window[0].start, window[1].start),
        image_size=(mask.shape[0], mask.shape[1]),
        low_resolution=np.zeros((2, 2), dtype=np.float32),
        predicted_iou=0.0,
    )


def test_half_overlapping_squares_have_the_closed_form() -> None:
    prediction, truth = np.zeros((2, 20, 20), dtype=bool)
    prediction[0:10, 0:10] = truth[0:10, 5:15] = True
    assert overlap(prediction, truth) == pytest.approx((50 / 150, 100 / 200))


def test_identical_masks_score_one_and_disjoint_ones_zero() -> None:
    mask = np.eye(5, dtype=bool)
    assert overlap(mask, mask) == (1.0, 1.0)
    assert overlap(~mask, mask) == (0.0, 0.0)
    assert overlap(np.zeros_like(mask), mask) == (0.0, 0.0)


def test_what_an_answer_covers_does_not_depend_on_what_else_it_covers() -> None:
    mask = np.zeros((12, 12), dtype=bool)
    mask[2:6, 2:6] = True
    truth, window = ObjectMask.from_mask(mask), (slice(0, 12), slice(0, 12))
    assert covered_share(answer(np.ones_like(mask), window), truth) == 1
    assert covered_share(answer(np.ones_like(mask), (slice(0, 4), slice(0, 12))), truth) == 0.5
    assert covered_share(answer(~mask, window), truth) == 0


@pytest.mark.parametrize("predicted", [False, True])
def test_an_absent_structure_scores_nan_whatever_is_predicted(predicted: bool) -> None:
    result = overlap(np.full((3, 3), predicted), np.zeros((3, 3), dtype=bool))
    assert np.isnan(result).all()


def test_masks_of_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="one size"):
        overlap(np.ones((2, 3), dtype=bool), np.ones((3, 2), dtype=bool))
    with pytest.raises(ValueError, match="one image size"):
        object_overlap(
            answer(np.ones((2, 3), dtype=bool), (slice(0, 2), slice(0, 3))),
            ObjectMask.from_mask(np.ones((3, 2), dtype=bool)),
        )


def test_the_overlap_agrees_with_monai() -> None:
    rng = np.random.default_rng(0)
    for share in (0.05, 0.3, 0.9):
        prediction, truth = rng.random((2, 33, 47)) < share
        first, second = (torch.from_numpy(m)[None, None].float() for m in (prediction, truth))
        dice = DiceMetric(include_background=True)(first, second).item()
        iou = MeanIoU(include_background=True)(first, second).item()
        assert overlap(prediction, truth) == pytest.approx((iou, dice), rel=1e-5)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.02, 0.3, 1.0]))
def test_windows_and_crops_give_the_full_size_overlap(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 30, 2)
    truth, prediction = np.zeros((2, height, width), dtype=bool)
    truth[_window(rng, height, width)] = True
    truth &= rng.random(truth.shape) < share
    truth[rng.integers(height), rng.integers(width)] = True
    window = _window(rng, height, width)
    prediction[window] = rng.random(prediction[window].shape) < share
    expected = overlap(prediction, truth)
    assert object_overlap(answer(prediction, window), ObjectMask.from_mask(truth)) == expected


def _window(rng: np.random.Generator, height: int, width: int) -> tuple[slice, slice]:
    (y0, y1), (x0, x1) = (np.sort(rng.integers(0, n + 1, 2)).tolist() for n in (height, width))
    return slice(y0, y1), slice(x0, x1)
