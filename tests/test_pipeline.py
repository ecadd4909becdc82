"""The same verbs in Python; their behaviour is tested through the command line in `cli/`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import samdomains
from samdomains.data.images import read_pixels
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


def test_without_prompts_objects_are_found_as_segment_auto_finds_them(
    finished_run: FinishedRun, labelled_folder: Path, tmp_path: Path
) -> None:
    asked = ("evaluation.prompts=[auto]", "evaluation.clicks=2", "evaluation.bootstrap=20")
    loose = ("auto.points=6", "auto.minimum_iou=0", "auto.minimum_stability=0")
    metrics = samdomains.evaluate(
        "images",
        labelled_folder,
        model=finished_run.directory,
        out=tmp_path / "scores",
        split="val",
        settings=(*asked, *loose),
    ).metrics
    assert {name: list(prompts) for name, prompts in metrics["test"].items()} == {
        "tuned": ["auto"],
        "zero_shot": ["auto"],
    }
    for part in ("instances", "semantic", "clicks"):
        assert set(metrics[part]) == {"tuned", "zero_shot"}
    assert metrics["clicks"]["tuned"]["most"] == 2
    stem = json.loads((labelled_folder / "splits.json").read_text(encoding="utf-8"))["val"][0]
    model = samdomains.load_model(finished_run.directory, settings=loose)
    pixels = read_pixels(labelled_folder / "images" / f"{stem}.png")
    found = model.automatic(pixels)
    assert 0 < len(found) == metrics["instances"]["tuned"]["answers"]
