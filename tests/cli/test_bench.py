from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from samdomains.cli.main import cli
from tests.launching import launch

if TYPE_CHECKING:
    from tests.cli.conftest import CallCli

FAST = (
    "--set",
    "training.epochs=1",
    "--set",
    "evaluation.prompts=[box, point]",
    "--set",
    "evaluation.bootstrap=20",
)


@pytest.fixture(scope="module")
def plugin(labelled_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of one data set, the labelled folder."""
    path = tmp_path_factory.mktemp("plugin") / "suite_of_one_shelf.py"
    suite = {
        "title": "One shelf",
        "datasets": [
            {
                "name": "scenes",
                "path": labelled_folder.name,
                "title": "coloured shapes",
                "source": "a shelf in the cellar",
                "licence": "CC0",
            },
            {
                "name": "gone",
                "path": "gone",
                "title": "what was lent",
                "source": "a shelf upstairs",
                "licence": "ask first",
            },
        ],
        "strategies": ["decoder"],
        "images": [1, "all"],
    }
    path.write_text(
        "from samdomains.plugin import hookimpl\n\n"
        f"@hookimpl\ndef benchmarks():\n    return {{'default': {suite!r}}}\n"
    )
    return path


@pytest.fixture(scope="module")
def words(plugin: Path, labelled_folder: Path) -> tuple[str, ...]:
    root = str(labelled_folder.parent)
    return ("bench", "images", "--plugin", str(plugin), "--data-root", root, *FAST)


@pytest.fixture(scope="module")
def ended(words: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """Where the whole suite ran, and how it ended."""
    out = tmp_path_factory.mktemp("bench") / "out"
    return out, CliRunner().invoke(cli, [*words, "--out", str(out), "--images", "all"])


def test_a_suite_runs_from_data_to_leaderboard_and_marks_what_is_missing(
    words: tuple[str, ...], ended: tuple[Path, Result], call: CallCli
) -> None:
    out, result = ended
    assert result.exit_code == 1
    assert "gone: left out." in result.stderr
    assert "a shelf upstairs (licence: ask first)" in result.stderr
    assert "1 of the matrix without scores: gone." in result.stderr
    (table,) = json.loads((out / "results.json").read_text("utf-8"))["tables"]
    systems = {row["system"]: row for row in table["rows"]}
    assert set(systems) == {"zero_shot", "box_ellipse", "decoder", "unet"}
    assert systems["decoder"]["prompts"]["box"]["dice"]["mean"] > 0.5
    assert systems["unet"]["prompts"]["auto"]["semantic_dice"]["n"] == 2
    assert systems["unet"]["seconds"] > 0
    assert "| U-Net from scratch |" in result.stdout
    again = call(*words, "--out", str(out), "--images", "all", "--data-set", "scenes", "--json")
    assert again.exit_code == 0, again.stderr
    assert again.stderr.count("done before") == 3
    assert json.loads(again.stdout)["out"] == str(out)


def test_two_processes_fill_the_same_table_and_only_one_of_them_speaks(
    words: tuple[str, ...], ended: tuple[Path, Result], tmp_path: Path
) -> None:
    part = ("--data-set", "scenes", "--images", "all", "--out", str(tmp_path / "two"))
    first, second = launch(["-m", "samdomains.cli.main", *words, *part])
    assert (first.code, second.code) == (0, 0), (first, second)
    assert second.stdout == ""
    assert "begins" not in second.stderr
    alone, together = box_dice(ended[0]), box_dice(tmp_path / "two")
    del alone["unet"]  # it trains for a time, not for a number of steps
    assert 0 <= together.pop("unet") <= 1
    assert together == pytest.approx(alone, abs=1e-3)


def box_dice(out: Path) -> dict[str, float]:
    """System → mean Dice with boxes, of the only table."""
    (table,) = json.loads((out / "results.json").read_text("utf-8"))["tables"]
    return {row["system"]: row["prompts"]["box"]["dice"]["mean"] for row in table["rows"]}


def test_the_suites_and_where_to_get_their_data_are_listed(
    plugin: Path, labelled_folder: Path, call: CallCli
) -> None:
    words = ["bench", "images", "--plugin", str(plugin), "--list"]
    result = call(*words, "--data-root", str(labelled_folder.parent))
    assert result.exit_code == 0
    heading, _, scenes, gone = result.stdout.splitlines()
    assert heading == "default: One shelf"
    assert scenes.split()[:4] == ["scenes", labelled_folder.name, "yes", "CC0"]
    assert gone.endswith("no     ask first  a shelf upstairs")
    listed = json.loads(call(*words, "--json").stdout)
    assert [data["name"] for data in listed["default"]["datasets"]] == ["scenes", "gone"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Missing option '--out'"),
        (("--out", "x", "--images", "few"), "'few' is not a number above 0, nor 'all'"),
        (("--out", "x", "--suite", "quick"), "no suite 'quick'"),
        (("--out", "x", "--data-set", "scene"), "Did you mean 'scenes'"),
        (("--out", "x", "--set", "training.epoch=1"), "unknown key 'training.epoch'"),
    ],
)
def test_a_wrong_call_exits_with_2_and_begins_nothing(
    words: tuple[str, ...],
    said: str,
    plugin: Path,
    tmp_path: Path,
    call: CallCli,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("bench", "images", "--plugin", str(plugin), *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not list(Path("x").glob("cells/*"))
