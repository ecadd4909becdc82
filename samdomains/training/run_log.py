"""What a training writes down as it goes: ``log.jsonl`` and TensorBoard's log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from samdomains.files import without_nan, write_text
from samdomains.run_directory import RunDirectory
from samdomains.training.state import EpochRecord, Progress


class RunLog:
    """The log of one training.

    Args:
        path: ``log.jsonl``.
        board: TensorBoard's log; None in a process that does not write the log.
    """

    def __init__(self, path: Path, board: SummaryWriter | None) -> None:
        self._path, self._board = path, board

    @classmethod
    @contextmanager
    def of(
        cls, directory: RunDirectory, progress: Progress, *, writes: bool = True
    ) -> Iterator[RunLog]:
        """The log of a run, complete when the block ends.

        TensorBoard's log is written anew, with the epochs there were: what was in the queue of a
        killed process is missing in the old one.

        Args:
            directory: Of the run.
            progress: Where training stands.
            writes: Whether this process is the one that does.
        """
        if not writes:
            yield cls(directory.log, None)
            return
        for path in directory.tensorboard.glob("events.out.tfevents.*"):
            path.unlink()
        with SummaryWriter(str(directory.tensorboard)) as board:
            log = cls(directory.log, board)
            for record in progress.history:
                log.show(record)
            yield log

    def write(self, progress: Progress) -> None:
        """Write all lines anew, so that none is missing or there twice after a crash."""
        if self._board is None:
            return
        untuned = {"event": "untuned", "epoch": 0, "val_dice": progress.untuned_dice}
        back_offs = [{"event": "backed off", **asdict(event)} for event in progress.back_offs]
        epochs = [{"event": "epoch", **asdict(record)} for record in progress.history]
        in_order = sorted([*back_offs, *epochs], key=lambda line: int(line["epoch"]))
        mixtures = [
            {"event": "mixture", "epoch": progress.epoch, "share": share, "val_dice": dice}
            for share, dice in progress.mixtures.items()
        ]
        lines = [json.dumps(without_nan(line)) for line in (untuned, *in_order, *mixtures)]
        write_text(self._path, "\n".join(lines) + "\n")

    def show(self, record: EpochRecord) -> None:
        """Add an epoch to TensorBoard's curves."""
        if self._board is None:
            return
        for name in ("train_loss", "val_dice", "learning_rate", "seconds", "data_seconds"):
            self._board.add_scalar(name, getattr(record, name), record.epoch)
