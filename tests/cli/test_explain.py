from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CallCli
    from tests.conftest import InstallPlugin

PLUGIN = """
from samdomains.plugin import hookimpl

@hookimpl
def write_masks():
    return print
"""


@pytest.fixture(autouse=True)
def _own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_it_shows_who_answers_and_who_is_overridden(
    call: CallCli, install_plugin: InstallPlugin, tmp_path: Path
) -> None:
    file = install_plugin("slides", PLUGIN)
    local = tmp_path / "local_cli_explain.py"
    local.write_text(PLUGIN)
    output = call("explain", "slides", "--plugin", str(local)).output
    assert output.startswith("slides, from samdomains-slides 1.0\n")
    rows = [line.split() for line in output.splitlines()]
    start = next(index for index, row in enumerate(rows) if row[:1] == ["write_masks"])
    assert rows[start][1:] == ["local", "file", local.name, "answers", f"{local}:4"]
    assert rows[start + 1] == ["domain", "slides", "overridden", f"{file}:4"]
    assert rows[start + 2][:2] == ["core", "overridden"]
    assert ["benchmarks", "core", "answers"] in [row[:3] for row in rows]


def test_json_is_for_scripts(call: CallCli, install_plugin: InstallPlugin) -> None:
    install_plugin("slides", PLUGIN)
    answers = json.loads(call("explain", "slides", "--json").output)
    assert {answer["hook"]: answer["winner"] for answer in answers}[
        "write_masks"
    ] == "domain slides"


def test_an_unknown_domain_is_one_line(call: CallCli) -> None:
    result = call("explain", "nothing-of-the-kind")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: no domain 'nothing-of-the-kind' is installed.")
    assert result.stderr.count("\n") == 1


def test_a_trace_shows_what_each_hook_got_and_gave(
    call: CallCli, labelled_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "trace"
    result = call("explain", "images", str(labelled_folder), "--trace", "--out", str(out))
    assert result.exit_code == 0
    lines = [line.strip() for line in result.output.splitlines()]
    start = next(i for i, line in enumerate(lines) if line.startswith("normaliser(pixels, stat"))
    assert lines[start].endswith(" ms]")
    assert lines[start + 1].startswith("got pixels: uint8 (3, 128, 128)")
    assert lines[start + 3] == "gave float32 (3, 128, 128), 0 to 1"
    assert lines[-1] == f"trace: {out / 'trace.html'}"
    assert (out / "trace.html").is_file()


def test_a_trace_is_json_for_scripts_up_to_the_error(
    call: CallCli, install_plugin: InstallPlugin, labelled_folder: Path
) -> None:
    install_plugin("slides", PLUGIN.replace("return print", "return 1 / 0"))
    result = call("explain", "slides", str(labelled_folder), "--trace", "--json")
    assert result.exit_code == 1
    assert "ZeroDivisionError" in result.stderr
    trace = json.loads(result.stdout)
    assert trace["steps"][-1]["call"] == "write_masks(recipe)"
    assert "ZeroDivisionError" in trace["error"]


def test_data_needs_a_trace(call: CallCli, tmp_path: Path) -> None:
    result = call("explain", "images", str(tmp_path))
    assert result.exit_code == 2
    assert "need --trace" in result.output
