from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from samdomains_products.intensity import PhotoRange

from samdomains.data.statistics import case_statistics


@given(arrays(np.uint8, (3, 4, 5)))
def test_a_photo_is_the_same_in_8_and_in_16_bits(pixels: np.ndarray) -> None:
    deep = pixels.astype(np.uint16) * np.uint16(257)
    images = [PhotoRange(0, 255)(each, case_statistics(each)) for each in (pixels, deep)]
    np.testing.assert_allclose(images[0], images[1], atol=1e-6)
    np.testing.assert_allclose(images[0], pixels / 255, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_dark_photo_is_not_stretched(dtype: type) -> None:
    dark = np.full((1, 3, 3), 10, dtype=dtype)
    image = PhotoRange(0, 255)(dark, case_statistics(dark))
    assert image.shape == (3, 3, 3)
    np.testing.assert_allclose(image, 10 / np.iinfo(dtype).max, rtol=1e-5)


def test_it_travels() -> None:
    assert pickle.loads(pickle.dumps(PhotoRange(0, 255))) == PhotoRange(0, 255)
