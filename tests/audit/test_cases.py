from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from samdomains.audit.cases import audit_cases
from samdomains.audit.findings import Audit, Finding
from samdomains.data.parts import in_parts
from samdomains.errors import DataError
from samdomains.types import Case, ObjectMask, RawImage, Split, TileOf, Window

SIZE = (6, 8)


def picture(seed: int = 0, channels: int = 3) -> RawImage:
    return np.random.default_rng(seed).integers(0, 255, (channels, *SIZE), dtype=np.uint8)


def square(
    side: int = 3, class_id: int = 1, size: tuple[int, int] = SIZE, *, crowd: bool = False
) -> ObjectMask:
    mask = np.zeros(size, dtype=bool)
    mask[:side, :side] = True
    return ObjectMask.from_mask(mask, class_id=class_id, crowd=crowd)


def case(
    name: str = "a",
    pixels: RawImage | None = None,
    objects: tuple[ObjectMask, ...] | None = None,
    *,
    split: Split | None = None,
    read_pixels: Callable[[], RawImage] | None = None,
    read_objects: Callable[[], tuple[ObjectMask, ...]] | None = None,
) -> Case:
    """A sound case: pixels that only its name has, and one object of 9 pixels."""
    own = picture(sum(name.encode())) if pixels is None else pixels
    annotated = (square(),) if objects is None else objects
    return Case(
        id=name,
        group=name,
        read_pixels=read_pixels or (lambda: own),
        read_objects=read_objects or (lambda: annotated),
        classes={1: "cell", 2: "nucleus"},
        split=split,
        files=(Path(f"images/{name}.png"), Path(f"masks/{name}.png")),
    )


def audit(*cases: Case) -> Audit:
    return audit_cases(cases, minimum_area=4)


def only_finding(*cases: Case) -> Finding:
    (finding,) = audit(*cases).findings
    return finding


def fail(path: str) -> Callable[[], tuple[ObjectMask, ...]]:
    def read() -> tuple[ObjectMask, ...]:
        raise DataError(path, "the file is cut off", "Copy it again.")

    return read


def test_a_sound_data_set_has_no_findings_and_is_counted() -> None:
    result = audit(case("a", objects=(square(), square(2))), case("b"))
    assert replace(result, unjudged=()) == Audit((), 2, 3, {"cell": 3, "nucleus": 0}, ())


def test_every_case_is_read_once_and_progress_is_told() -> None:
    reads: list[str] = []

    def noted(name: str) -> Case:
        def read_pixels() -> RawImage:
            reads.append(f"pixels {name}")
            return picture(ord(name))

        def read_objects() -> tuple[ObjectMask, ...]:
            reads.append(f"objects {name}")
            return (square(),)

        return case(name, read_pixels=read_pixels, read_objects=read_objects)

    done: list[int] = []
    audit_cases([noted("a"), noted("b")], minimum_area=4, progress=done.append)
    assert reads == ["pixels a", "objects a", "pixels b", "objects b"]
    assert done == [1, 2]


def test_all_unreadable_files_are_listed_at_once() -> None:
    def broken_image() -> RawImage:
        raise DataError("images/a.png", "the file is empty", "Copy it again.")

    result = audit(
        case("a", read_pixels=broken_image),
        case("b", read_objects=fail("masks/b.png")),
        case("c"),
    )
    assert [(error.case, error.file, error.problem) for error in result.errors] == [
        ("a", "images/a.png", "the file is empty"),
        ("b", "masks/b.png", "the file is cut off"),
    ]
    assert result.objects == 2


def test_one_fault_met_by_both_readers_is_listed_once() -> None:
    def broken_image() -> RawImage:
        raise DataError("images/a.png", "the file is cut off", "Copy it again.")

    broken = case("a", read_pixels=broken_image, read_objects=fail("images/a.png"))
    assert len(audit(broken, case("b")).errors) == 1


def test_other_exceptions_are_not_swallowed() -> None:
    def bug() -> RawImage:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        audit(case(read_pixels=bug))


def test_a_mask_of_another_size_is_an_error_that_names_the_mask() -> None:
    finding = only_finding(case(objects=(square(size=(12, 16)), square(size=(12, 16)))))
    assert finding.severity == "error"
    assert finding.file == str(Path("masks/a.png"))
    assert "16 x 12" in finding.problem
    assert "8 x 6" in finding.problem


