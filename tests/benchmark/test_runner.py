from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from samdomains.benchmark import runner
from samdomains.benchmark.cells import Laboratory
from samdomains.benchmark.data import FoundData
from samdomains.benchmark.matrix import Cell, CellResult
from samdomains.benchmark.runner import BenchResult, bench
from samdomains.benchmark.suites import Selection
from samdomains.errors import DataError, RunDirectoryError, TrainingInterrupted, UsageError

from .made import result

SUITE = {
    "title": "Two shelves",
    "datasets": [
        {
            "name": name,
            "path": name,
            "title": name,
            "source": "a shelf in the cellar",
            "licence": "CC0",
        }
        for name in ("first", "second")
    ],
    "strategies": ["decoder", "lora"],
    "images": ["all"],
}


class Calls:
    """Stands for what runs cells: knows what was run, and fails where it is told to."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.errors: dict[str, BaseException] = {}

    def run(
        self, laboratory: Laboratory, cell: Cell, data: FoundData, done: Sequence[CellResult]
    ) -> CellResult:
        self.keys.append(cell.key)
        if cell.key in self.errors:
            raise self.errors[cell.key]
        system = {"untuned": "zero_shot", "unet": "unet"}.get(cell.kind, "tuned")
        made = result(cell.kind, {system: 0.5 + 0.1 * len(done)}, model=cell.model)
        return replace(
            made, cell=cell, about=data.about, fingerprint=laboratory.fingerprint(cell, data)
        )


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    made = Calls()

    def perform(
        laboratory: Laboratory, cell: Cell, data: FoundData, done: Sequence[CellResult]
    ) -> CellResult:
        return made.run(laboratory, cell, data, done)

    monkeypatch.setattr(Laboratory, "perform", perform)
    return made


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / f"suite_{tmp_path.name.replace('-', '_')}.py"
    path.write_text(
        "from samdomains.plugin import hookimpl\n\n"
        f"@hookimpl\ndef benchmarks():\n    return {{'default': {SUITE!r}}}\n"
    )
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("first", "second"):
        (tmp_path / "shelf" / name).mkdir(parents=True)
        (tmp_path / "shelf" / name / "a.png").write_text(name)
    return tmp_path / "shelf"


def run(plugin: Path, root: Path | None, out: Path, **more: object) -> BenchResult:
    return bench("images", out=out, data_root=root, local_plugin=plugin, **more)  # type: ignore[arg-type]


def test_every_cell_is_run_once_and_the_tables_are_written(
    calls: Calls, plugin: Path, root: Path, tmp_path: Path
) -> None:
    out = tmp_path / "bench"
    found = run(plugin, root, out)
    kinds = ("tiny-untuned", "tiny-decoder-all", "tiny-lora-all", "unet-all")
    assert calls.keys == [f"{name}-{kind}-seed0" for name in ("first", "second") for kind in kinds]
    assert not found.failed
    assert json.loads((out / "results.json").read_text()) == json.loads(json.dumps(found.results))
    assert {"leaderboard.html", "results.md", "bench.json", "cells"} <= {
        path.name for path in out.iterdir()
    }
    run(plugin, root, out)
    assert len(calls.keys) == 8  # nothing is run again


def test_a_cell_that_crashes_is_marked_tried_again_and_stops_no_other(
    calls: Calls, plugin: Path, root: Path, tmp_path: Path
) -> None:
    out, key = tmp_path / "bench", "first-tiny-decoder-all-seed0"
    calls.errors[key] = ZeroDivisionError("a flaw")
    told: list[str] = []
    found = run(plugin, root, out, tell=told.append)
    assert len(calls.keys) == 8
    assert set(found.failed) == {key}
    assert "ZeroDivisionError: a flaw" in found.failed[key]
    assert f"{key}: failed. ZeroDivisionError: a flaw" in told
    del calls.errors[key]
    assert not run(plugin, root, out).failed
    assert calls.keys[8:] == [key]


def test_a_data_set_that_is_missing_or_changed_is_left_out_and_told(
    calls: Calls, plugin: Path, root: Path, tmp_path: Path
) -> None:
    (root / "first" / "a.png").unlink()
    (root / "first").rmdir()
    found = run(plugin, root, tmp_path / "bench")
    assert set(found.failed) == {"first"}
    assert "a shelf in the cellar" in found.failed["first"]
    assert {key.split("-")[0] for key in calls.keys} == {"second"}


def test_other_values_or_data_do_not_mix_with_what_is_there(
    calls: Calls, plugin: Path, root: Path, tmp_path: Path
) -> None:
    run(plugin, root, tmp_path / "bench")
    with pytest.raises(RunDirectoryError, match="came about with another recipe, other data"):
        run(plugin, root, tmp_path / "bench", settings=["training.epochs=3"])
    (root / "first" / "a.png").write_text("another")
    with pytest.raises(RunDirectoryError, match="came about with another recipe, other data"):
        run(plugin, root, tmp_path / "bench")
    assert len(calls.keys) == 8


def test_ctrl_c_leaves_the_tables_of_what_is_done(
    calls: Calls, plugin: Path, root: Path, tmp_path: Path
) -> None:
    out = tmp_path / "bench"
    calls.errors["first-tiny-lora-all-seed0"] = TrainingInterrupted("by the user")
    with pytest.raises(TrainingInterrupted, match="Go on with the same command"):
        run(plugin, root, out)
    rows = json.loads((out / "results.json").read_text())["tables"][0]["rows"]
    assert [row["system"] for row in rows] == ["zero_shot", "decoder"]
    calls.errors.clear()
    run(plugin, root, out)
    assert calls.keys.count("first-tiny-decoder-all-seed0") == 1


def test_a_selection_adds_to_the_tables_of_an_earlier_one(
    calls: Calls, plugin: Path, root: Path, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        found = run(plugin, root, tmp_path / "bench", selection=Selection(data_sets=[name]))
    assert set(found.results["data"]) == {"first", "second"}


def test_without_a_data_root_the_suite_runs_on_generated_data_and_says_so(
    calls: Calls, plugin: Path, tmp_path: Path
) -> None:
    told: list[str] = []
    found = run(plugin, None, tmp_path / "bench", tell=told.append)
    assert told[0].startswith("data: no --data-root is given, so the suite runs on generated data")
    assert found.results["generated"]
    assert {key.split("-")[0] for key in calls.keys} == {"generated"}


def test_an_unknown_suite_or_data_set_begins_nothing(
    calls: Calls, plugin: Path, root: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="no suite 'quick'"):
        run(plugin, root, tmp_path / "bench", suite="quick")
    with pytest.raises(UsageError, match="no data set 'third'"):
        run(plugin, root, tmp_path / "bench", selection=Selection(data_sets=["third"]))
    assert not (tmp_path / "bench").exists()


def test_generated_data_that_cannot_be_made_is_no_crash(
    calls: Calls, plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise DataError(tmp_path, "the disk is full", "Free some space")

    monkeypatch.setattr(runner, "generate_data", fails)
    assert "the disk is full" in run(plugin, None, tmp_path / "bench").failed["generated"]
    assert not calls.keys
