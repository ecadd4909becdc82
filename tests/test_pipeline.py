"""The same verbs in Python; their behaviour is tested through the command line in `cli/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import samdomains
from samdomains.errors import RunDirectoryError, SamDomainsError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import FinishedRun

SETTINGS = ("evaluation.bootstrap=20", "evaluation.prompts=[box]")


def test_a_model_is_evaluated_in_python(
    finished_run: FinishedRun, labelled_folder: Path, tmp_path: Path
) -> None:
    lines: list[str] = []
    result = samdomains.evaluate(
        "images",
        str(labelled_folder),
        model=finished_run.directory,
        out=str(tmp_path / "scores"),
        split="val",
        settings=SETTINGS,
        tell=lines.append,
    )
    assert result.directory == tmp_path / "scores"
    assert list(result.metrics["test"]) == ["tuned", "zero_shot", "box_ellipse"]
    assert result.card is not None
    assert lines[0] == "model: tiny, tuned (decoder) for images"


def test_systems_are_scored_on_identical_objects(
    finished_run: FinishedRun, labelled_folder: Path, tmp_path: Path
) -> None:
    """The ellipse needs no model, so a tuned one must not change its figure."""

    def ellipse(model: Path | str, out: Path) -> object:
        result = samdomains.evaluate(
            "images", labelled_folder, model=model, out=out, split="test", settings=SETTINGS
        )
        return result.metrics["test"]["box_ellipse"]

    untuned = ellipse("tiny", tmp_path / "untuned")
    assert ellipse(finished_run.directory, tmp_path / "tuned") == untuned


def test_errors_are_of_one_family(labelled_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "used").touch()
    with pytest.raises(RunDirectoryError, match="is not empty"):
        samdomains.run("images", labelled_folder, out=tmp_path)
    with pytest.raises(SamDomainsError):
        samdomains.run("images", tmp_path / "absent", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
