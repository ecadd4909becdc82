from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from samdomains.errors import SamDomainsError
from samdomains.intensity import FixedRange
from samdomains.volumes import planes as module
from samdomains.volumes.planes import LARGEST_SIDE, Planes, planes_of
from tests.volumes.conftest import Threshold, case_of, planes_in

shapes = st.tuples(*[st.integers(1, 13)] * 3)
spacings = st.tuples(*[st.floats(0.25, 5.0)] * 3)


def planes(shape: tuple[int, int, int], axis: Any, spacing: Any) -> Planes:
    case = case_of(np.zeros((1, 1, 1), dtype=np.float32), spacing)
    return Planes(case, axis, shape, Threshold(), FixedRange(0.0, 1.0))


@given(shapes, st.sampled_from([0, 1, 2]), spacings, st.data())
def test_a_mask_comes_back_from_the_image_as_it_was(
    shape: tuple[int, int, int], axis: int, spacing: tuple[float, ...], data: st.DataObject
) -> None:
    slices = planes(shape, axis, spacing)
    mask = data.draw(arrays.arrays(bool, slices.grid))
    image = slices.to_image(mask.astype(np.float32))
    assert image.shape == slices.size
    assert np.array_equal(slices.to_voxels(image) > 0.5, mask)


@given(shapes, st.sampled_from([1, 2]), spacings)
def test_pixels_are_square_up_to_one_pixel_and_no_axis_is_shrunk(
    shape: tuple[int, int, int], axis: int, spacing: tuple[float, ...]
) -> None:
    slices = planes(shape, axis, spacing)
    steps = [step for i, step in enumerate(spacing) if i != axis]
    lengths = [count * step for count, step in zip(slices.grid, steps, strict=True)]
    for pixels, count, length in zip(slices.size, slices.grid, lengths, strict=True):
        assert pixels >= count
        assert pixels * min(steps) == pytest.approx(length, rel=0.05, abs=min(steps))


@given(shapes, spacings)
def test_slices_of_the_case_itself_are_shown_as_they_are(
    shape: tuple[int, int, int], spacing: tuple[float, ...]
) -> None:
    assert planes(shape, 0, spacing).size == shape[1:]


def test_without_spacing_nothing_is_stretched() -> None:
    assert planes((4, 7, 9), 1, None).size == (4, 9)
    assert planes((4, 7, 9), 2, (1.04, 1.0, 1.0)).size == (4, 7)


def test_a_spacing_of_20_to_1_is_stretched_and_an_absurd_one_only_so_far() -> None:
    assert planes((9, 64, 80), 1, (10.0, 0.5, 0.5)).size == (180, 80)
    assert planes((9, 64, 80), 2, (10.0, 0.5, 0.5)).size == (180, 64)
    assert planes((9, 64, 80), 2, (0.5, 10.0, 0.5)).size == (9, 1280)
    assert planes((9, 64, 80), 1, (9999.0, 0.5, 0.5)).size == (LARGEST_SIDE, 80)


def test_each_axis_shows_the_voxels_of_its_slices() -> None:
    grey = np.random.default_rng(0).random((3, 4, 5), dtype=np.float32)
    for axis, slices in enumerate(planes_in(grey)):
        assert len(slices) == grey.shape[axis]
        for index in range(len(slices)):
            expected = np.take(grey, index, axis=axis)
            np.testing.assert_allclose(slices.image(index)[1], expected, atol=1e-6)


def test_a_slice_is_normalised_by_the_whole_volume_and_encoded_once() -> None:
    class ByMaximum:
        def __call__(self, pixels: Any, statistics: Any) -> Any:
            return np.repeat(pixels / statistics.quantiles[:, -1:, None], 3, axis=0)

    segmenter = Threshold()
    grey = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    slices = planes_of(case_of(grey), 0, segmenter, ByMaximum())
    assert slices.image(0).max() == pytest.approx(11 / 23)
    slices.encoded(0)
    slices.image(1)
    assert len(segmenter.encoded) == 2


def test_only_so_many_slices_are_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLICES_KEPT", 2)
    segmenter = Threshold()
    slices = planes_in(np.zeros((4, 2, 2), dtype=np.float32), segmenter)[0]
    for index in (0, 1, 0, 2, 0, 1):  # 1 makes room for 2, and 2 for 1
        slices.image(index)
    assert len(segmenter.encoded) == 4


def test_what_cannot_be_normalised_names_the_file() -> None:
    grey = np.zeros((2, 3, 4), dtype=np.float32)
    grey[1, 0, 0] = np.nan
    for slices, index in zip(planes_in(grey), (1, 0, 0), strict=True):
        with pytest.raises(SamDomainsError, match=r"scan\.nii: the image holds NaN"):
            slices.image(index)
