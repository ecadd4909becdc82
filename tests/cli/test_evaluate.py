from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CallCli
    from tests.conftest import FinishedRun

PROMPTS = {"box", "point", "point+3"}
FAST = ("--set", "evaluation.bootstrap=20")


def systems_of(out: Path) -> dict[str, set[str]]:
    metrics = json.loads((out / "metrics.json").read_text("utf-8"))
    return {system: set(prompts) for system, prompts in metrics["test"].items()}


def test_a_run_is_scored_beside_its_base_and_the_ellipse(
    finished_run: FinishedRun, labelled_folder: Path, tmp_path: Path, call: CallCli
) -> None:
    out = tmp_path / "scores"
    words = ["evaluate", "images", str(labelled_folder), "--model", str(finished_run.directory)]
    result = call(*words, "--out", str(out), "--split", "test")
    assert result.exit_code == 0, result.stderr
    assert systems_of(out) == {"tuned": PROMPTS, "zero_shot": PROMPTS, "box_ellipse": {"box"}}
    assert {path.name for path in out.iterdir()} == {"metrics.json", "scores.csv", "card.json"}
    scores, verdict = result.stdout.splitlines()[-2:]
    assert scores == f"scores: {out / 'metrics.json'}"
    assert verdict.startswith("verdict: ")
    # The test split of the run itself, so the same figures: the model is the same from its file.
    own = json.loads((finished_run.directory / "metrics.json").read_text())
    assert json.loads((out / "metrics.json").read_text())["test"] == own["test"]


def test_an_untuned_model_is_scored_on_every_case_unless_a_split_is_named(
    labelled_folder: Path, tmp_path: Path, call: CallCli
) -> None:
    out = tmp_path / "scores"
    words = ["evaluate", "images", str(labelled_folder), "--model", "tiny", "--json", *FAST]
    result = call(*words, "--out", str(out), "--set", "evaluation.prompts=[box]")
    assert systems_of(out) == {"zero_shot": {"box"}, "box_ellipse": {"box"}}
    assert not (out / "card.json").exists()
    printed = json.loads(result.stdout)
    assert printed["out"] == str(out)
    assert printed["test"]["zero_shot"]["box"]["dice"]["n"] == 5
    one = call(*words, "--out", str(tmp_path / "one"), "--split", "val")
    assert json.loads(one.stdout)["test"]["zero_shot"]["box"]["dice"]["n"] == 1
    assert "NaN" not in one.stdout  # a single group has no interval


def test_a_split_that_the_data_does_not_have(
    labelled_folder: Path, tmp_path: Path, call: CallCli
) -> None:
    data = shutil.copytree(labelled_folder, tmp_path / "data")
    (data / "splits.json").unlink()
    words = ["evaluate", "images", str(data), "--model", "tiny", "--out", str(tmp_path / "out")]
    result = call(*words, "--split", "test")
    assert result.exit_code == 2
    assert "no case belongs to the split 'test'" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_model_of_another_domain_prepares_images_its_own_way_and_says_so(
    finished_run: FinishedRun, labelled_folder: Path, tmp_path: Path, call: CallCli
) -> None:
    words = ["evaluate", "microscopy", str(labelled_folder), "--split", "val", *FAST]
    words += ["--model", str(finished_run.directory), "--out", str(tmp_path / "out")]
    result = call(*words, "--set", "evaluation.prompts=[box]")
    assert result.exit_code == 0, result.stderr
    assert "microscopy reads the data, images prepares the images" in result.stderr


@pytest.mark.parametrize("setting", ["model.tile=64", "training.epochs=2", "intensity.upper=90"])
def test_what_a_model_was_tuned_with_cannot_be_set(
    setting: str, finished_run: FinishedRun, labelled_folder: Path, tmp_path: Path, call: CallCli
) -> None:
    words = ["evaluate", "images", str(labelled_folder), "--model", str(finished_run.directory)]
    result = call(*words, "--out", str(tmp_path / "out"), "--set", setting)
    assert result.exit_code == 2
    assert "does not go with a tuned model" in result.stderr
    allowed = "data, propagation, scene, evaluation, auto, review"
    assert f"Allowed are values of {allowed}" in result.stderr


def test_ctrl_c_while_scoring_is_one_line_and_leaves_nothing(
    labelled_folder: Path, tmp_path: Path, call: CallCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("samdomains.scoring.score", interrupt)
    out = tmp_path / "out"
    words = ["evaluate", "images", str(labelled_folder), "--model", "tiny", "--out", str(out)]
    result = call(*words)
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == "interrupted"
    assert not out.exists()
