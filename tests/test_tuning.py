"""Whole runs whose weights are mixed; mixing itself is tested in `test_interpolation.py`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest
import safetensors.torch

import samdomains
from samdomains.chain import Domain, select_domain
from samdomains.discovery import InstalledDomain
from samdomains.errors import RunDirectoryError, TrainingInterrupted
from samdomains.evaluation.interpolation import Interpolation
from samdomains.pipeline import Result
from samdomains.run_directory import RunDirectory
from samdomains.sam.artefact import read_metadata
from samdomains.sam.embedding_cache import EmbeddingCache
from tests.conftest import QUICK, FinishedRun

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
SHARES = (0.0, 0.5, 1.0)
RESULTS = ("model.safetensors", "metrics.json", "scores.csv", "card.json")


class Mixed(NamedTuple):
    """A finished run with ``model.interpolate=auto``."""

    directory: RunDirectory
    cache: EmbeddingCache
    result: Result
    told: list[str]

    @property
    def found(self) -> Interpolation:
        assert self.result.card is not None
        assert self.result.card.interpolation is not None
        return self.result.card.interpolation


def resume(out: Path, data: Path, cache: EmbeddingCache, *settings: str) -> Result:
    given = (*SETTINGS, *settings)
    return samdomains.run("images", data, out=out, settings=given, resume=True, cache=cache)


@pytest.fixture(scope="module", autouse=True)
def other_domain() -> Iterator[None]:
    """One domain beside ``images``, which does whatever that does."""

    def shown() -> list[InstalledDomain]:
        return [InstalledDomain("other", "samdomains-other", "1", "ok")]

    def selected(_: str) -> Domain:
        return select_domain("images")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("samdomains.retention.installed_domains", shown)
        patched.setattr("samdomains.retention.select_domain", selected)
        patched.setattr("samdomains.interpolation.SHARES", SHARES)
        patched.setattr("samdomains.reports.run_report._pictures", lambda _: [])
        yield


@pytest.fixture(scope="module")
def mixed(labelled_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    """Read only."""
    root, told = tmp_path_factory.mktemp("mixed"), list[str]()
    cache = EmbeddingCache(root / "embeddings")
    result = samdomains.run(
        "images",
        labelled_folder,
        out=root / "run",
        settings=(*SETTINGS, "model.interpolate=auto"),
        cache=cache,
        tell=told.append,
    )
    return Mixed(RunDirectory(root / "run"), cache, result, told)


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither pictures nor a second training."""
    monkeypatch.setattr("samdomains.pipeline.write_run_report", lambda path, _: path.touch())
    monkeypatch.setattr("samdomains.training.engine.validate", None)


def test_the_picked_mix_is_what_is_saved_scored_and_told(mixed: Mixed) -> None:
    found, directory, card = mixed.found, mixed.directory, mixed.result.card
    assert found.curve is not None
    assert [point.share for point in found.curve.points] == list(SHARES)
    assert [line for line in mixed.told if line.startswith("interpolate: ")] == [
        f"interpolate: {found.reason}"
    ]
    assert read_metadata(directory.model).tuned_share == found.share
    # The card measured what was saved, the curve the same mix before.
    (saved,) = (point for point in found.curve.points if point.share == found.share)
    assert card is not None
    assert card.health is not None
    assert card.health.retention.change == pytest.approx(saved.retention, abs=1e-6)
    assert found.curve.points[-1].dice == pytest.approx(card.health.overfitting.kept_dice, abs=1e-6)
    for path in (directory.card, directory.metrics):
        assert json.loads(path.read_text("utf-8"))["interpolation"]["share"] == found.share
    page = directory.report.read_text("utf-8")
    assert f"{found.share:g} (saved)" in page
    assert "Gain of validation Dice over change of Dice on other domains" in page


@pytest.mark.usefixtures("brief")
def test_a_run_that_was_killed_before_its_mix_was_saved_ends_with_the_same_bits(
    mixed: Mixed, labelled_folder: Path, tmp_path: Path
) -> None:
    cut = RunDirectory(tmp_path / "cut")
    shutil.copytree(mixed.directory.root, cut.root)
    for path in (cut.report, cut.interpolation, *(cut.root / name for name in RESULTS)):
        path.unlink()
    resume(cut.root, labelled_folder, mixed.cache, "model.interpolate=auto")
    for name in RESULTS:
        expected = (mixed.directory.root / name).read_bytes()
        assert (cut.root / name).read_bytes() == expected, name


def assert_same_tensors(got: Path, expected: Path) -> None:
    tensors, others = (safetensors.torch.load_file(path) for path in (got, expected))
    assert tensors.keys() == others.keys()
    assert [name for name in others if not tensors[name].equal(others[name])] == []


def stop(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("brief")
def test_another_share_is_saved_without_training_or_measuring_again(
    mixed: Mixed, labelled_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = RunDirectory(tmp_path / "run")
    shutil.copytree(mixed.directory.root, directory.root)
    monkeypatch.setattr("samdomains.interpolation.validate", None)
    where = (directory.root, labelled_folder, mixed.cache)
    with pytest.raises(RunDirectoryError, match=r"\(model\.interpolate\).*model\.interpolate=1"):
        resume(*where)
    assert directory.complete
    with monkeypatch.context() as patched:
        patched.setattr("samdomains.pipeline.score_test", stop)
        with pytest.raises(TrainingInterrupted):
            resume(*where, "model.interpolate=0.5")
    assert not directory.complete
    assert read_metadata(directory.model).tuned_share == 0.5
    result = resume(*where, "model.interpolate=1")
    assert result.card is not None
    found = result.card.interpolation
    assert found is not None
    assert (found.share, found.asked, found.curve) == (1, 1, mixed.found.curve)
    assert_same_tensors(directory.model, directory.tuned)


@pytest.mark.usefixtures("brief")
def test_a_finished_run_without_a_mix_is_mixed_later(
    finished_run: FinishedRun, labelled_folder: Path, tmp_path: Path
) -> None:
    directory = RunDirectory(tmp_path / "run")
    shutil.copytree(finished_run.directory, directory.root)
    settings = ["strategy.name=decoder", *(word.removeprefix("--set=") for word in QUICK[1:])]
    result = samdomains.run(
        "images",
        labelled_folder,
        out=directory.root,
        settings=[*settings, "model.interpolate=0"],
        resume=True,
    )
    test = result.metrics["test"]
    assert test["tuned"]["point"]["dice"] == test["zero_shot"]["point"]["dice"]
    assert result.metrics["interpolation"]["share"] == 0
    assert_same_tensors(directory.tuned, finished_run.directory / "model.safetensors")
