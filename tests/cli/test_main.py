from __future__ import annotations

import errno
import importlib
import json
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import click
import pytest

from samdomains.cli import main as main_module
from samdomains.cli.main import COMMANDS
from samdomains.errors import PluginError, RecipeError, SamDomainsError, TrainingInterrupted

if TYPE_CHECKING:
    from tests.cli.conftest import CallCli

HEAVY = {"torch", "PIL", "tifffile", "pycocotools", "scipy", "matplotlib", "numpy", "pydantic"}


def modules_after(*words: str) -> set[str]:
    """The modules that are loaded once a command has run in a fresh process."""
    code = (
        "import json, sys\n"
        "from samdomains.cli.main import main\n"
        "try:\n"
        f"    main({list(words)!r})\n"
        "except SystemExit as done:\n"
        "    assert not done.code, done.code\n"
        "print('MODULES', json.dumps(sorted(sys.modules)))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(json.loads(result.stdout.split("MODULES ")[-1]))


@pytest.mark.parametrize("words", [["--help"], ["domains"], ["domains", "--json"], ["--version"]])
def test_overview_and_listing_import_neither_torch_nor_any_reader(words: list[str]) -> None:
    assert not modules_after(*words) & HEAVY


def test_the_overview_appears_at_once() -> None:
    command = [sys.executable, "-m", "samdomains.cli.main", "--help"]
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.6  # 0.15 s on an idle machine


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_exists_and_its_help_ends_with_an_example(
    name: str, call: CallCli
) -> None:
    assert isinstance(importlib.import_module(f"samdomains.cli.{name}").command, click.Command)
    result = call(name, "--help")
    assert result.exit_code == 0
    last = re.sub(r"\s+", " ", result.output).rpartition("Example: ")[2]
    assert last.startswith(f"samdomains {name}")


def test_the_overview_lists_every_command(call: CallCli) -> None:
    output = call("--help").output
    for name in COMMANDS:
        assert f"  {name}" in output


def test_the_version_is_that_of_the_distribution(call: CallCli) -> None:
    assert re.fullmatch(r"samdomains \d+\.\d+\S*\n", call("--version").output)


def test_an_unknown_command_says_which_was_meant_and_exits_2(call: CallCli) -> None:
    result = call("domians")
    assert result.exit_code == 2
    assert "Did you mean 'domains'?" in result.output


class Failing(click.Command):
    """A command that raises what it was made with."""

    def __init__(self, error: BaseException) -> None:
        super().__init__("domains")
        self.error = error

    def invoke(self, ctx: click.Context) -> None:  # noqa: ARG002
        raise self.error


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (PluginError("broken\nplugin"), 1, "error: broken plugin\n"),
        (RecipeError("bad key"), 2, "error: bad key\n"),
        (
            TrainingInterrupted("stopped; go on with --resume"),
            130,
            "error: stopped; go on with --resume\n",
        ),
        (OSError(errno.ENOSPC, "No space left", "runs/a"), 1, "error: runs/a: the disk is full. "),
        (
            OSError(errno.EACCES, "Permission denied", "runs/a"),
            1,
            "error: runs/a: Permission denied. Choose another place",
        ),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_an_error_is_one_line_on_stderr_with_its_exit_code(
    error: BaseException, code: int, text: str, call: CallCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samdomains.cli.domains.command", Failing(error))
    result = call("domains")
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.startswith(text)
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [["--debug", "domains"], ["domains", "--debug"]])
def test_debug_shows_the_traceback_and_keeps_the_exit_code(
    words: list[str], call: CallCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samdomains.cli.domains.command", Failing(RecipeError("bad key")))
    result = call(*words)
    assert result.exit_code == 2
    assert "Traceback" in result.stderr
    assert result.stderr.endswith("error: bad key\n")


def test_a_bug_is_not_dressed_up_as_an_error_of_the_user(
    call: CallCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samdomains.cli.domains.command", Failing(TypeError("a bug")))
    with pytest.raises(TypeError, match="a bug"):
        call("domains")


def test_a_module_without_a_command_is_a_bug(
    call: CallCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samdomains.cli.domains.command", None)
    with pytest.raises(TypeError, match="no click command"):
        call("domains")


def test_one_line_names_the_file_of_a_system_error() -> None:
    for code, text in (
        (errno.ENOENT, "a.png: there is no such file. Check its name and folder"),
        (errno.EIO, "a.png: Input/output error"),
    ):
        error = OSError(code, "Input/output error", "a.png")
        assert main_module.one_line(error) == text
    assert main_module.one_line(SamDomainsError("plain")) == "plain"
