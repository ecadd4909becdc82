from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from samdomains.audit.looks import take_look
from samdomains.audit.pixel_model import PixelModel
from samdomains.audit.thumbnails import SIDE, Thumbnail, make_thumbnail
from tests.audit_making import noise, picture


def thumbnails(count: int) -> list[Thumbnail]:
    shown = [picture(seed) for seed in range(count)]
    made = [make_thumbnail(take_look(item.pixels, item.objects)) for item in shown]
    return [item for item in made if item is not None]


def expected_shares(items: list[Thumbnail]) -> NDArray[np.float32]:
    model = PixelModel(items)
    return np.stack([model.expected(place)[0] for place in range(len(items))])


def test_objects_are_expected_where_they_are_seen() -> None:
    items = thumbnails(10)
    shares = expected_shares(items)
    assert shares.shape == (10, SIDE, SIDE)
    assert shares.min() >= 0
    assert shares.max() <= 1
    for item, share in zip(items, shares, strict=True):
        assert np.corrcoef(item.inside.ravel(), share.ravel())[0, 1] > 0.9


def test_the_mask_of_an_image_has_no_say_in_what_is_expected_there() -> None:
    items = thumbnails(10)
    before = expected_shares(items)[3]
    items[3] = replace(items[3], inside=255 - items[3].inside)
    assert np.allclose(expected_shares(items)[3], before, atol=1e-5)


def test_where_masks_follow_nothing_little_is_expected_anywhere() -> None:
    shown = [replace(picture(seed), pixels=noise(seed)) for seed in range(10)]
    made = [make_thumbnail(take_look(item.pixels, item.objects)) for item in shown]
    items = [item for item in made if item is not None]
    inside = np.stack([item.inside for item in items]) / 255
    apart = np.abs(expected_shares(items) - inside)[inside > 0.5]
    assert apart.mean() > 0.3


def test_two_images_are_enough_to_predict_each_other() -> None:
    assert expected_shares(thumbnails(2)).shape == (2, SIDE, SIDE)


def test_each_class_is_expected_where_it_is_seen() -> None:
    items = []
    for seed in range(10):
        shown = picture(seed)
        bright = shown.pixels.copy()
        bright[0][shown.objects[0].mask()] = 250
        objects = (replace(shown.objects[0], class_id=7), *shown.objects[1:])
        item = make_thumbnail(take_look(bright, objects))
        assert item is not None
        items.append(item)
    model = PixelModel(items)
    assert model.classes == (1, 7)
    _, dim, bright_ones = model.expected(4)
    inside = items[4].labels == 1
    assert bright_ones[inside].mean() > dim[inside].mean() + 0.3
