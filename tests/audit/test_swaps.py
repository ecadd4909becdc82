from __future__ import annotations

from dataclasses import replace

import numpy as np

from samdomains.audit.looks import take_look
from samdomains.audit.pixel_model import PixelModel
from samdomains.audit.swaps import Matching, judge_masks
from samdomains.audit.thumbnails import Thumbnail, make_thumbnail
from samdomains.types import ObjectMask
from tests.audit_making import Picture, disk, noise


def blobs(seed: int) -> Picture:
    """Bright disks at random places, so that each mask fits its own image alone."""
    rng = np.random.default_rng(seed)
    masks = [disk(rng.uniform(15, 80), rng.uniform(15, 95), rng.uniform(7, 13)) for _ in range(3)]
    values = 40 + 130 * np.any(masks, axis=0) + rng.normal(0, 6, masks[0].shape)
    objects = tuple(ObjectMask.from_mask(mask) for mask in masks)
    return Picture(values.clip(0, 255).astype(np.uint8)[None], objects)


def thumbnail(shown: Picture) -> Thumbnail:
    small = make_thumbnail(take_look(shown.pixels, shown.objects))
    assert small is not None
    return small


def judged(thumbnails: list[Thumbnail | None]) -> Matching:
    items = [item for item in thumbnails if item is not None]
    model = PixelModel(items)
    return judge_masks(thumbnails, [model.expected(place)[0] for place in range(len(items))])


def exchanged(shown: list[Picture], *places: int) -> list[Picture]:
    """Each of some pictures with the masks of the next of them."""
    result = list(shown)
    for place, other in zip(places, (*places[1:], places[0]), strict=True):
        result[place] = replace(shown[place], objects=shown[other].objects)
    return result


def test_masks_that_fit_their_images_are_no_strangers() -> None:
    matching = judged([thumbnail(blobs(seed)) for seed in range(12)])
    assert matching.reliable
    assert matching.agreeing == 1
    assert matching.strangers == ()


def test_two_swapped_masks_are_found_and_name_each_other() -> None:
    shown = exchanged([blobs(seed) for seed in range(12)], 2, 7)
    matching = judged([None, *(thumbnail(item) for item in shown)])
    assert {(item.place, item.partner) for item in matching.strangers} == {(3, 8), (8, 3)}
    assert all(item.mutual and item.certain for item in matching.strangers)


def test_masks_that_moved_round_among_three_images_name_where_they_belong() -> None:
    shown = exchanged([blobs(seed) for seed in range(14)], 1, 5, 9)
    matching = judged([thumbnail(item) for item in shown])
    # The mask of image 5 is now at image 1, so that of image 1 is at image 9.
    assert {(item.place, item.partner) for item in matching.strangers} == {(1, 9), (5, 1), (9, 5)}
    assert not any(item.mutual or item.certain for item in matching.strangers)


def test_a_mask_that_was_turned_fits_no_image() -> None:
    shown = [blobs(seed) for seed in range(14)]
    turned = tuple(ObjectMask.from_mask(item.mask()[::-1, ::-1]) for item in shown[3].objects)
    shown[3] = replace(shown[3], objects=turned)
    (stranger,) = judged([thumbnail(item) for item in shown]).strangers
    assert stranger.place == 3
    assert stranger.partner is None


def test_images_of_another_size_have_no_swapped_masks() -> None:
    small: list[Thumbnail | None] = [
        thumbnail(item) for item in exchanged([blobs(seed) for seed in range(12)], 2, 7)
    ]
    assert small[2] is not None
    small[2] = replace(small[2], size=(1, 1))
    strangers = judged(small).strangers
    assert all(item.partner is None for item in strangers)


def test_where_masks_follow_nothing_that_is_seen_nothing_is_said() -> None:
    shown = [replace(blobs(seed), pixels=noise(seed)) for seed in range(12)]
    matching = judged([thumbnail(item) for item in shown])
    assert not matching.reliable
    assert matching.strangers == ()
    assert matching.reason


def test_few_images_are_not_judged() -> None:
    matching = judged([thumbnail(blobs(seed)) for seed in range(3)] + [None])
    assert not matching.reliable
    assert matching.judged == 3
    assert matching.reason == "3 images have an object, and 6 are needed"
