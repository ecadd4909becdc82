"""labels.json, splits.json and groups.json."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from samdomains.data.metadata import (
    read_classes,
    read_json_object,
    with_metadata,
    write_metadata,
)
from samdomains.errors import DataError
from samdomains.types import Case, RawImage, Split


def no_pixels() -> RawImage:
    return np.zeros((1, 2, 2))


def case(name: str, split: Split | None = None, group: str = "") -> Case:
    return Case(name, group or name, no_pixels, None, {1: "object"}, split)


def write(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value))
    return path


def test_classes_are_sorted_and_background_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "labels.json", {"255": "nucleus", "0": "null", "128": "cytoplasm"})
    assert list(read_classes(path).items()) == [(128, "cytoplasm"), (255, "nucleus")]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"nucleus": 1}, "'nucleus' is not a mask value"),
        ({"-1": "a"}, "'-1' is not a mask value"),
        ({"1": 3}, "name of value 1 is not a text"),
        ({"1": {"0": "a"}}, "name of value 1 is not a text"),
        ({"1": " "}, "name of value 1 is not a text"),
        ({"1": "a", "01": "b"}, "value 1 stands there twice"),
        ({"0": "background"}, "no class but the background"),
        ({}, "no class but the background"),
        ({"1": "a", "2": "a"}, "1 and 2 are both named 'a'"),
        (["a"], "expected a JSON object"),
    ],
)
def test_malformed_labels_are_refused(tmp_path: Path, value: object, message: str) -> None:
    with pytest.raises(DataError, match=rf"labels\.json: .*{message}"):
        read_classes(write(tmp_path / "labels.json", value))


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe\x00", b"", b"[" * 100_000])
def test_what_is_not_json_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.json: the file is not JSON"):
        read_json_object(tmp_path / "a.json")


def test_a_byte_order_mark_is_accepted_and_a_missing_file_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json_object(tmp_path / "a.json") == {"a": 1}
    with pytest.raises(DataError, match=r"b\.json: it cannot be read"):
        read_json_object(tmp_path / "b.json")


def test_splits_and_groups_are_given_to_the_cases(tmp_path: Path) -> None:
    write(tmp_path / "splits.json", {"train": ["a"], "test": ["c"]})
    write(tmp_path / "groups.json", {"a": "p1", "b": "p1", "c": "p2"})
    cases = with_metadata(tmp_path, [case("a"), case("b"), case("c")])
    assert [(c.id, c.split, c.group) for c in cases] == [
        ("a", "train", "p1"),
        ("b", None, "p1"),
        ("c", "test", "p2"),
    ]


def test_without_files_cases_stay_as_they_are(tmp_path: Path) -> None:
    (found,) = with_metadata(tmp_path, [case("a")])
    assert (found.split, found.group) == (None, "a")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"train": ["a"], "test": ["a"]}, "case 'a' is in 'train' and in 'test'"),
        ({"train": ["alfa"]}, "do not exist: alfa.*Did you mean 'alpha'"),
        ({"trian": ["a"]}, "no split 'trian'.*Did you mean 'train'"),
        ({"train": "a"}, "'train' is not a list of ids"),
        ({"train": [1]}, "'train' is not a list of ids"),
    ],
)
def test_malformed_splits_are_refused(tmp_path: Path, value: object, message: str) -> None:
    write(tmp_path / "splits.json", value)
    with pytest.raises(DataError, match=rf"splits\.json: .*{message}"):
        with_metadata(tmp_path, [case("a"), case("alpha")])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": 1}, "group of 'a' is not a text"),
        ({"a": "p", "c": "p"}, "do not exist: c"),
        ({"a": "p"}, "no group for b"),
    ],
)
def test_malformed_groups_are_refused(tmp_path: Path, value: object, message: str) -> None:
    write(tmp_path / "groups.json", value)
    with pytest.raises(DataError, match=rf"groups\.json: .*{message}"):
        with_metadata(tmp_path, [case("a"), case("b")])


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    cases = [case("a", "val", "p"), case("b", None, "p"), case("c", "test")]
    write_metadata(tmp_path, cases)
    read = with_metadata(tmp_path, [case("a"), case("b"), case("c")])
    assert [(c.split, c.group) for c in read] == [(c.split, c.group) for c in cases]


def test_nothing_is_written_where_there_is_nothing_to_say(tmp_path: Path) -> None:
    write_metadata(tmp_path, [case("a")])
    assert list(tmp_path.iterdir()) == []
