from __future__ import annotations

from dataclasses import replace

import numpy as np

from samdomains.audit.expected_regions import find_expected_regions
from samdomains.audit.looks import take_look
from samdomains.audit.pixel_model import PixelModel
from samdomains.audit.regions import Regions
from samdomains.audit.thumbnails import SIDE, Thumbnail, make_thumbnail
from tests.audit_making import SIZE, Picture, picture, pictures


def thumbnail(shown: Picture) -> Thumbnail:
    item = make_thumbnail(take_look(shown.pixels, shown.objects))
    assert item is not None
    return item


def regions(shown: list[Picture], place: int) -> Regions:
    items = [thumbnail(item) for item in shown]
    model = PixelModel(items)
    return find_expected_regions(items[place], model.expected(place), model.classes)


def test_labelled_objects_are_expected_where_they_are() -> None:
    found = regions(pictures(10), 4)
    assert len(found.labelled) == found.objects == 4
    assert len(found.unlabelled) == len(found.boxes) == 0


def test_an_object_without_a_label_is_expected_at_its_place() -> None:
    shown = pictures(10)
    shown[4] = shown[4].without(2)
    found = regions(shown, 4)
    (box,) = found.boxes
    pixel = max(SIZE) / SIDE
    expected = picture(4).objects[2].box
    assert np.abs(np.array(box) - expected).max() <= 3 * pixel
    assert len(found.labelled) == 3


def test_objects_of_a_class_that_is_not_predicted_are_left_out() -> None:
    shown = pictures(6)
    items = [thumbnail(item) for item in shown]
    model = PixelModel(items)
    odd = replace(items[0], classes=(9,) * len(items[0].classes))
    found = find_expected_regions(odd, model.expected(0), model.classes)
    assert len(found.labelled) == 0
    assert found.objects == 4
