from __future__ import annotations

from dataclasses import replace

from samdomains.audit.looks import take_look
from samdomains.audit.missing import MissingObject, find_missing
from samdomains.audit.regions import find_regions
from tests.audit_making import Picture, disk, noise, picture, pictures


def missing(shown: list[Picture]) -> tuple[MissingObject, ...]:
    looks = [take_look(item.pixels, item.objects) for item in shown]
    return find_missing([find_regions(look) for look in looks]).items


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
    assert find_missing([None]).items == ()
    assert find_missing([None]).reason == "0 labelled objects can be told, and 20 are needed"
