"""The tutorial is followed step by step: its files are written, its commands called."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from samdomains.chain import select_domain
from samdomains.cli.main import cli
from samdomains.scaffold import write_plugin

TUTORIAL = Path(__file__).resolve().parent.parent / "docs" / "tutorial.md"
FILE = re.compile(r"^`([\w/]+\.py)`:\n\n```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^samdomains (?!new).+", re.MULTILINE)

FRAMES = ("001", "011", "021")
"""Frames of the demo data on which the page's commands are called: three stretches of a row."""

QUICK = (
    "--set=training.epochs=1",
    "--set=training.mixtures=[]",
    "--set=training.objects_per_image=2",
    "--set=evaluation.prompts=[box]",
    "--set=evaluation.bootstrap=20",
    "--set=evaluation.health=false",
)
"""Words that make the run a matter of seconds."""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The plugin as it is at the end of the page, installed, with generated fields in `cwfid`."""
    folder, _ = write_plugin("crops", tmp_path_factory.mktemp("tutorial") / "samdomains-crops")
    for file, text in FILE.findall(TUTORIAL.read_text("utf-8")):
        (folder / file).write_text(text, encoding="utf-8")
    _announce(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.chdir(folder)
        select_domain("crops").make_demo_data(folder / "cwfid", 0)
        for file in (folder / "cwfid").rglob("*.png"):
            if file.name[:3] not in FRAMES:
                file.unlink()
        yield folder
    for name in [name for name in sys.modules if name.startswith("samdomains_crops")]:
        del sys.modules[name]


def _announce(folder: Path) -> None:
    """What `pip install -e` would write: the entry point and the dependency of `pyproject.toml`."""
    project = (folder / "pyproject.toml").read_text("utf-8")
    (entry,), (needed,) = (
        re.findall(pattern, project, re.MULTILINE)
        for pattern in (r'^crops = "(.+)"', r'^ +"(samdomains[<>=].+)"')
    )
    info = folder / "samdomains_crops-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: samdomains-crops\nVersion: 0.1.0\nRequires-Dist: {needed}\n"
    )
    (info / "entry_points.txt").write_text(f"[samdomains.domains]\ncrops = {entry}\n")


def test_every_file_is_shown_once_and_the_entry_point_is_as_shown(plugin: Path) -> None:
    files = [file for file, _ in FILE.findall(TUTORIAL.read_text("utf-8"))]
    assert sorted(files) == sorted(set(files))
    assert len(files) == TUTORIAL.read_text("utf-8").count("```python")
    (shown,) = re.findall(r"^```toml\n(.*?)^```", TUTORIAL.read_text("utf-8"), re.DOTALL | re.M)
    assert shown in (plugin / "pyproject.toml").read_text("utf-8")


def test_the_conformance_kit_and_the_tests_of_the_page_pass(plugin: Path) -> None:
    path = os.pathsep.join([str(plugin), os.environ.get("PYTHONPATH", "")])
    words = ["-q", "-k", "not test_every_recipe_trains_two_steps"]  # the page's own run trains
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=plugin,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert "skipped" not in done.stdout


def test_its_commands_work(plugin: Path) -> None:
    commands = [shlex.split(line)[1:] for line in COMMAND.findall(TUTORIAL.read_text("utf-8"))]
    for words in commands:
        more = QUICK if words[0] == "run" else ()
        done = CliRunner().invoke(cli, [*words, *more], catch_exceptions=False)
        assert done.exit_code == 0, f"{words}: {done.output}"
    assert [words[0] for words in commands] == ["explain", "check", "run", "segment"]
    assert (plugin / "runs" / "carrots" / "report.html").is_file()
    assert len(list((plugin / "plants").glob("*.png"))) == len(FRAMES)
