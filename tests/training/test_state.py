from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from samdomains.errors import RunDirectoryError
from samdomains.training.state import (
    STATE_FILE,
    EpochRecord,
    Progress,
    TrainingState,
    kept_weights,
    load_state,
    save_state,
)


def state() -> TrainingState:
    history = [EpochRecord(epoch=1, train_loss=0.5, val_dice=0.8, learning_rate=1e-4, seconds=2.0)]
    return TrainingState(
        progress=Progress(
            epoch=1,
            batch=3,
            loss_sum=1.5,
            untuned_dice=0.7,
            best_dice=0.8,
            best_epoch=1,
            best_share=0.5,
            mixtures={0.5: 0.8},
            history=history,
        ),
        views="0123abcd",
        weights={"a": torch.arange(3.0)},
        optimizer={"state": {}, "param_groups": []},
        scheduler={"last_epoch": 3},
        scaler={"scale": 65536.0},
    )


def test_a_state_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    save_state(tmp_path, state())
    loaded = load_state(tmp_path)
    assert loaded is not None
    assert loaded.progress == state().progress
    assert torch.equal(loaded.weights["a"], torch.arange(3.0))
    assert (loaded.views, loaded.scaler) == ("0123abcd", {"scale": 65536.0})


def test_a_full_disk_keeps_the_earlier_state(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    save_state(tmp_path, state())
    before, limits = (tmp_path / STATE_FILE).read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match=STATE_FILE):
            save_state(tmp_path, state())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == [STATE_FILE]
    assert (tmp_path / STATE_FILE).read_bytes() == before


def test_nothing_saved_is_no_state(tmp_path: Path) -> None:
    assert load_state(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"not a state"])
def test_a_damaged_state_says_that_it_cannot_be_resumed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / STATE_FILE).write_bytes(content)
    with pytest.raises(RunDirectoryError, match="cannot be resumed"):
        load_state(tmp_path)


@pytest.mark.parametrize(
    ("epoch", "share", "said"),
    [
        (0, 0.0, "Kept: the untuned weights, which were clearly the best"),
        (3, 1.0, r"Kept: the weights of epoch 3 \(validation Dice 0.800, untuned 0.700\)"),
        (3, 0.25, "Kept: a mixture of 25% of the weights after epoch 3 and 75% of the untuned"),
    ],
)
def test_what_was_kept_is_said_in_a_sentence(epoch: int, share: float, said: str) -> None:
    progress = Progress(best_epoch=epoch, best_share=share, best_dice=0.8, untuned_dice=0.7)
    assert re.match(said, kept_weights(progress))
