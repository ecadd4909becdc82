from __future__ import annotations

from dataclasses import replace

import pytest

from samdomains.audit.annotators import Annotators, dice
from samdomains.types import ObjectMask
from tests.audit_making import SIZE, Picture, disk, picture


def compared(*pairs: tuple[Picture, Picture]) -> Annotators:
    annotators = Annotators()
    for place, (first, later) in enumerate(pairs):
        annotators.look_at(
            later.as_case(f"{place}b"),
            later.objects,
            first.as_case(f"{place}a"),
            first.objects,
            SIZE,
        )
    return annotators


def test_dice_counts_pixels_with_their_class() -> None:
    mask = disk(48, 50, 10)
    half = mask.copy()
    half[:48] = False
    one, part = ObjectMask.from_mask(mask), ObjectMask.from_mask(half)
    assert dice([one], [one], SIZE) == 1
    assert dice([one], [part], SIZE) == pytest.approx(2 * half.sum() / (mask.sum() + half.sum()))
    assert dice([one], [replace(one, class_id=2)], SIZE) == 0
    assert dice([], [], SIZE) == 1


def test_annotators_who_agree_have_no_findings() -> None:
    assert list(compared(*[(picture(seed), picture(seed)) for seed in range(4)]).findings()) == []


def test_a_second_annotation_that_lacks_objects_is_found() -> None:
    shown = picture(1)
    (finding,) = compared((shown, shown.without(0).without(1))).findings()
    assert (finding.check, finding.case, finding.other) == ("annotators_disagree", "0b", "0a")
    assert "(2 and 4 objects)" in finding.problem


def test_several_pairs_are_summed_up_for_the_set() -> None:
    pairs = [(picture(seed), picture(seed).moved(0, 4)) for seed in range(3)]
    findings = list(compared(*pairs).findings())
    assert [finding.case for finding in findings] == ["0b", "1b", "2b", ""]
    assert "3 images are annotated more than once" in findings[-1].problem
