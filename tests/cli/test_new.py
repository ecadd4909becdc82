from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from tests.cli.conftest import CallCli


def test_it_writes_a_plugin_and_says_what_to_do_next(
    call: CallCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("new", "crops")
    assert result.exit_code == 0
    assert (tmp_path / "samdomains-crops" / "pyproject.toml").is_file()
    lines = [line.strip() for line in result.output.splitlines()]
    assert lines[0].startswith("samdomains-crops: a plugin for the domain 'crops', 11 files.")
    assert lines[2:6] == [
        "cd samdomains-crops",
        "pip install -e '.[dev]'",
        "pytest",
        "samdomains run crops --out runs/demo",
    ]
    assert "samdomains_crops/plugin.py" in result.output


def test_the_folder_may_be_named(call: CallCli, tmp_path: Path) -> None:
    folder = tmp_path / "my plugin"
    result = call("new", "crops", "--out", str(folder))
    assert f"cd '{folder}'" in result.output
    assert (folder / "README.md").is_file()


def test_a_name_that_is_taken_is_one_line_and_exit_code_2(call: CallCli, tmp_path: Path) -> None:
    result = call("new", "images", "--out", str(tmp_path / "new"))
    assert result.exit_code == 2
    assert result.stderr.startswith("error: the domain 'images' is there already")
    assert result.stderr.count("\n") == 1
