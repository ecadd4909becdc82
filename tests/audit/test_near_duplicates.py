from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.audit.looks import take_look
from samdomains.audit.near_duplicates import Fingerprint, Pair, find_pairs, fingerprint
from samdomains.types import RawImage
from tests.audit_making import noise


def scene(seed: int) -> RawImage:
    """Clouds of two sizes: different in every image, and none is the other turned."""
    rng = np.random.default_rng(seed)
    field: NDArray[np.float64] = sum(
        ndimage.gaussian_filter(rng.normal(0, 1, (120, 150)), size) * size for size in (2, 6)
    )
    return (128 + 60 * field).clip(0, 255).astype(np.uint8)[None]


def printed(pixels: RawImage) -> Fingerprint | None:
    return fingerprint(take_look(pixels, ()))


def pairs(*images: RawImage, groups: list[str] | None = None) -> list[Pair]:
    names = groups or [str(place) for place in range(len(images))]
    return list(find_pairs([printed(image) for image in images], names))


def brighter(image: RawImage) -> RawImage:
    return (0.6 * image + 60).astype(np.uint8)


def noisy(image: RawImage) -> RawImage:
    return (
        (image + np.random.default_rng(0).normal(0, 6, image.shape)).clip(0, 255).astype(np.uint8)
    )


def smaller(image: RawImage) -> RawImage:
    zoomed: RawImage = ndimage.zoom(image, (1, 0.8, 0.8), order=1)
    return zoomed


def test_different_images_are_no_pair() -> None:
    assert pairs(*(scene(seed) for seed in range(12))) == []


@pytest.mark.parametrize("change", [brighter, noisy, smaller])
def test_an_exported_copy_is_the_same_picture(change: object) -> None:
    assert callable(change)
    (pair,) = pairs(*(scene(seed) for seed in range(8)), change(scene(3)))
    assert (pair.place, pair.first) == (8, 3)
    assert pair.same
    assert not pair.turned


@pytest.mark.parametrize("turn", range(1, 8))
def test_a_turned_or_mirrored_copy_is_the_same_picture(turn: int) -> None:
    copy = np.rot90(scene(3), turn % 4, (1, 2))
    copy = copy if turn < 4 else copy[:, :, ::-1]
    (pair,) = pairs(*(scene(seed) for seed in range(6)), np.ascontiguousarray(copy))
    assert (pair.place, pair.first) == (6, 3)
    assert pair.same
    assert pair.turned


def test_a_copy_that_was_cut_a_little_shows_the_same_scene() -> None:
    (pair,) = pairs(*(scene(seed) for seed in range(8)), scene(3)[:, 3:-3, 4:-4])
    assert (pair.place, pair.first) == (8, 3)


def test_images_of_one_group_are_not_compared() -> None:
    assert pairs(scene(0), brighter(scene(0)), groups=["slide", "slide"]) == []


def test_of_three_copies_the_later_two_are_told_once_each() -> None:
    found = pairs(scene(0), brighter(scene(0)), noisy(scene(0)))
    assert [pair.place for pair in found] == [1, 2]


def test_an_image_that_shows_nothing_has_no_fingerprint_and_keeps_its_place() -> None:
    blank = np.zeros((1, 80, 80), dtype=np.uint8)
    assert printed(blank) is None
    (pair,) = pairs(blank, scene(0), blank, brighter(scene(0)))
    assert (pair.place, pair.first) == (3, 1)
    assert pairs(blank, noise(0)) == []
