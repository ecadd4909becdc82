from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from samdomains.errors import DataError, UsageError
from samdomains.prompts.parsing import ObjectPrompt, by_object, prompts_from_words, read_prompts
from samdomains.types import Prompts


def test_every_box_is_an_object_of_its_own() -> None:
    first, second = prompts_from_words(["0,1,2.5,3", "4,5,6,7"], [])
    assert first.prompts.box is not None
    assert first.prompts.box.tolist() == [0.0, 1.0, 2.5, 3.0]
    assert first.prompts.box.dtype == np.float32
    assert second.prompts.source == "user"
    assert (first.class_id, len(second.prompts.points)) == (None, 0)


def test_all_points_mean_one_object_and_a_label_may_be_left_out() -> None:
    (only,) = prompts_from_words([], ["3,4", "5,6:0", "7,8:1"])
    assert only.prompts.points.tolist() == [[3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]
    assert only.prompts.point_labels.tolist() == [1, 0, 1]
    assert only.prompts.box is None


def test_points_belong_to_a_single_box() -> None:
    (only,) = prompts_from_words(["0,0,9,9"], ["3,4:0"])
    assert only.prompts.box is not None
    assert only.prompts.point_labels.tolist() == [0]


@pytest.mark.parametrize(
    ("boxes", "points", "text"),
    [
        ([], [], "nothing to segment"),
        (["0,0,1,1", "0,0,2,2"], ["1,1"], "which box do the points belong to"),
        (["9,0,1,1"], [], "write x0,y0,x1,y1 with x0 < x1 and y0 < y1"),
        (["0,0,1"], [], "expected x0,y0,x1,y1 in pixels"),
        (["0,0,1,inf"], [], "expected x0,y0,x1,y1 in pixels"),
        (["0 0 1 1"], [], "expected x0,y0,x1,y1 in pixels"),
        ([], ["1"], "expected x,y:1 in pixels"),
        ([], ["nan,1"], "expected x,y:1 in pixels"),
        ([], ["1,1:yes"], "label is 1 .* got 'yes'"),
        ([], ["1,1:0", "2,2:0"], "needs a box, or a point on it"),
    ],
)
def test_a_word_that_makes_no_sense_is_a_wrong_call(
    boxes: list[str], points: list[str], text: str
) -> None:
    with pytest.raises(UsageError, match=text):
        prompts_from_words(boxes, points)


def test_a_prompt_in_a_volume_names_its_slice() -> None:
    first, second = prompts_from_words(["4,6,20,30@45", "1,2,3,4"], [])
    assert (first.slice_index, second.slice_index) == (45, None)
    assert first.prompts.box is not None
    assert first.prompts.box.tolist() == [4, 6, 20, 30]
    (clicked,) = prompts_from_words([], ["5,6@3:1", "7,8@3:0", "9,9@3"])
    assert clicked.slice_index == 3
    assert clicked.prompts.point_labels.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("boxes", "points", "problem"),
    [
        (["4,6,20,30@x"], [], "number of a slice"),
        (["4,6,20,30@-1"], [], "number of a slice"),
        (["4,6,20,30@"], [], "number of a slice"),
        (["4,6,20,30@2", "4,6,9,9@2"], ["5,6@3:1"], "which of them mean the same object"),
        (["4,6,20,30@2"], ["5,6:1"], "got slices 2, none"),
    ],
)
def test_a_slice_that_makes_no_sense_is_a_wrong_call(
    boxes: list[str], points: list[str], problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        prompts_from_words(boxes, points)


def test_a_file_names_slices(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    path.write_text('[{"box": [1, 2, 3, 4], "slice": 7}, {"box": [1, 2, 3, 4]}]')
    assert [item.slice_index for item in read_prompts(path)] == [7, None]
    path.write_text('[{"box": [1, 2, 3, 4], "slice": -7}]')
    with pytest.raises(DataError, match=r"object 1: a slice is a whole number from 0, got -7"):
        read_prompts(path)


def test_a_file_holds_one_entry_an_object(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    entries = [
        {"box": [0, 1, 2.5, 3], "class": 7},
        {"points": [[3, 4, 1], [5, 6, 0]]},
        {"box": None, "points": [[1, 1, 1]]},
    ]
    path.write_text(json.dumps(entries))
    first, second, third = read_prompts(path)
    assert first.prompts.box is not None
    assert (first.class_id, second.class_id) == (7, None)
    assert second.prompts.point_labels.tolist() == [1, 0]
    assert third.prompts.points.tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not JSON"),
        ("[]", "holds no list of objects"),
        ('{"box": [0, 0, 1, 1]}', "holds no list of objects"),
        ("[3]", "object 1: must be an object, got 3"),
        ('[{"box": [0, 0, 9, 9]}, {"bbox": [0, 0, 1, 1]}]', "object 2: unknown key 'bbox'"),
        ('[{"box": [0, 0, 9]}]', "object 1: a box has four numbers"),
        ('[{"box": [0, 0, 9, "wide"]}]', "object 1: could not convert"),
        ('[{"box": [NaN, 0, 9, 9]}]', "object 1: the box nan,0,9,9 has no area"),
        ('[{"box": [0, 0, Infinity, 9]}]', "object 1: coordinates must be finite"),
        ('[{"points": [[1, 1]]}]', "object 1: not enough values"),
        ('[{"points": [[NaN, 1, 1]]}]', "object 1: coordinates must be finite"),
        ('[{"points": [[1, 1, 2]]}]', "object 1: a point's label is 1"),
        ('[{"points": 3}]', "object 1: "),
        ("[{}]", "object 1: an object needs a box"),
        ('[{"box": [0, 0, 9, 9], "class": 0}]', "object 1: a class is a whole number from 1"),
        ('[{"box": [0, 0, 9, 9], "class": "a"}]', "object 1: a class is a whole number from 1"),
        ('[{"box": [0, 0, 9, 9], "class": 70000}]', "object 1: a class is a whole number from 1"),
    ],
)
def test_a_file_that_makes_no_sense_names_the_entry(
    text: str, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_prompts(path)
    assert str(caught.value).startswith(f"{path}: {problem}")
    assert 'Write [{"box": ' in str(caught.value)


def prompt(
    *labels: int, index: int, number: int | None = 1, name: int | None = None
) -> ObjectPrompt:
    """Clicks in a slice; without any a box."""
    prompts = Prompts(
        box=None if labels else np.array([1, 2, 3, 4], dtype=np.float32),
        points=np.ones((len(labels), 2), dtype=np.float32),
        point_labels=np.array(labels, dtype=np.int64),
        source="user",
    )
    return ObjectPrompt(prompts, name, index, number)


def test_prompts_with_the_same_number_are_one_object_and_those_without_are_their_own() -> None:
    first, second, third = by_object(
        [
            prompt(index=4, number=7, name=3),
            prompt(index=4, number=None),
            prompt(0, index=9, number=7, name=3),
            prompt(1, index=4, number=None, name=2),
        ]
    )
    assert list(first.prompts) == [4, 9]
    assert [item.class_id for item in (first, second, third)] == [3, None, 2]
    assert first.prompts[9].point_labels.tolist() == [0]
    assert list(second.prompts) == list(third.prompts) == [4]


def test_an_object_has_the_class_that_one_of_its_prompts_names() -> None:
    (only,) = by_object([prompt(1, index=1), prompt(0, index=2, name=5)])
    assert only.class_id == 5


@pytest.mark.parametrize(
    ("first", "second", "problem"),
    [
        (prompt(1, index=2), prompt(0, index=2), "two prompts in slice 2"),
        (prompt(1, index=1, name=3), prompt(0, index=2, name=4), "object 1 has the classes 3, 4"),
        (prompt(0, index=1), prompt(0, index=2), "needs a box, or a point on it"),
    ],
)
def test_prompts_that_cannot_mean_one_object_are_a_wrong_call(
    first: ObjectPrompt, second: ObjectPrompt, problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        by_object([first, second])


def test_boxes_and_points_in_different_slices_mean_one_object() -> None:
    prompts = prompts_from_words(["1,2,9,8@45", "2,3,7,9@50"], ["5,6@45:0", "3,3@60:0"])
    (only,) = by_object(prompts)
    assert list(only.prompts) == [45, 50, 60]
    assert only.prompts[45].box is not None
    assert only.prompts[45].point_labels.tolist() == [0]
    assert only.prompts[60].box is None
    assert only.prompts[60].point_labels.tolist() == [0]


def test_boxes_in_one_slice_of_a_volume_are_objects_of_their_own() -> None:
    first, second = by_object(prompts_from_words(["1,2,9,8@4", "2,3,7,9@4"], []))
    assert (list(first.prompts), list(second.prompts)) == ([4], [4])


def test_clicks_on_the_background_alone_show_no_object_however_many_slices_they_are_in() -> None:
    with pytest.raises(UsageError, match="needs a box, or a point on it"):
        prompts_from_words([], ["5,6@3:0", "5,6@4:0"])


@pytest.mark.parametrize("word", ["30,6,4,20@2", "4,20,30,6@2", "4,6,4,20@2"])
def test_a_box_with_its_corners_swapped_is_a_wrong_call_in_a_volume_too(word: str) -> None:
    with pytest.raises(UsageError, match="write x0,y0,x1,y1 with x0 < x1 and y0 < y1"):
        prompts_from_words([word, "1,2,3,4@5"], [])


def test_a_file_prompts_one_object_in_several_slices(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    entries = [
        {"box": [0, 1, 2.5, 3], "slice": 4, "object": 1, "class": 2},
        {"points": [[1, 1, 0]], "slice": 6, "object": 1},
        {"box": [5, 5, 9, 9], "slice": 4, "class": 3},
    ]
    path.write_text(json.dumps(entries))
    first, second = by_object(read_prompts(path))
    assert list(first.prompts) == [4, 6]
    assert list(second.prompts) == [4]
    assert (first.class_id, second.class_id) == (2, 3)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[{"box": [9, 0, 1, 9], "slice": 1}]', "object 1: the box 9,0,1,9 has no area"),
        ('[{"box": [0, 0, 9, 9], "object": 1}]', 'there is no "slice"'),
        ('[{"box": [0, 0, 9, 9], "slice": 1, "object": "a"}]', "an object is a whole number"),
        ('[{"box": [0, 0, 9, 9], "slice": true}]', "a slice is a whole number from 0, got True"),
        ('[{"points": [[1, 1, 0]], "slice": 1}]', "needs a box, or a point on it"),
        ('[{"points": [[1, 1, 0]], "slice": 1, "object": 1}]', "needs a box, or a point on it"),
        (
            '[{"box": [0, 0, 9, 9], "slice": 1, "object": 1},'
            ' {"box": [0, 0, 5, 5], "slice": 1, "object": 1}]',
            "object 1 has two prompts in slice 1",
        ),
    ],
)
def test_a_file_whose_slices_make_no_sense_says_so(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(text)
    with pytest.raises(DataError, match=problem):
        read_prompts(path)
