from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from samdomains_products import cutouts
from samdomains_products.cutouts import CutoutWriter, union

from samdomains.plugin import Case, DataError, Mask, ObjectMask, RawImage

Product = tuple[NDArray[np.uint8], Mask]


def case(pixels: RawImage, name: str = "a") -> Case:
    return Case(name, name, lambda: pixels, None, {1: "object"}, files=(Path(f"{name}.jpg"),))


def picture_in(path: Path) -> NDArray[Any]:
    """(H, W) or (H, W, C), as stored."""
    picture: NDArray[Any] = imagecodecs.png_decode(path.read_bytes())
    return picture


def channels_first(picture: NDArray[np.uint8]) -> RawImage:
    """In the memory's order, as readers give it."""
    return np.ascontiguousarray(np.moveaxis(picture, 2, 0))


def test_a_photo_gives_a_cut_out_and_a_hard_mask(tmp_path: Path, product: Product) -> None:
    picture, mask = product
    found = [ObjectMask.from_mask(mask)]
    paths = CutoutWriter()(case(channels_first(picture)), found, tmp_path)
    assert paths == [tmp_path / "a.png", tmp_path / "masks/a.png"]
    cut, hard = (picture_in(path) for path in paths)
    assert (cut.shape, cut.dtype) == ((60, 80, 4), np.uint8)
    assert cut[30, 40].tolist() == [200, 40, 30, 255]
    assert cut[0, 0, 3] == 0
    np.testing.assert_array_equal(hard, 255 * mask)


def test_the_cut_out_alone(tmp_path: Path, product: Product) -> None:
    picture, mask = product
    writer = CutoutWriter(masks=False)
    assert writer(case(channels_first(picture)), [ObjectMask.from_mask(mask)], tmp_path) == [
        tmp_path / "a.png"
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_sixteen_bits_and_grey_are_kept(tmp_path: Path, product: Product) -> None:
    picture, mask = product
    deep = picture[..., :1].astype(np.uint16) * np.uint16(257) + np.uint16(1)
    writer = CutoutWriter(masks=False)
    (path,) = writer(case(np.moveaxis(deep, 2, 0)), [ObjectMask.from_mask(mask)], tmp_path)
    cut = picture_in(path)
    assert (cut.shape, cut.dtype) == ((60, 80, 4), np.uint16)
    assert cut[30, 40].tolist() == [51401, 51401, 51401, 65535]


def test_nothing_found_is_wholly_transparent(tmp_path: Path, product: Product) -> None:
    paths = CutoutWriter()(case(channels_first(product[0])), [], tmp_path)
    cut, hard = (picture_in(path) for path in paths)
    assert not cut[..., 3].any()
    assert not hard.any()


@given(arrays(np.bool_, (3, 7, 9)))
def test_a_union_is_every_pixel_of_every_object(masks: NDArray[np.bool_]) -> None:
    objects = [ObjectMask.from_mask(mask) for mask in masks if mask.any()]
    np.testing.assert_array_equal(union(objects, (7, 9)), masks.any(axis=0))


def test_what_cannot_be_solved_is_one_clear_line_and_no_file(
    tmp_path: Path, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ValueError("did not converge")

    monkeypatch.setattr(cutouts, "cut_out", fails)
    picture, mask = product
    with pytest.raises(DataError, match=r"a\.jpg: the soft edge .*did not converge.*output=png"):
        CutoutWriter()(case(channels_first(picture)), [ObjectMask.from_mask(mask)], tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_id_that_leads_elsewhere_is_refused(tmp_path: Path, product: Product) -> None:
    with pytest.raises(DataError, match="no file name"):
        CutoutWriter()(case(channels_first(product[0]), "../a"), [], tmp_path)


def test_writers_travel_to_workers() -> None:
    assert pickle.loads(pickle.dumps(CutoutWriter())) == CutoutWriter()
