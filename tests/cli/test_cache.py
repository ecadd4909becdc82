"""`--cache`: what is asked again about the same images is not encoded again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from samdomains.sam.encoder import ImageEncoder

if TYPE_CHECKING:
    from torch import Tensor

    from tests.cli.conftest import CallCli
    from tests.conftest import FinishedRun


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Gets one entry for each pass of an encoder."""
    entries: list[None] = []
    forward = ImageEncoder.forward

    def spy(self: ImageEncoder, pixels: Tensor) -> Tensor:
        entries.append(None)
        result: Tensor = forward(self, pixels)
        return result

    monkeypatch.setattr(ImageEncoder, "forward", spy)
    return entries


def test_a_second_segment_call_encodes_nothing_and_gives_the_same_masks(
    labelled_folder: Path, tmp_path: Path, call: CallCli, passes: list[None]
) -> None:
    image = str(labelled_folder / "images" / "scene_00.png")
    words = ["segment", "images", image, "--model", "tiny", "--box", "20,20,90,90"]
    cached = ["--cache", str(tmp_path / "cache")]
    results, counts = [], []
    for name, more in (("without", []), ("first", cached), ("again", cached)):
        passes.clear()
        result = call(*words, "--out", str(tmp_path / name), *more)
        assert result.exit_code == 0, result.stderr
        counts.append(len(passes))
        folder = tmp_path / name
        results.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert counts[0] == counts[1] > 0 == counts[2]
    assert results[0] == results[1] == results[2]


def test_a_second_evaluate_call_encodes_nothing_and_gives_the_scores_of_the_run(
    finished_run: FinishedRun,
    labelled_folder: Path,
    tmp_path: Path,
    call: CallCli,
    passes: list[None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = ["--model", str(finished_run.directory), "--split", "test"]
    words = ["evaluate", "images", str(labelled_folder), *model]
    words += ["--set", "evaluation.prompts=[box]"]
    monkeypatch.setenv("SAMDOMAINS_EMBEDDINGS", str(tmp_path / "cache"))
    scores: list[dict[str, Any]] = []
    for name in ("first", "again"):
        passes.clear()
        result = call(*words, "--out", str(tmp_path / name))
        assert result.exit_code == 0, result.stderr
        scores.append(json.loads((tmp_path / name / "metrics.json").read_text("utf-8"))["test"])
    assert passes == []
    own = json.loads((finished_run.directory / "metrics.json").read_text("utf-8"))["test"]
    boxes = {system: {"box": prompts["box"]} for system, prompts in own.items()}
    assert scores == [boxes, boxes]  # the run itself had no shared cache


def test_a_size_that_holds_nothing_is_refused(call: CallCli, tmp_path: Path) -> None:
    words = ["segment", "images", "a.png", "--model", "tiny", "--out", str(tmp_path / "out")]
    result = call(*words, "--cache", str(tmp_path), "--cache-size", "0")
    assert result.exit_code == 2
    assert "--cache-size" in result.stderr