def test_a_constant_image_is_a_warning_even_behind_an_opaque_alpha_channel() -> None:
    blank = np.zeros((4, *SIZE), dtype=np.uint8)
    blank[3] = 255
    finding = only_finding(case(pixels=blank))
    assert finding.severity == "warning"
    assert "same value" in finding.problem


def test_not_finite_pixels_are_counted() -> None:
    pixels = picture().astype(np.float32)
    pixels[0, 0, :2] = np.nan, np.inf
    finding = only_finding(case(pixels=pixels))
    assert finding.severity == "warning"
    assert finding.problem.startswith("2 of 144 ")


def test_an_image_without_any_finite_pixel_is_one_error() -> None:
    finding = only_finding(case(pixels=np.full((1, *SIZE), np.nan, dtype=np.float32)))
    assert finding.severity == "error"
    assert "no finite pixel" in finding.problem


def test_a_data_set_without_objects_is_an_error() -> None:
    result = audit(case("a", objects=()), case("b", objects=()))
    (finding,) = result.findings
    assert finding.severity == "error"
    assert (finding.case, finding.file) == ("", "")
    assert "nothing to learn from" in finding.problem
    assert len(result.empty) == 2


def test_crowd_regions_are_no_objects_to_learn_from() -> None:
    result = audit(case(objects=(square(crowd=True),)))
    assert "nothing to learn from" in result.errors[0].problem
    assert (result.objects, len(result.empty)) == (0, 1)


def test_single_empty_cases_are_one_warning_with_their_count() -> None:
    result = audit(case("a"), case("b", objects=()), case("c", objects=()))
    (finding,) = result.findings
    assert finding.severity == "warning"
    assert finding.problem == "2 of 3 cases hold no object: b, c"
    assert len(result.empty) == 2


def test_no_case_at_all_is_an_error() -> None:
    assert only_finding().problem == "the data set holds no case"


def test_an_image_without_annotation_is_an_error() -> None:
    unannotated = Case("b", "b", lambda: picture(7), None, {1: "cell"})
    finding = only_finding(case("a"), unannotated)
    assert finding.severity == "error"
    assert finding.case == "b"
    assert "no annotation" in finding.problem


def test_objects_below_the_minimum_area_are_a_warning_with_their_count() -> None:
    finding = only_finding(case(objects=(square(1), square(1), square(2))))
    assert finding.severity == "warning"
    assert finding.problem == "2 of 3 objects have fewer than 4 pixels"


def test_a_mask_that_covers_the_whole_image_is_a_warning() -> None:
    whole = ObjectMask.from_mask(np.ones(SIZE, dtype=bool))
    finding = only_finding(case(objects=(whole,)))
    assert finding.severity == "warning"
    assert "covers the whole image" in finding.problem


def test_an_unknown_class_is_an_error_and_counted_by_its_number() -> None:
    result = audit(case(objects=(square(), square(class_id=7))))
    assert result.errors[0].problem == "class 7 is not among the classes 1, 2"
    assert result.per_class == {"cell": 1, "nucleus": 0, "7": 1}


def test_the_same_image_in_two_splits_is_an_error() -> None:
    finding = only_finding(case("a", picture(), split="train"), case("b", picture(), split="test"))
    assert finding.severity == "error"
    assert finding.case == "b"
    assert "'a' in 'train'" in finding.problem


@pytest.mark.parametrize("split", [None, "train"])
def test_the_same_image_twice_in_one_split_is_a_warning(split: Split | None) -> None:
    finding = only_finding(case("a", picture(), split=split), case("b", picture(), split=split))
    assert finding.severity == "warning"
    assert "equals that of case 'a'" in finding.problem


def test_images_with_equal_bytes_and_other_shapes_are_no_duplicates() -> None:
    pixels = picture()
    turned = pixels.reshape(3, SIZE[1], SIZE[0])
    assert not audit(
        case("a", pixels), case("b", turned, (square(size=turned.shape[1:]),))
    ).findings


def test_blank_images_are_no_duplicates_of_each_other() -> None:
    blank = np.zeros((3, *SIZE), dtype=np.uint8)
    result = audit(case("a", blank, split="train"), case("b", blank, split="test"))
    assert not result.errors


