from __future__ import annotations

from dataclasses import replace

import pytest

from samdomains.audit.findings import Finding
from samdomains.audit.overlaps import Overlaps
from samdomains.types import ObjectMask
from tests.audit_making import disk, picture


def found(*images: tuple[ObjectMask, ...]) -> list[Finding]:
    overlaps = Overlaps()
    for place, objects in enumerate(images):
        overlaps.look_at(picture(0).as_case(str(place)), objects)
    return list(overlaps.findings())


def round_object(x: float, radius: float = 12, class_id: int = 1) -> ObjectMask:
    return ObjectMask.from_mask(disk(48, x, radius), class_id=class_id)


def test_objects_apart_or_touching_do_not_overlap() -> None:
    assert found((round_object(30), round_object(80)), (round_object(30), round_object(53.5))) == []


@pytest.mark.parametrize(("class_id", "words"), [(1, "of one class"), (2, "different classes")])
def test_objects_that_cover_each_other_in_part_are_found(class_id: int, words: str) -> None:
    (finding,) = found((round_object(40), round_object(55, class_id=class_id)), ())
    assert (finding.check, finding.object_index) == ("overlap", 1)
    assert words in finding.problem
    assert finding.box == (43, 36, 53, 61)


def test_an_object_of_another_class_may_lie_in_another() -> None:
    assert found((round_object(40), round_object(40, 5, class_id=2)), ()) == []


def test_an_object_in_another_of_its_class_is_told() -> None:
    (finding,) = found((round_object(40), round_object(40, 5)), ())
    assert "100% of the smaller" in finding.problem


def test_an_object_annotated_twice_is_left_to_the_check_for_that() -> None:
    assert found((round_object(40), round_object(41)), ()) == []


def test_crowd_regions_may_overlap() -> None:
    assert found((round_object(40), replace(round_object(55), crowd=True)), ()) == []


def test_where_most_images_have_overlaps_they_are_told_once() -> None:
    (finding,) = found(*[(round_object(40), round_object(55))] * 6)
    assert (finding.case, finding.check) == ("", "overlap")
    assert "6 of 6 images" in finding.problem
