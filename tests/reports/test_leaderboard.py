from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from samdomains.benchmark.leaderboard import leaderboard
from samdomains.benchmark.suites import Suite
from samdomains.chain import select_domain
from samdomains.reports.leaderboard import (
    NONE,
    dice_table,
    leaderboard_markdown,
    summary_tables,
    write_leaderboard,
)
from tests.benchmark.made import result, results


@pytest.fixture
def content() -> dict[str, Any]:
    suite = Suite(title="Cells & <nuclei>")
    return leaderboard(select_domain("images"), suite, results(), {"roads": "is not there"})


def test_the_page_needs_nothing_else_and_shows_text_as_text(
    content: dict[str, Any], tmp_path: Path
) -> None:
    write_leaderboard(tmp_path / "page.html", content)
    page = (tmp_path / "page.html").read_text("utf-8")
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    assert "<script" not in page
    assert "Cells &amp; &lt;nuclei&gt;" in page
    assert page.count("data:image/svg+xml") == 2  # the learning curve, light and dark
    for said in ("U-Net from scratch", "a shelf", "CC0", "abababababababab", "is not there"):
        assert said in page


def test_the_best_of_a_column_is_marked_as_it_is_shown(content: dict[str, Any]) -> None:
    table = dice_table(content["tables"][1])
    best = {row.name: row.cells[0].best for row in table.rows}
    assert best == {
        "SAM, decoder tuned": False,
        "SAM, zero-shot": False,
        "Ellipse in box": False,
        "U-Net from scratch": True,
    }
    assert re.fullmatch(r"0\.\d{3} to 0\.\d{3}", table.rows[0].cells[0].interval)


def test_volumes_have_columns_where_they_were_scored(content: dict[str, Any]) -> None:
    table = content["tables"][1]
    assert "3D Dice" not in dice_table(table).columns
    means = {"dice": 0.5, "nsd": 0.6, "hd95_mm": 7.25}
    table["rows"][-1]["volumes"] = {"box@middle": means}
    found = dice_table(table)
    place = found.columns.index("HD95 (mm)")
    assert sorted(row.cells[place].text for row in found.rows) == ["7.2", NONE, NONE, NONE]


def test_the_overview_takes_the_table_of_all_images(content: dict[str, Any]) -> None:
    (boxes,) = summary_tables(content)
    (row,) = boxes.rows
    assert (boxes.title, row.name, row.note) == ("Dice from boxes", "nuclei", "20 training images")


def test_the_overview_tells_who_finds_most_without_prompts(content: dict[str, Any]) -> None:
    rows = {row["system"]: row for row in content["tables"][1]["rows"]}
    for system, dice in (("unet", 0.6), ("decoder", 0.5)):
        rows[system]["prompts"]["auto"] = {"semantic_dice": {"mean": dice, "ci95": [None, None]}}
    _, found = summary_tables(content)
    assert found.columns == ["SAM, decoder tuned", "U-Net from scratch"]
    assert [cell.text for cell in found.rows[0].cells] == ["0.500", "0.600"]
    assert [cell.best for cell in found.rows[0].cells] == [False, True]
    assert "## Dice without prompts" in leaderboard_markdown(content)


def test_the_markdown_holds_every_table(content: dict[str, Any]) -> None:
    text = leaderboard_markdown(content)
    assert text.count("\n| U-Net from scratch |") == 2
    assert "- SAM, decoder tuned against U-Net from scratch, box: -0.050 Dice" in text
    assert "- `roads`: is not there" in text
    assert "**Generated data" not in text


def test_generated_data_is_said_first() -> None:
    cells = [result("untuned", {"zero_shot": 0.7}, data="generated")]
    made = leaderboard(select_domain("images"), Suite(title="Demo"), cells, {})
    text = leaderboard_markdown(made)
    assert text.index("**Generated data") < text.index("## ")


def test_a_suite_in_which_everything_failed_has_a_page_all_the_same(tmp_path: Path) -> None:
    made = leaderboard(select_domain("images"), Suite(title="Cells"), [], {"a": "is not there"})
    write_leaderboard(tmp_path / "page.html", made)
    assert "is not there" in (tmp_path / "page.html").read_text("utf-8")
    assert "is not there" in leaderboard_markdown(made)
