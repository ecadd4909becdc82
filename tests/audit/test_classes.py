from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from samdomains.audit.classes import Classes
from samdomains.audit.findings import Finding
from samdomains.types import Case, ObjectMask, SliceOf, Split
from tests.audit_making import disk

NAMES = {1: "cell", 2: "nucleus"}


def item(class_id: int = 1, y: float = 40, x: float = 40, radius: float = 9) -> ObjectMask:
    return ObjectMask.from_mask(disk(y, x, radius), class_id=class_id)


def image(name: str, split: Split | None = None) -> Case:
    return Case(name, name, lambda: disk(0, 0, 1)[None], lambda: (), classes=NAMES, split=split)


def findings(images: Iterable[tuple[Case, Sequence[ObjectMask]]]) -> list[Finding]:
    classes = Classes()
    for case, objects in images:
        classes.look_at(case, objects)
    return list(classes.findings())


def test_an_image_without_a_class_that_the_others_have_is_told() -> None:
    both, one = (item(1), item(2, radius=5)), (item(1),)
    found = findings((image(str(i)), one if i == 3 else both) for i in range(12))
    assert [(finding.case, finding.check) for finding in found] == [("3", "missing_object")]
    assert "'nucleus', which 11 of 12" in found[0].problem


def test_a_class_that_many_images_lack_is_not_expected() -> None:
    both, one = (item(1), item(2)), (item(1),)
    assert findings((image(str(i)), one if i % 3 else both) for i in range(12)) == []


def test_few_images_say_nothing_about_classes() -> None:
    assert findings([(image("a"), (item(1), item(2))), (image("b"), (item(1),))]) == []


def test_rare_classes_are_named_with_their_numbers_once() -> None:
    many = [(image(str(i)), (item(1),) * 10) for i in range(12)]
    (finding,) = findings([*many, (image("last"), (item(1), item(2)))])
    assert finding.check == "rare_class"
    assert "'nucleus' 1" in finding.problem
    assert finding.case == ""


def test_a_split_without_a_class_is_told() -> None:
    both, one = (item(1), item(2)), (item(1),)
    train = [(image(f"a{i}", "train"), both) for i in range(12)]
    (finding,) = findings([*train, *((image(f"b{i}", "test"), one) for i in range(3))])
    assert finding.check == "class_not_in_split"
    assert "'nucleus' in 'test'" in finding.problem


def slices(*contents: Sequence[ObjectMask]) -> list[Finding]:
    volume = replace(image("scan"), depth=len(contents))
    return findings(
        (replace(image(f"scan@{i}"), slice_of=SliceOf(volume, i)), objects)
        for i, objects in enumerate(contents)
    )


def test_a_slice_without_an_object_that_its_neighbours_have_is_told_with_the_place() -> None:
    (finding,) = slices((item(),), (item(y=42),), (item(2),), (item(y=43),), (item(),))
    assert finding.case == "scan@2"
    assert finding.check == "missing_object"
    assert "'cell'" in finding.problem
    assert finding.box == (31, 33, 50, 52)


def test_objects_that_begin_end_move_or_are_tiny_leave_no_gap() -> None:
    assert slices((), (item(),), (item(),), ()) == []
    assert slices((item(),), (), (item(y=80, x=90),)) == []
    assert slices((item(radius=2),), (), (item(radius=2),)) == []
    assert slices((item(),), (item(y=46, x=46),), (item(),)) == []