def test_an_id_that_occurs_several_times_is_one_error() -> None:
    finding = only_finding(case("a", picture(1)), case("a", picture(2)), case("a", picture(3)))
    assert finding.severity == "error"
    assert "more than one case" in finding.problem


def test_different_channel_counts_are_a_warning() -> None:
    finding = only_finding(case("a", picture(1, 3)), case("b", picture(2, 1)), case("c"))
    assert finding.severity == "warning"
    assert finding.problem == "the number of channels differs: 1 in 1 images, 3 in 2 images"


def test_findings_are_told_apart_and_become_json() -> None:
    result = audit(case("a", objects=(square(1), square())), case("b", read_objects=fail("b.png")))
    assert [finding.case for finding in result.warnings] == ["a"]
    assert [finding.case for finding in result.errors] == ["b"]
    written = json.loads(json.dumps(result.to_json()))
    assert written["cases"] == 2
    assert written["findings"][0] == {
        "severity": "error",
        "case": "b",
        "file": "b.png",
        "problem": "the file is cut off",
        "remedy": "Copy it again.",
        "check": "unreadable",
        "badness": 1.0,
        "object_index": None,
        "box": None,
        "other": "",
        "fix": None,
    }


def volume(read: Callable[[], RawImage]) -> Case:
    item = ObjectMask(np.ones((1, 1), dtype=bool), (0, 0), (4, 4), slice_index=2)
    return Case(
        id="scan",
        group="scan",
        read_pixels=read,
        read_objects=lambda: (item,),
        classes={1: "object"},
        files=(Path("scan.nii"), Path("labels.nii")),
        depth=3,
    )


def test_findings_name_the_slice_of_a_volume() -> None:
    cases = in_parts([volume(lambda: np.arange(48).reshape(1, 3, 4, 4))])
    (finding,) = (f for f in audit_cases(cases, minimum_area=4).findings if f.check == "specks")
    assert (finding.case, finding.file) == ("scan@2", "labels.nii")
    assert finding.problem == "slice 2: 1 of 1 objects have fewer than 4 pixels"


def test_a_volume_that_cannot_be_read_is_one_finding() -> None:
    def damaged() -> RawImage:
        raise DataError("scan.nii", "damaged", "Copy it again.")

    audit = audit_cases(in_parts([volume(damaged)]), minimum_area=4)
    assert [f.problem for f in audit.findings if f.file == "scan.nii"] == ["damaged"]


def test_what_a_loader_noticed_is_a_warning_once_a_volume() -> None:
    noted = replace(volume(lambda: np.arange(48).reshape(1, 3, 4, 4)), notes=("uneven slices",))
    audit = audit_cases(in_parts([noted]), minimum_area=1)
    assert [(f.severity, f.file, f.problem) for f in audit.findings if f.file] == [
        ("warning", "scan.nii", "uneven slices")
    ]


def test_a_tile_that_holds_nothing_is_no_error() -> None:
    whole = Case("town", "town", lambda: np.zeros((1, 4, 8)), None, {1: "roof"})
    nothing = replace(
        whole,
        id="town@0_000",
        read_pixels=lambda: np.full((1, 4, 4), np.nan),
        read_objects=lambda: (),
        tile_of=TileOf(whole, Window(0, 0, 4, 4)),
    )
    audit = audit_cases([nothing], minimum_area=1)
    assert not [finding for finding in audit.findings if "finite" in finding.problem]


def test_checks_that_cannot_judge_a_set_say_so() -> None:
    result = audit(case("a"), case("b"))
    checks = {item.check for item in result.unjudged}
    assert {"swapped_masks", "shifted_mask", "missing_object"} <= checks
    assert {"check": "swapped_masks", "reason": "2 images have an object, and 6 are needed"} in (
        result.to_json()["not_judged"]
    )


def test_of_a_set_without_annotation_no_check_says_that_it_cannot_judge() -> None:
    bare = replace(case("a"), read_objects=None)
    assert audit(bare).unjudged == ()


def test_two_annotations_of_one_image_are_compared() -> None:
    pixels = picture(3)
    first = case("a", pixels=pixels)
    second = case("b", pixels=pixels, objects=(square(2),))
    found = {finding.check: finding for finding in audit(first, second).findings}
    assert found["annotators_disagree"].other == "a"
    assert "duplicate_image" in found
