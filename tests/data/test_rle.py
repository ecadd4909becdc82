"""COCO run-length encoding, against pycocotools."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from samdomains.data.rle import object_from_runs, rle_from_object, runs_from_text
from samdomains.types import ObjectMask

MASKS = arrays.arrays(np.bool_, st.tuples(st.integers(1, 40), st.integers(1, 40)))


@given(MASKS.filter(lambda mask: bool(mask.any())))
def test_encoding_equals_that_of_pycocotools(mask: NDArray[np.bool_]) -> None:
    expected = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    found = rle_from_object(ObjectMask.from_mask(mask))
    assert found == {"size": list(mask.shape), "counts": expected["counts"].decode("ascii")}


@given(MASKS)
def test_decoding_gives_the_mask_that_pycocotools_encoded(mask: NDArray[np.bool_]) -> None:
    text = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode("ascii")
    height, width = mask.shape
    found = object_from_runs(runs_from_text(text), (height, width), class_id=4, crowd=True)
    if found is None:
        assert not mask.any()
        return
    assert (found.class_id, found.crowd) == (4, True)
    np.testing.assert_array_equal(found.mask(), mask)
    np.testing.assert_array_equal(found.crop, ObjectMask.from_mask(mask).crop)


@given(st.lists(st.integers(0, 2**30), min_size=1, max_size=12))
def test_runs_of_any_length_are_read(runs: list[int]) -> None:
    size = [1, sum(runs)]
    text = coco_mask.frPyObjects({"size": size, "counts": runs}, *size)["counts"].decode("ascii")
    assert runs_from_text(text).tolist() == runs


@given(st.text(max_size=20))
def test_no_text_crashes_the_decoder(text: str) -> None:
    try:
        object_from_runs(runs_from_text(text), (3, 4), class_id=1, crowd=False)
    except ValueError:
        pass
    else:
        assert text.isascii()


@pytest.mark.parametrize("runs", [[], [3, 2], [3, 2, 100], [13, -1], [2**62, 2**62, 2**62, 2**62]])
def test_runs_must_add_up_to_the_image(runs: list[int]) -> None:
    with pytest.raises(ValueError, match="do not add up to 4 x 3"):
        object_from_runs(np.array(runs, dtype=np.int64), (3, 4), class_id=1, crowd=False)


def test_runs_of_no_pixels_are_skipped() -> None:
    runs = np.array([0, 0, 4, 0, 0, 2, 0, 1, 5])
    found = object_from_runs(runs, (3, 4), class_id=1, crowd=False)
    assert found is not None
    assert found.mask().T.ravel().nonzero()[0].tolist() == [4, 5, 6]


def test_thousands_of_objects_take_a_moment() -> None:
    size = (1000, 1000)
    square = np.ones((5, 5), dtype=bool)
    objects = [
        ObjectMask(square, (y, x), size) for y in range(0, 995, 20) for x in range(0, 995, 20)
    ]
    start = time.perf_counter()
    for obj in objects:
        runs = runs_from_text(rle_from_object(obj)["counts"])
        found = object_from_runs(runs, size, class_id=1, crowd=False)
        assert found is not None
        assert found.area == 25
    assert len(objects) > 2000
    assert math.isclose(time.perf_counter() - start, 0, abs_tol=3)
