from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from samdomains.training.pretraining import Pretraining
    from tests.cli.conftest import CallCli


def test_the_options_reach_the_training(
    tmp_path: Path, call: CallCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, Pretraining]] = []

    def pretrain(name: str, task: Pretraining) -> Path:
        calls.append((name, task))
        return task.out / "tiny.safetensors"

    monkeypatch.setattr("samdomains.training.pretraining.pretrain", pretrain)
    result = call("pretrain", "--out", str(tmp_path), "--seed", "3", "--scale", "0.5")
    assert result.output == f"{tmp_path / 'tiny.safetensors'}\n"
    ((name, task),) = calls
    assert (name, task.seed) == ("tiny", 3)


def test_the_preview_trains_nothing(tmp_path: Path, call: CallCli) -> None:
    picture = tmp_path / "scenes.png"
    result = call("pretrain", "--out", str(tmp_path / "unused"), "--preview", str(picture))
    assert result.exit_code == 0
    with Image.open(picture) as image:
        assert image.format == "PNG"
    assert [path.name for path in tmp_path.iterdir()] == ["scenes.png"]


@pytest.mark.parametrize("words", [["--scale", "0"], ["--seed", "-1"], []])
def test_values_that_make_no_sense_are_a_wrong_call(words: list[str], call: CallCli) -> None:
    assert call("pretrain", *words).exit_code == 2
