from __future__ import annotations

from dataclasses import replace

from samdomains.audit.looks import take_look
from samdomains.audit.missing import MissingObject, Regions, find_missing, find_regions
from samdomains.types import ObjectMask
from tests.audit_making import Picture, disk, noise, picture, pictures


def regions(shown: Picture) -> Regions | None:
    return find_regions(take_look(shown.pixels, shown.objects))


def missing(shown: list[Picture]) -> tuple[MissingObject, ...]:
    return find_missing([regions(item) for item in shown])


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


def test_the_forgotten_object_of_a_set_is_found() -> None:
    shown = pictures(12)
    x0, _, _, y1 = shown[5].objects[1].box
    shown[5] = shown[5].without(1)
    (item,) = missing(shown)
    assert item.place == 5
    assert abs(item.box[0] - x0) <= 2
    assert abs(item.box[3] - y1) <= 2


def test_a_set_in_which_nothing_was_forgotten_has_nothing_missing() -> None:
    assert missing(pictures(12)) == ()


def test_what_the_border_leaves_of_an_object_is_not_missed() -> None:
    shown = pictures(12)
    sliver = disk(48, -8, 11)
    bright = shown[5].pixels.copy()
    bright[0][sliver] = 180
    shown[5] = replace(shown[5], pixels=bright)
    assert missing(shown) == ()


def test_where_objects_look_like_the_background_nothing_is_said() -> None:
    shown = [replace(picture(seed), pixels=noise(seed)) for seed in range(12)]
    shown[4] = shown[4].without(0)
    assert missing(shown) == ()


def test_too_few_objects_say_nothing() -> None:
    assert missing([picture(0), picture(1).without(0)]) == ()
    assert find_missing([None]) == ()


def test_an_image_without_background_cannot_be_judged() -> None:
    shown = picture(0)
    full = ObjectMask.from_mask(disk(0, 0, 1000))
    assert regions(replace(shown, objects=(full,))) is None
    assert regions(replace(shown, objects=())) is None
