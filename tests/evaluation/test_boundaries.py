from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from monai.metrics import compute_hausdorff_distance, compute_surface_dice
from scipy import ndimage
from skimage.metrics import hausdorff_distance
from skimage.segmentation import find_boundaries

from samdomains.evaluation.boundaries import (
    BoundaryScore,
    boundary_measure,
    contour,
    object_boundaries,
)
from samdomains.types import Mask, ObjectMask, Prediction

SIZE = (40, 56)

windows = st.tuples(
    st.integers(0, 12), st.integers(0, 16), st.integers(20, 28), st.integers(30, 40)
)
"""(y, x, height, width) of what a model looked at, anywhere in an image of ``SIZE``."""


def square(y: int, x: int, side: int, size: tuple[int, int] = (60, 80)) -> Mask:
    mask = np.zeros(size, dtype=bool)
    mask[y : y + side, x : x + side] = True
    return mask


EMPTY = np.zeros((60, 80), dtype=bool)
"""Its diagonal is 100 pixels: 0.008 of it, rounded up, is 1 pixel."""


def blobs(seed: int, share: float = 0.4) -> Mask:
    """A few smooth objects, some of them cut off by the image's border."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(SIZE), 3)
    return np.asarray(noise > np.quantile(noise, 1 - share))


def answer_of(mask: Mask, window: tuple[int, int, int, int] | None = None) -> Prediction:
    """A mask as the answer of a model that looked at a window of (y, x, height, width)."""
    y, x, height, width = window or (0, 0, *mask.shape)
    logits = np.where(mask, 1.0, -1.0).astype(np.float32)[y : y + height, x : x + width]
    size = (mask.shape[0], mask.shape[1])
    return Prediction(logits, (y, x), size, np.zeros((4, 4), np.float32), 0.5)


def compared(answer: Mask, truth: Mask, tolerance_px: float = 2.0) -> BoundaryScore:
    truth_object = ObjectMask.from_mask(truth)
    return object_boundaries(answer_of(answer), truth_object, tolerance_px=tolerance_px)


def within(mask: Mask, window: tuple[int, int, int, int]) -> Mask:
    """What is left of a mask inside a window."""
    y, x, height, width = window
    kept = np.zeros_like(mask)
    kept[y : y + height, x : x + width] = mask[y : y + height, x : x + width]
    return kept


class TestBoundary:
    def test_a_shift_within_the_tolerance_is_perfect(self) -> None:
        assert boundary_measure(square(20, 21, 20), square(20, 20, 20)) == 1
        assert boundary_measure(square(20, 23, 20), square(20, 20, 20), tolerance=0.03) == 1

    def test_a_shift_beyond_it_leaves_the_sides_along_the_shift(self) -> None:
        """The contour of a square of side 20 is a frame of 21 x 21, 80 pixels.

        Shifted by 5, with a tolerance of 1, of its upper and lower side 21 - 4 pixels each are
        near the other's, and of the side between them the two next to these.
        """
        assert np.count_nonzero(contour(square(20, 20, 20))) == 80
        found = boundary_measure(square(20, 25, 20), square(20, 20, 20))
        assert found == pytest.approx((17 + 17 + 2) / 80)

    def test_the_upper_half_of_a_bar_has_full_precision_and_half_of_the_recall(self) -> None:
        """Contours are frames of 41 x 3 and 21 x 3; a pixel more on each side is within reach."""
        truth, answer = np.zeros((2, 60, 80), dtype=bool)
        truth[10:50, 30:32], answer[10:30, 30:32] = True, True
        recall = (2 * 22 + 1) / 84
        assert boundary_measure(answer, truth) == pytest.approx(2 * recall / (1 + recall))

    def test_far_away_is_zero(self) -> None:
        assert boundary_measure(square(5, 60, 10), square(30, 5, 10)) == 0

    def test_an_empty_truth_is_no_number_and_an_empty_answer_is_zero(self) -> None:
        assert math.isnan(boundary_measure(square(5, 5, 5), EMPTY))
        assert math.isnan(boundary_measure(EMPTY, EMPTY))
        assert boundary_measure(EMPTY, square(5, 5, 5)) == 0

    def test_the_borders_of_the_image_are_no_contour(self) -> None:
        full = np.ones((60, 80), dtype=bool)
        assert not contour(full).any()
        assert boundary_measure(full, full) == 1
        assert boundary_measure(square(5, 5, 5), full) == 0
        assert boundary_measure(EMPTY, full) == 0

    def test_two_sizes_are_refused(self) -> None:
        with pytest.raises(ValueError, match="of one size"):
            boundary_measure(np.ones((2, 3), bool), np.ones((3, 2), bool))

    @given(st.integers(0, 2**32 - 1))
    def test_it_counts_contours_that_touch_the_widened_other(self, seed: int) -> None:
        """The same by dilation with a disc, as the benchmark defines it."""
        rng = np.random.default_rng(seed)
        smooth = ndimage.gaussian_filter(rng.normal(size=(2, 40, 50)), (0, 3, 3))
        answer, truth = smooth > 0
        reach = math.ceil(0.03 * math.hypot(40, 50))
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        disc = y**2 + x**2 <= reach**2
        one, other = contour(answer), contour(truth)
        precision = np.mean(ndimage.binary_dilation(other, disc)[one])
        recall = np.mean(ndimage.binary_dilation(one, disc)[other])
        found = boundary_measure(answer, truth, tolerance=0.03)
        assert found == pytest.approx(2 * precision * recall / (precision + recall))


class TestObjects:
    @settings(max_examples=50)
    @given(st.integers(0, 2**32), st.sampled_from([0.02, 0.4, 0.9]), st.sampled_from([1.0, 2.5]))
    def test_distances_are_those_of_monai(self, seed: int, share: float, tolerance: float) -> None:
        answer, truth = blobs(seed, share), blobs(seed + 1, share)
        found = compared(answer, truth, tolerance)
        one, other = (torch.from_numpy(mask)[None, None] for mask in (answer, truth))
        hd95 = compute_hausdorff_distance(one, other, include_background=True, percentile=95)
        nsd = compute_surface_dice(
            one, other, [tolerance], include_background=True, spacing=(1.0, 1.0), use_subvoxels=True
        )
        assert found.hd95_px == pytest.approx(hd95.item(), rel=1e-5)
        assert found.nsd == pytest.approx(nsd.item(), rel=1e-5)

    @settings(max_examples=50)
    @given(st.integers(0, 2**32))
    def test_the_95_percent_distance_is_between_the_borders_of_scikit_image(
        self, seed: int
    ) -> None:
        answer, truth = blobs(seed), blobs(seed + 1)
        one, other = (
            find_boundaries(np.pad(mask, 1), connectivity=1, mode="inner")
            for mask in (answer, truth)
        )
        found = compared(answer, truth).hd95_px
        distances = [
            ndimage.distance_transform_edt(~target)[own]
            for own, target in ((one, other), (other, one))
        ]
        assert found == pytest.approx(max(np.percentile(own, 95) for own in distances))
        assert found <= hausdorff_distance(one, other)

    @settings(max_examples=50)
    @given(st.integers(0, 2**32), windows, st.sampled_from([0.02, 0.4, 0.9]))
    def test_a_window_of_the_image_gives_what_the_full_size_masks_give(
        self, seed: int, window: tuple[int, int, int, int], share: float
    ) -> None:
        answer, truth = within(blobs(seed, share), window), blobs(seed + 1, share)
        target = ObjectMask.from_mask(truth)
        found = object_boundaries(answer_of(answer, window), target, tolerance_px=2.0)
        assert found.boundary_f == boundary_measure(answer, truth)
        whole = object_boundaries(answer_of(answer), target, tolerance_px=2.0)
        assert found == pytest.approx(whole, nan_ok=True)

    @given(arrays.arrays(np.bool_, (2, 7, 8)).filter(lambda pair: bool(pair[1].any())))
    def test_the_boundary_measure_of_any_object_is_that_of_the_whole_image(
        self, pair: np.ndarray[tuple[int, int, int], np.dtype[np.bool_]]
    ) -> None:
        """Also where objects lie along the image's border."""
        answer, truth = pair
        assert compared(answer, truth).boundary_f == boundary_measure(answer, truth)

    def test_a_square_a_pixel_off_is_perfect_within_two_pixels(self) -> None:
        assert compared(square(20, 21, 20), square(20, 20, 20)) == BoundaryScore(1.0, 1.0, 1.0)

    def test_a_square_a_pixel_off_with_a_tolerance_of_half_a_pixel_keeps_two_sides(self) -> None:
        """Of each outline of 4 x 20 pixels the two sides along the shift agree."""
        found = compared(square(20, 21, 20), square(20, 20, 20), tolerance_px=0.5)
        assert found.nsd == pytest.approx(0.5, abs=0.02)

    def test_an_object_that_was_missed_has_no_distance(self) -> None:
        found = compared(EMPTY, square(5, 5, 5))
        assert (found.boundary_f, found.nsd) == (0, 0)
        assert math.isnan(found.hd95_px)

    def test_an_absent_object_scores_nan(self) -> None:
        absent = ObjectMask(np.zeros((2, 2), bool), (0, 0), (60, 80))
        for answer in (EMPTY, square(5, 5, 5)):
            found = object_boundaries(answer_of(answer), absent, tolerance_px=2.0)
            assert all(map(math.isnan, found))

    def test_another_image_or_no_tolerance_is_refused(self) -> None:
        target = ObjectMask.from_mask(square(5, 5, 5))
        with pytest.raises(ValueError, match="of one image size"):
            object_boundaries(answer_of(square(5, 5, 5, (60, 81))), target, tolerance_px=2.0)
        for tolerance in (0.0, math.nan, math.inf):
            with pytest.raises(ValueError, match="positive number of pixels"):
                object_boundaries(answer_of(EMPTY), target, tolerance_px=tolerance)
