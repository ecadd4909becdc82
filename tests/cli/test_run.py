"""`samdomains run`: the whole run directory, and runs that are cut short and go on."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
import safetensors.torch
import torch
import yaml

from samdomains.evaluation.results import summarize
from samdomains.evaluation.score_table import read_scores
from samdomains.sam.artefact import read_metadata

if TYPE_CHECKING:
    from torch import Tensor

    from tests.cli.conftest import CallCli
    from tests.conftest import FinishedRun

FILES = {
    "recipe.yaml",
    "explain.json",
    "split.json",
    "metrics.json",
    "scores.csv",
    "card.json",
    "report.html",
    "log.jsonl",
    "model.safetensors",
    "state",
    "tensorboard",
}
EPOCHS = [("epoch", 1), ("epoch", 2), ("epoch", 3)]
EVENTS = [("untuned", 0), *EPOCHS, *[("mixture", 3)] * 3]
SYSTEMS = {
    "tuned": {"box", "point", "point+3"},
    "zero_shot": {"box", "point", "point+3"},
    "box_ellipse": {"box"},
}


def read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content


def require_scores(metrics: dict[str, Any], cases: int) -> None:
    """A mean between 0 and 1, an interval around it, and the number of cases."""
    for name in ("dice", "iou", "boundary_f", "nsd"):
        score = metrics[name]
        assert set(score) == {"mean", "ci95", "n"}
        low, high = score["ci95"]
        assert 0 <= low <= score["mean"] <= high <= 1
        assert score["n"] == cases


def test_a_run_leaves_every_file_of_the_contract(finished_run: FinishedRun) -> None:
    root = finished_run.directory
    assert {path.name for path in root.iterdir()} == FILES
    assert not list(root.rglob(".*"))
    assert not (root / "state" / "embeddings").exists()
    recipe = yaml.safe_load((root / "recipe.yaml").read_text("utf-8"))
    assert recipe["training"]["epochs"] == 3
    assert "  epochs: 3  # command line" in (root / "recipe.yaml").read_text("utf-8")
    hooks = {answer["hook"]: answer for answer in json.loads((root / "explain.json").read_text())}
    assert hooks["load_cases"]["winner"] == "core"
    assert hooks["load_cases"]["implementations"][0]["file"].endswith("defaults.py")
    log = [json.loads(line) for line in (root / "log.jsonl").read_text().splitlines()]
    assert [(line["event"], line["epoch"]) for line in log] == EVENTS
    assert {"event", "train_loss", "val_dice", "learning_rate", "seconds"} < set(log[1])
    assert read_json(root / "card.json")["prompts"].keys() == {"box", "point", "point+3"}


def test_the_split_of_the_data_is_honoured_and_kept(
    finished_run: FinishedRun, labelled_folder: Path
) -> None:
    given = read_json(labelled_folder / "splits.json")
    assert read_json(finished_run.directory / "split.json") == given


def test_the_metrics_have_the_structure_of_the_contract(finished_run: FinishedRun) -> None:
    metrics = read_json(finished_run.directory / "metrics.json")
    assert metrics["schema"] == 1
    assert metrics["prompt_source"] == "ground_truth"
    assert {system: set(prompts) for system, prompts in metrics["test"].items()} == SYSTEMS
    for prompts in metrics["test"].values():
        for scores in prompts.values():
            require_scores(scores, cases=2)
            assert set(scores["per_class"]) == {"object"}
            require_scores(scores["per_class"]["object"], cases=2)


def test_the_scores_of_every_object_are_those_that_the_metrics_sum_up(
    finished_run: FinishedRun,
) -> None:
    metrics = read_json(finished_run.directory / "metrics.json")
    scores = read_scores(finished_run.directory / "scores.csv")
    assert summarize(scores, resamples=20, seed=0)["test"] == metrics["test"]
    assert metrics["tolerance_px"] == 2.0
    pairs = {"tuned - zero_shot", "tuned - box_ellipse", "zero_shot - box_ellipse"}
    assert set(metrics["comparisons"]["box"]) == pairs
    gain = read_json(finished_run.directory / "card.json")["prompts"]["point"]["gain"]
    compared = metrics["comparisons"]["point"]["tuned - zero_shot"]
    assert {key: gain[key] for key in ("mean", "ci95")} == {
        key: compared[key] for key in ("mean", "ci95")
    }
    assert gain["p_value"] == compared["p"] <= compared["p_holm"]


def test_scores_that_a_run_of_another_version_kept_are_made_again_once_removed(
    finished_run: FinishedRun,
    labelled_folder: Path,
    tmp_path: Path,
    call: CallCli,
    quick: tuple[str, ...],
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run.directory, run)
    for name in ("report.html", "metrics.json", "scores.csv", "card.json"):
        (run / name).unlink()
    (run / "state" / "zero_shot.json").write_text('[{"case": "a", "dice": 0.5}]')
    words = ["run", "images", str(labelled_folder), "--out", str(run), *quick, "--resume"]
    result = call(*words)
    assert result.exit_code == 1
    assert "another version of samdomains. Remove it" in result.stderr
    (run / "state" / "zero_shot.json").unlink()
    result = call(*words)
    assert result.exit_code == 0, result.stderr
    metrics = [read_json(folder / "metrics.json") for folder in (run, finished_run.directory)]
    assert metrics[0] == metrics[1]


def test_the_model_alone_knows_its_base_and_recipe(finished_run: FinishedRun) -> None:
    metadata = read_metadata(finished_run.directory / "model.safetensors")
    assert (metadata.base_name, metadata.strategy) == ("tiny", "decoder")
    assert (metadata.domain, metadata.recipe.training.epochs) == ("images", 3)
    assert len(metadata.base_sha256) == 64


def test_the_report_is_one_file_with_pictures(finished_run: FinishedRun) -> None:
    report = (finished_run.directory / "report.html").read_text("utf-8")
    sources = re.findall(r'(?:src|href)="([^"#][^"]{0,40})', report)
    assert all(source.startswith("data:") for source in sources)
    assert sum(source.startswith("data:image/") for source in sources) >= 2
    for word in ("Tuned", "Zero-shot", "Ellipse in box", "scene_0", "decoder", "load_cases"):
        assert word in report
    assert "<script src" not in report
    assert str(Path.home()) not in report


def test_it_prints_the_table_where_the_report_is_and_at_last_the_verdict(
    finished_run: FinishedRun,
) -> None:
    assert [line.split(":")[0] for line in finished_run.stderr.splitlines()] == [
        "check",
        "split",
        "strategy",
    ]
    for part in ("Tuned", "Zero-shot", "Ellipse in box", "verdict: "):
        assert part in finished_run.stdout
    report, verdict = finished_run.stdout.splitlines()[-2:]
    assert report == f"report: {finished_run.directory / 'report.html'}"
    assert verdict.startswith("verdict: ")


def tuned_and_last(run: Path) -> list[dict[str, Tensor]]:
    """The best weights, and the last ones."""
    state = torch.load(run / "state" / "training.pt", weights_only=True)
    return [safetensors.torch.load_file(run / "model.safetensors"), state["weights"]]


def first_epoch_is_done(log: Path) -> bool:
    return log.exists() and '"epoch": 1' in log.read_text("utf-8")


def test_a_run_that_was_interrupted_ends_as_one_that_was_not(
    finished_run: FinishedRun,
    labelled_folder: Path,
    tmp_path: Path,
    call: CallCli,
    quick: tuple[str, ...],
) -> None:
    out = tmp_path / "interrupted"
    words = ["run", "images", str(labelled_folder), "--out", str(out), *quick]
    command = [sys.executable, "-m", "samdomains.cli.main", *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        deadline = time.monotonic() + 120
        while run.poll() is None and not first_epoch_is_done(out / "log.jsonl"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        run.send_signal(signal.SIGINT)
        stdout, stderr = run.communicate(timeout=60)
    assert run.returncode == 130, stderr
    assert stdout == ""
    assert stderr.splitlines()[-1].startswith("error: training was interrupted in epoch ")
    assert f"--resume and the same --out {out}" in stderr
    assert not (out / "report.html").exists()

    resumed = call(*words, "--resume")
    assert resumed.exit_code == 0, resumed.stderr
    assert {path.name for path in out.iterdir()} == FILES
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [(line["event"], line["epoch"]) for line in log] == EVENTS
    for got, expected in zip(
        tuned_and_last(out), tuned_and_last(finished_run.directory), strict=True
    ):
        assert got.keys() == expected.keys()
        assert [name for name in expected if not torch.equal(got[name], expected[name])] == []
    metrics = read_json(finished_run.directory / "metrics.json")
    assert read_json(out / "metrics.json") == metrics

    assert (out / "scores.csv").read_bytes() == (finished_run.directory / "scores.csv").read_bytes()

    content = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    again = call(*words, "--resume")
    assert again.exit_code == 0
    assert again.stderr.startswith("complete: ")
    assert again.stdout == resumed.stdout
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == content


def test_runs_that_are_killed_end_with_the_bits_of_runs_left_alone() -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "kill_and_resume.py"
    command = [
        sys.executable,
        str(script),
        "--strategy",
        "full",
        "--kills",
        "2",
        "--seed",
        "1970",
        "--json",
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    counts = json.loads(result.stdout.splitlines()[-1])
    assert (counts["kills"], counts["different"]) == (2, [])


def interrupt(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


def fill_the_disk(*_: object, **__: object) -> NoReturn:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("fail", "code", "text"),
    [
        (interrupt, 130, "error: interrupted. Go on with --resume and the same arguments, --out "),
        (fill_the_disk, 1, "error: the disk is full. Free some space. Go on with --resume and "),
    ],
)
def test_what_stops_a_run_after_it_began_leaves_one_that_can_go_on(  # noqa: PLR0917
    fail: object,
    code: int,
    text: str,
    labelled_folder: Path,
    tmp_path: Path,
    call: CallCli,
    quick: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "run"
    words = ["run", "images", str(labelled_folder), "--out", str(out), *quick]
    monkeypatch.setattr("samdomains.scoring.score", fail)
    result = call(*words)
    assert result.exit_code == code
    assert result.stderr.splitlines()[-1].startswith(text)

    again = call(*words, "--resume")
    assert again.exit_code == code  # it went on, to where it fails
    other = call(*words, "--resume", "--seed", "1", "--set", "training.epochs=9")
    assert other.exit_code == 1
    assert "other values (seed, training.epochs)" in other.stderr
    fewer = shutil.copytree(labelled_folder, tmp_path / "fewer")
    (fewer / "splits.json").unlink()
    changed = call("run", "images", str(fewer), "--out", str(out), *quick, "--resume")
    assert changed.exit_code == 1
    assert "split.json: the run began with other images" in changed.stderr
    assert (out / "recipe.yaml").exists()


def test_a_full_disk_before_it_began_leaves_nothing(
    labelled_folder: Path,
    tmp_path: Path,
    call: CallCli,
    quick: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("samdomains.preparation.write_text", fill_the_disk)
    out = tmp_path / "run"
    result = call("run", "images", str(labelled_folder), "--out", str(out), *quick)
    assert result.exit_code == 1
    assert "the disk is full" in result.stderr.splitlines()[-1]
    assert not out.exists()


def test_a_disk_that_is_really_full(
    labelled_folder: Path, tmp_path: Path, call: CallCli, quick: tuple[str, ...]
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)]
    if (
        shutil.which("mount") is None
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("this user may not mount a small disk")
    try:
        out = disk / "run"
        result = call("run", "images", str(labelled_folder), "--out", str(out), *quick)
        assert result.exit_code == 1
        last = result.stderr.splitlines()[-1]
        assert "state/embeddings: the disk is full. Free some space. Go on with --resume" in last
        (disk / "filler").write_bytes(bytes(200_000))
        converted = call("convert", "images", str(labelled_folder), str(disk / "c"), "--to", "coco")
        assert converted.exit_code == 1
        assert "the disk is full" in converted.stderr
        assert {path.name for path in disk.iterdir()} == {"run", "filler"}
        assert not list(disk.rglob("*tmp*"))
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_without_data_it_runs_on_demo_data_inside_the_run(
    tmp_path: Path, call: CallCli, quick: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samdomains.scoring.score", interrupt)
    out = tmp_path / "demo"
    assert call("run", "images", "--out", str(out), *quick).exit_code == 130
    assert (out / "demo_data" / "images" / "scene_00.png").is_file()
    assert call("run", "images", "--out", str(out), *quick, "--resume").exit_code == 130
    assert "other values" in call("run", "images", "--out", str(out), "--resume").stderr


def test_an_interrupted_check_leaves_nothing(
    tmp_path: Path, call: CallCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samdomains.preparation.check_cases", interrupt)
    result = call("run", "images", "--out", str(tmp_path / "demo"))
    assert (result.exit_code, result.stderr) == (130, "interrupted\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("options", "checked"), [([], True), (["--no-check"], False)])
def test_no_check_is_what_lets_a_run_go_on(
    options: list[str],
    labelled_folder: Path,
    tmp_path: Path,
    call: CallCli,
    monkeypatch: pytest.MonkeyPatch,
    *,
    checked: bool,
) -> None:
    asked: list[bool] = []

    def no_further(*_: object, check: bool, **__: object) -> NoReturn:
        asked.append(check)
        raise KeyboardInterrupt

    monkeypatch.setattr("samdomains.pipeline.prepare", no_further)
    call("run", "images", str(labelled_folder), "--out", str(tmp_path / "run"), *options)
    assert asked == [checked]
