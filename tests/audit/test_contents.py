from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from samdomains.audit.contents import Contents
from samdomains.audit.findings import Finding
from samdomains.types import Split
from tests.audit_making import Picture, pictures


def looked_at(shown: list[Picture], splits: dict[int, Split] | None = None) -> Contents:
    contents = Contents()
    for place, item in enumerate(shown):
        case = item.as_case(str(place), (splits or {}).get(place))
        contents.look_at(case, item.pixels, item.objects)
    return contents


def findings(shown: list[Picture], splits: dict[int, Split] | None = None) -> list[Finding]:
    return list(looked_at(shown, splits).findings())


def test_a_sound_set_has_no_findings() -> None:
    assert findings(pictures(12)) == []


def test_a_shifted_mask_is_told_in_words() -> None:
    shown = pictures(12)
    shown[2] = shown[2].moved(0, 3)
    (finding,) = findings(shown)
    assert (finding.case, finding.check, finding.severity) == ("2", "shifted_mask", "error")
    assert "3 px further left" in finding.problem


def test_a_shift_of_all_masks_is_told_once_for_the_set() -> None:
    (finding,) = findings([item.moved(2, 0) for item in pictures(12)])
    assert (finding.case, finding.check, finding.severity) == ("", "shifted_masks", "warning")
    assert "2 px further up" in finding.problem


def test_swapped_masks_name_each_other_and_are_not_called_shifted() -> None:
    shown = pictures(12)
    shown[2], shown[7] = (
        replace(shown[a], objects=tuple(shown[b].objects)) for a, b in ((2, 7), (7, 2))
    )
    found = findings(shown)
    assert {(finding.case, finding.other) for finding in found} == {("2", "7"), ("7", "2")}
    assert {finding.check for finding in found} == {"swapped_masks"}


@pytest.mark.parametrize(
    ("split", "check"),
    [("train", "near_duplicate"), ("test", "duplicate_across_splits")],
)
def test_a_changed_copy_is_told_and_whether_it_is_in_another_split(
    split: Split, check: str
) -> None:
    shown = pictures(8)
    brighter = (shown[0].pixels * 0.9 + 20).astype(np.uint8)
    shown.append(replace(shown[0], pixels=brighter))
    splits: dict[int, Split] = dict.fromkeys(range(8), "train")
    (finding,) = findings(shown, {**splits, 8: split})
    assert (finding.case, finding.other) == ("8", "0")
    assert (finding.check, finding.severity) == (check, "warning")


def test_known_copies_are_not_told_again() -> None:
    contents = Contents()
    for place, item in enumerate([*pictures(8), pictures(1)[0]]):
        contents.look_at(item.as_case(str(place)), item.pixels, item.objects, is_copy=place == 8)
    assert list(contents.findings()) == []


def test_a_forgotten_object_is_told_once_an_image_with_its_place() -> None:
    shown = pictures(20)
    shown[4] = shown[4].without(3).without(0)
    (finding,) = findings(shown)
    assert (finding.case, finding.check) == ("4", "missing_object")
    assert "2 regions without a label look" in finding.problem
    assert finding.box is not None


def test_where_all_images_lack_an_object_the_set_is_said_not_to_be_judged() -> None:
    shown = [item.without(place % 4) for place, item in enumerate(pictures(20))]
    contents = looked_at(shown)
    assert [finding.check for finding in contents.findings()] == []
    (item,) = contents.unjudged()
    assert (item.check, "too much without a label" in item.reason) == ("missing_object", True)


def test_a_sound_set_is_judged_by_all_checks_and_few_images_by_none() -> None:
    contents, few = looked_at(pictures(12)), looked_at(pictures(3))
    assert list(contents.findings()) == list(few.findings()) == []
    assert list(contents.unjudged()) == []
    assert {item.check for item in few.unjudged()} == {
        "intensity_outlier",
        "missing_object",
        "shifted_mask",
        "swapped_masks",
    }


def test_a_darker_image_is_told_with_numbers() -> None:
    shown = pictures(12)
    shown[4] = replace(shown[4], pixels=shown[4].pixels // 8)
    (finding,) = findings(shown)
    assert (finding.case, finding.check) == ("4", "intensity_outlier")
    assert "is usual" in finding.problem


def test_blank_images_and_images_without_masks_do_no_harm() -> None:
    contents = Contents()
    for place, item in enumerate(pictures(6)):
        contents.look_at(item.as_case(str(place)), item.pixels, None)
        contents.look_at(item.as_case(f"blank{place}"), np.zeros_like(item.pixels), item.objects)
    assert [finding.check for finding in contents.findings()] == []


def test_different_pixel_types_are_told_once_for_the_set() -> None:
    shown = pictures(12)
    shown[4] = replace(shown[4], pixels=shown[4].pixels.astype(np.int16))
    (finding,) = findings(shown)
    assert (finding.case, finding.check) == ("", "dtypes_differ")
    assert "int16 in 1 images, uint8 in 11 images" in finding.problem
