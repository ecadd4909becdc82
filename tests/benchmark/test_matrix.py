from __future__ import annotations

import math
from pathlib import Path

import pytest

from samdomains.benchmark.matrix import (
    Cell,
    CellResult,
    read_cell,
    trained_cells,
    untuned_cells,
)
from samdomains.benchmark.suites import Suite
from samdomains.errors import RunDirectoryError


def test_a_u_net_comes_after_the_strategies_whose_time_it_gets() -> None:
    suite = Suite(title="", strategies=("decoder", "full"), images=(5, "all"))
    assert [cell.key for cell in trained_cells(suite, "a", 0, available=30)] == [
        "a-tiny-decoder-5-seed0",
        "a-tiny-full-5-seed0",
        "a-unet-5-seed0",
        "a-tiny-decoder-all-seed0",
        "a-tiny-full-all-seed0",
        "a-unet-all-seed0",
    ]


def test_numbers_of_images_that_are_not_there_are_left_out() -> None:
    suite = Suite(title="", strategies=("decoder",), images=(5, 10, 20), unet=False)
    sizes = [cell.images for cell in trained_cells(suite, "a", 0, available=10)]
    assert sizes == [5, "all"]


def test_untuned_systems_are_scored_once_a_model() -> None:
    suite = Suite(title="", models=("tiny", "vit_b"))
    keys = [cell.key for cell in untuned_cells(suite, "a", 7)]
    assert keys == ["a-tiny-untuned-seed7", "a-vit_b-untuned-seed7"]


def test_cells_of_a_table_are_ordered_by_size_and_kind() -> None:
    suite = Suite(title="", images=(20, 5, "all"))
    cells = [*trained_cells(suite, "a", 0, available=99), *untuned_cells(suite, "a", 0)]
    ordered = [(cell.kind, cell.images) for cell in sorted(cells, key=lambda cell: cell.order)]
    assert ordered[0] == ("untuned", "all")
    assert [size for kind, size in ordered[1:] if kind == "unet"] == [5, 20, "all"]


def test_a_result_comes_back_from_its_file(tmp_path: Path) -> None:
    cell = Cell("a", "lora", "tiny", 5, 0)
    result = CellResult(
        cell,
        "f" * 64,
        {"title": "A"},
        images={"train": 5},
        seconds={"tune": 1.5},
        values={"dice": {"tuned": {"box": {"case": 0.5}}}},
        groups={"case": "patient"},
        metrics={"test": {"tuned": {"box": {"dice": {"mean": math.nan}}}}},
    )
    path = tmp_path / "cell.json"
    result.write(path)
    again = read_cell(path)
    assert (again.cell, again.values, again.groups) == (cell, result.values, result.groups)
    assert again.metrics["test"]["tuned"]["box"]["dice"]["mean"] is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "no result of a cell"),
        ('{"schema": 1}', "no result of a cell"),
        ("[]", "no result of a cell"),
        ('{"schema": 2}', "version 2 of the format"),
    ],
)
def test_a_damaged_or_newer_result_says_what_to_do(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "cell.json"
    path.write_text(content)
    with pytest.raises(RunDirectoryError, match=said):
        read_cell(path)
