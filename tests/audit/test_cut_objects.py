from __future__ import annotations

from dataclasses import replace

from samdomains.audit.cut_objects import CutObjects, is_cut
from samdomains.types import ObjectMask, TileOf, Window
from tests.audit_making import Picture, disk, pictures


def collected(shown: list[Picture]) -> CutObjects:
    cut = CutObjects()
    for place, item in enumerate(shown):
        cut.look_at(item.as_case(str(place)), item.objects)
    return cut


def half_outside(item: Picture) -> Picture:
    return replace(item, objects=(*item.objects, ObjectMask.from_mask(disk(48, 0, 9))))


def test_an_object_is_cut_where_it_meets_the_border_broadly() -> None:
    assert is_cut(ObjectMask.from_mask(disk(48, 0, 9)))
    assert is_cut(ObjectMask.from_mask(disk(95, 50, 9)))
    assert not is_cut(ObjectMask.from_mask(disk(48, 9, 9)))  # touches it with a few pixels
    assert not is_cut(ObjectMask.from_mask(disk(48, 50, 9)))


def test_the_only_cut_object_of_a_set_is_found() -> None:
    shown = pictures(8)
    shown[2] = half_outside(shown[2])
    cut = collected(shown)
    (finding,) = cut.findings()
    assert (finding.case, finding.check, finding.severity) == ("2", "cut_by_border", "warning")
    assert finding.box == (0, 39, 10, 58)
    assert list(cut.unjudged()) == []


def test_where_many_objects_are_cut_the_set_says_that_it_is_usual() -> None:
    cut = collected([half_outside(item) for item in pictures(8)])
    assert list(cut.findings()) == []
    (item,) = cut.unjudged()
    assert (item.check, "8 of 8 images" in item.reason) == ("cut_by_border", True)


def test_few_images_are_not_judged_and_tiles_are_cut_by_nature() -> None:
    cut = CutObjects()
    shown = half_outside(pictures(1)[0])
    case = shown.as_case("a")
    cut.look_at(replace(case, tile_of=TileOf(case, Window(0, 0, 9, 9))), shown.objects)
    assert cut.images == 0
    (item,) = collected([shown]).unjudged()
    assert "1 images have" in item.reason
