from __future__ import annotations

from dataclasses import replace

import numpy as np

from samdomains.audit.looks import take_look
from samdomains.audit.pixel_model import expected_shares
from samdomains.audit.thumbnails import SIDE, Thumbnail, make_thumbnail
from tests.audit_making import noise, picture


def thumbnails(count: int) -> list[Thumbnail]:
    shown = [picture(seed) for seed in range(count)]
    made = [make_thumbnail(take_look(item.pixels, item.objects)) for item in shown]
    return [item for item in made if item is not None]


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
