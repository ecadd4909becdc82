from __future__ import annotations

from dataclasses import replace

from samdomains.audit.looks import take_look
from samdomains.audit.regions import Regions, find_regions
from samdomains.types import ObjectMask
from tests.audit_making import Picture, disk, picture


def regions(shown: Picture) -> Regions | None:
    return find_regions(take_look(shown.pixels, shown.objects))


def test_labelled_objects_are_found_as_if_they_were_not() -> None:
    found = regions(picture(0))
    assert found is not None
    assert len(found.labelled) == 4
    assert len(found.unlabelled) == len(found.boxes) == 0


def test_an_object_without_a_label_is_a_candidate_at_its_place() -> None:
    shown = picture(0)
    found = regions(shown.without(2))
    assert found is not None
    (box,) = found.boxes
    x0, y0, x1, y1 = shown.objects[2].box
    assert all(abs(a - b) <= 2 for a, b in zip(box, (x0, y0, x1, y1), strict=True))


def test_an_image_without_background_cannot_be_judged() -> None:
    shown = picture(0)
    full = ObjectMask.from_mask(disk(0, 0, 1000))
    assert regions(replace(shown, objects=(full,))) is None
    assert regions(replace(shown, objects=())) is None
