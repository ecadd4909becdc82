"""The commands under ``accelerate launch`` or ``torchrun``: two processes do the work of one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.launching import Ended, launch

from .conftest import CallCli

BOX = ["--box", "40,40,90,90"]


def samdomains(*words: str | Path) -> list[Ended]:
    return launch(["-m", "samdomains.cli.main", *map(str, words)])


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


@pytest.fixture
def folder(labelled_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(labelled_folder / "images", tmp_path / "images")


def test_a_folder_is_divided_and_goes_on_where_it_stopped(
    folder: Path, tmp_path: Path, call: CallCli
) -> None:
    words = ["segment", "images", str(folder), "--model", "tiny", *BOX, "--out"]
    alone = call(*words, str(tmp_path / "alone"))
    assert alone.exit_code == 0, alone.stderr
    (folder / "zz.png").write_bytes(b"")

    out = tmp_path / "divided"
    first, second = samdomains(*words, out)
    assert (first.code, second.code) == (1, 1)
    assert "1 of 6 images could not be segmented, the first:" in first.stderr
    assert "error" not in second.stderr
    assert second.stdout == ""

    (folder / "zz.png").unlink()
    before = {path: path.stat().st_mtime_ns for path in out.glob("scene*")}
    ended = samdomains(*words, out, "--resume")
    assert [process.code for process in ended] == [0, 0], ended
    assert {path: path.stat().st_mtime_ns for path in out.glob("scene*")} == before
    lines = (out / "manifest.csv").read_text().splitlines()
    assert lines[:6] == (tmp_path / "alone" / "manifest.csv").read_text().splitlines()
    masks = {name: data for name, data in files_of(out).items() if name != "manifest.csv"}
    expected = files_of(tmp_path / "alone")
    del expected["manifest.csv"]
    assert masks == expected


def test_a_run_of_two_processes_is_that_of_one(
    labelled_folder: Path, tmp_path: Path, call: CallCli, quick: tuple[str, ...]
) -> None:
    words = ["run", "images", str(labelled_folder), *quick, "--strategy=full"]
    words += [
        "--set=training.batch_size=2",
        "--set=training.epochs=1",
        "--set=training.mixtures=[]",
    ]
    alone = call(*words, "--out", str(tmp_path / "alone"))
    assert alone.exit_code == 0, alone.stderr
    first, second = samdomains(*words, "--out", tmp_path / "two")
    assert (first.code, second.code) == (0, 0), (first, second)
    assert first.stdout.count("verdict:") == 1
    assert second.stdout == ""
    assert "strategy: full" not in second.stderr
    files = [{p.name for p in (tmp_path / name).iterdir()} for name in ("alone", "two")]
    assert files[0] == files[1]
    scores = [read_scores(tmp_path / name) for name in ("alone", "two")]
    assert scores[1] == pytest.approx(scores[0], abs=1e-3)


def read_scores(run: Path) -> list[float]:
    systems = json.loads((run / "metrics.json").read_text())["test"]
    return [values["dice"]["mean"] for prompts in systems.values() for values in prompts.values()]
