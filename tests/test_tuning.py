"""Whole runs whose weights are mixed; mixing itself is tested in `test_interpolation.py`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NoReturn

import pytest
import safetensors.torch

import samdomains
from samdomains.discovery import InstalledDomain, installed_domains
from samdomains.errors import RunDirectoryError, TrainingInterrupted
from samdomains.interpolation import SHARES
from samdomains.pipeline import Result
from samdomains.run_directory import RunDirectory
from samdomains.sam.artefact import read_metadata
from tests.conftest import InstallPlugin

SETTINGS = (
    "strategy.name=decoder",
    "training.epochs=1",
    "training.mixtures=[]",
    "training.batch_size=1",
    "training.objects_per_image=2",
    "training.learning_rate=1e-3",
    "evaluation.bootstrap=20",
    "evaluation.prompts=[box]",
    "evaluation.validation_objects=2",
    "evaluation.retention_images=1",
    "evaluation.health_images=1",
)


@pytest.fixture
def other_domain(install_plugin: InstallPlugin, monkeypatch: pytest.MonkeyPatch) -> None:
    """One domain beside ``images``, which does whatever the core does."""
    install_plugin("other", '"""Whatever the core does."""')

    def shown() -> list[InstalledDomain]:
        return [domain for domain in installed_domains() if domain.name in ("images", "other")]

    monkeypatch.setattr("samdomains.retention.installed_domains", shown)


def run(data: Path, out: Path, *settings: str, resume: bool = False, **more: Any) -> Result:
    given = (*SETTINGS, *settings)
    return samdomains.run("images", data, out=out, settings=given, resume=resume, **more)


def content(folder: Path) -> dict[str, bytes]:
    names = ("model.safetensors", "metrics.json", "scores.csv", "card.json")
    return {name: (folder / name).read_bytes() for name in names}


def stop(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("other_domain")
def test_a_run_picks_a_mix_tells_it_and_can_be_mixed_anew_without_training(
    labelled_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    out = tmp_path / "run"
    result = run(labelled_folder, out, "model.interpolate=auto", tell=told.append)
    card = result.card
    assert card is not None
    found = card.interpolation
    assert found is not None
    assert found.curve is not None
    assert [point.share for point in found.curve.points] == list(SHARES)
    assert [line for line in told if line.startswith("interpolate: ")] == [
        f"interpolate: {found.reason}"
    ]
    assert read_metadata(out / "model.safetensors").tuned_share == found.share
    # The card measured the saved file, the curve the same mix in memory.
    (saved,) = (point for point in found.curve.points if point.share == found.share)
    assert card.health is not None
    assert card.health.retention.change == pytest.approx(saved.retention, abs=1e-6)
    for name in ("card.json", "metrics.json"):
        assert json.loads((out / name).read_text())["interpolation"]["share"] == found.share
    page = (out / "report.html").read_text("utf-8")
    assert f"{found.share:g} (saved)" in page
    assert "Gain of validation Dice over change of Dice on other domains" in page

    # Killed while the curve was measured, it ends with the same files.
    cut = tmp_path / "cut"
    with monkeypatch.context() as patched:
        patched.setattr("samdomains.interpolation.demo_dice", stop)
        with pytest.raises(TrainingInterrupted):
            run(labelled_folder, cut, "model.interpolate=auto")
    assert not (cut / "model.safetensors").exists()
    run(labelled_folder, cut, "model.interpolate=auto", resume=True)
    assert content(cut) == content(out)

    # Another share: saved, tested and reported from what is there.
    monkeypatch.setattr("samdomains.training.engine.validate", None)
    monkeypatch.setattr("samdomains.interpolation.validate", None)
    with pytest.raises(RunDirectoryError, match=r"\(model\.interpolate\).*model\.interpolate=1"):
        run(labelled_folder, out, resume=True)
    with monkeypatch.context() as patched:
        patched.setattr("samdomains.pipeline.score_test", stop)
        with pytest.raises(TrainingInterrupted):
            run(labelled_folder, out, "model.interpolate=1", resume=True)
    assert read_metadata(out / "model.safetensors").tuned_share == 1
    assert not (out / "report.html").exists()
    again = run(labelled_folder, out, "model.interpolate=1", resume=True)
    assert again.card is not None
    assert again.card.interpolation is not None
    assert (again.card.interpolation.share, again.card.interpolation.asked) == (1, 1)
    assert again.card.interpolation.curve == found.curve
    directory = RunDirectory(out)
    mixed, tuned = (
        safetensors.torch.load_file(path) for path in (directory.model, directory.tuned)
    )
    assert all(mixed[name].equal(tuned[name]) for name in tuned)
    back = run(labelled_folder, out, "model.interpolate=auto", resume=True)
    assert back.directory == out
    assert content(out) == content(cut)


def test_a_finished_run_without_a_mix_is_mixed_later(
    labelled_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole"
    run(labelled_folder, whole, "evaluation.health=false")
    mixed = tmp_path / "mixed"
    shutil.copytree(whole, mixed)
    monkeypatch.setattr("samdomains.training.engine.validate", None)
    options = ("evaluation.health=false", "model.interpolate=0")
    result = run(labelled_folder, mixed, *options, resume=True)
    assert result.metrics["interpolation"]["share"] == 0
    test = result.metrics["test"]
    assert test["tuned"]["box"]["dice"] == test["zero_shot"]["box"]["dice"]
    assert (mixed / "state" / "tuned.safetensors").read_bytes() == (
        whole / "model.safetensors"
    ).read_bytes()
    assert '<section id="health">' in (mixed / "report.html").read_text("utf-8")
