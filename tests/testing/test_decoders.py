from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from samdomains.testing.decoders import PixelsDecodedError, no_pixels


def test_headers_may_be_read_and_pixels_may_not() -> None:
    picture, stack = io.BytesIO(), io.BytesIO()
    PillowImage.fromarray(np.zeros((4, 6), dtype=np.uint8)).save(picture, format="PNG")
    tifffile.imwrite(stack, np.zeros((4, 6), dtype=np.uint16))
    picture.seek(0)
    stack.seek(0)
    with no_pixels() as decoded:
        assert PillowImage.open(picture).size == (6, 4)
        with tifffile.TiffFile(stack) as tiff:
            assert tiff.pages[0].shape == (4, 6)
            with pytest.raises(PixelsDecodedError, match=r"tifffile\.TiffFile\.asarray"):
                tiff.asarray()
        with pytest.raises(PixelsDecodedError):
            np.asarray(PillowImage.open(picture))
    # What an own `except` of a plugin hides is remembered.
    assert decoded[0] == "tifffile.TiffFile.asarray"
    assert len(decoded) == 2
    assert np.asarray(PillowImage.open(picture)).shape == (4, 6)
