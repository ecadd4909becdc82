from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samdomains.errors import DataError
from samdomains.evaluation.results import ObjectScore
from samdomains.evaluation.score_table import COLUMNS, read_scores, write_scores

names = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
numbers = st.floats()
scores = st.builds(
    ObjectScore,
    case=names,
    group=names,
    class_name=names,
    system=names,
    object_index=st.integers(0),
    area=st.integers(0),
    dice=numbers,
    iou=numbers,
    predicted_iou=numbers,
    boundary_f=numbers,
    nsd=numbers,
    hd95_px=numbers,
)

MISSED = ObjectScore("a", "p", "cell", 3, "tuned", "box", 0.0, 0.0, 0.9, 12, 0.0, 0.0)


def lines_of(path: Path) -> list[str]:
    write_scores(path, [MISSED])
    return path.read_text("utf-8").splitlines()


@settings(max_examples=50)
@given(found=st.lists(scores, max_size=4))
def test_scores_come_back_exactly_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, found: Sequence[ObjectScore]
) -> None:
    path = tmp_path_factory.getbasetemp() / "scores.csv"
    write_scores(path, found)
    again = read_scores(path)
    # NaN is not equal to itself, and -0.0 equals 0.0.
    assert [repr(astuple(score)) for score in again] == [repr(astuple(score)) for score in found]


def test_a_row_has_an_empty_cell_where_a_number_is_nan(tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.csv", [MISSED])
    with (tmp_path / "scores.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert list(row) == list(COLUMNS)
    assert (row["case"], row["class"], row["object"], row["area"]) == ("a", "cell", "3", "12")
    assert (row["dice"], row["hd95_px"]) == ("0.0", "")
    (again,) = read_scores(tmp_path / "scores.csv")
    assert math.isnan(again.hd95_px)
    assert again.missed


def test_a_file_that_is_no_table_of_scores_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    with pytest.raises(DataError, match=r"scores\.csv: cannot be read .*Score again"):
        read_scores(path)
    for content, problem in (
        (b"", r"its columns are \[\]"),
        (b"case,dice\n", r"its columns are \['case', 'dice'\], not \['case', 'group'"),
        (b"\xff\xfe", "is no table of scores"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=problem):
            read_scores(path)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("a,p,cell,3,tuned,box,0.0", "line 3 has 7 cells, not 13"),
        ("a,p,cell,x,tuned,box,0,0,0,0,0,0,1", "line 3 has a cell that is no number.*'x'"),
        ("a,p,cell,1,tuned,box,high,0,0,0,0,0,1", "line 3 has a cell that is no number.*'high'"),
        ("a,p,cell,1,tuned,lasso,0,0,0,0,0,0,1", "line 3 has the prompt 'lasso', not"),
        ('"a,p,cell,1', "is no table of scores"),
    ],
)
def test_a_damaged_row_is_named(row: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("\n".join([*lines_of(path), row]) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=problem):
        read_scores(path)
