from __future__ import annotations

import json
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from samdomains.run_directory import RunDirectory
from samdomains.training.run_log import RunLog
from samdomains.training.state import BackOff, EpochRecord, Progress


def test_every_line_is_there_once_however_often_it_is_written(tmp_path: Path) -> None:
    record = EpochRecord(
        epoch=1,
        train_loss=0.5,
        val_dice=float("nan"),
        learning_rate=1e-4,
        seconds=2.0,
        data_seconds=0.5,
    )
    progress = Progress(epoch=1, untuned_dice=0.7, history=[record], mixtures={0.5: 0.8})
    directory = RunDirectory(tmp_path)
    with RunLog.of(directory, Progress()) as log:
        log.write(progress)
        log.show(record)
        log.write(progress)
    lines = [json.loads(line) for line in directory.log.read_text("utf-8").splitlines()]
    assert [line["event"] for line in lines] == ["untuned", "epoch", "mixture"]
    assert lines[1]["val_dice"] is None
    assert (lines[1]["seconds"], lines[1]["data_seconds"]) == (2.0, 0.5)
    assert any(directory.tensorboard.iterdir())


def test_where_memory_did_not_suffice_stands_before_the_epoch_it_happened_in(
    tmp_path: Path,
) -> None:
    records = [EpochRecord(epoch, 0.5, 0.6, 1e-4, 2.0) for epoch in (1, 2)]
    directory = RunDirectory(tmp_path)
    with RunLog.of(directory, Progress()) as log:
        log.write(Progress(epoch=2, history=records, back_offs=[BackOff(2, 3, 1)]))
    lines = [json.loads(line) for line in directory.log.read_text("utf-8").splitlines()]
    assert [line["event"] for line in lines] == ["untuned", "epoch", "backed off", "epoch"]
    assert lines[2] == {"event": "backed off", "epoch": 2, "step": 3, "images_at_once": 1}


def shown_epochs(directory: RunDirectory) -> list[int]:
    board = EventAccumulator(str(directory.tensorboard))
    board.Reload()
    return [event.step for event in board.Scalars("val_dice")]


def test_tensorboard_shows_every_epoch_once_after_a_resume(tmp_path: Path) -> None:
    records = [EpochRecord(n, 0.5, 0.8, learning_rate=1e-4, seconds=2.0) for n in (1, 2, 3)]
    directory = RunDirectory(tmp_path)
    with RunLog.of(directory, Progress()) as log:
        log.show(records[0])
        log.show(records[1])
    with RunLog.of(directory, Progress(epoch=1, history=records[:1])) as log:
        log.show(records[1])
        log.show(records[2])
    assert shown_epochs(directory) == [1, 2, 3]
