"""The folder that a run leaves: where each file is, who may use it, and what a failure leaves."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from samdomains.errors import RunDirectoryError, TrainingInterrupted
from samdomains.files import remove_abandoned

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
"""What the system says when there is no space left, or none left for this user."""


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """Paths of a run's files.

    Attributes:
        root: The folder, ``--out`` of ``samdomains run``.
    """

    root: Path

    @property
    def recipe(self) -> Path:
        """Every value of the run, with its origin."""
        return self.root / "recipe.yaml"

    @property
    def explain(self) -> Path:
        """Which plugin answered each hook."""
        return self.root / "explain.json"

    @property
    def split(self) -> Path:
        """Ids of the training, validation and test cases."""
        return self.root / "split.json"

    @property
    def metrics(self) -> Path:
        """Scores on the test split."""
        return self.root / "metrics.json"

    @property
    def scores(self) -> Path:
        """The scores of every object, from which those of ``metrics`` are made."""
        return self.root / "scores.csv"

    @property
    def card(self) -> Path:
        """The verdict."""
        return self.root / "card.json"

    @property
    def report(self) -> Path:
        """All of it for people."""
        return self.root / "report.html"

    @property
    def log(self) -> Path:
        """One line for the untuned model, then one for each epoch."""
        return self.root / "log.jsonl"

    @property
    def model(self) -> Path:
        """The tuned model; enough to predict."""
        return self.root / "model.safetensors"

    @property
    def tuned(self) -> Path:
        """What training kept, where the model is a mix of it and the original weights."""
        return self.state / "tuned.safetensors"

    @property
    def interpolation(self) -> Path:
        """What such mixes gain and forget, kept so that another may be picked later."""
        return self.state / "interpolation.json"

    @property
    def state(self) -> Path:
        """What ``--resume`` needs."""
        return self.root / "state"

    @property
    def zero_shot(self) -> Path:
        """Scores of the untuned systems, kept so that a resumed run need not repeat them."""
        return self.state / "zero_shot.json"

    @property
    def strategy(self) -> Path:
        """What is trained and how, kept so that a resumed run goes on alike."""
        return self.state / "strategy.json"

    @property
    def seconds(self) -> Path:
        """How long each stage of a complete run took."""
        return self.state / "seconds.json"

    @property
    def embeddings(self) -> Path:
        """What a frozen encoder gave, while its decoder is tuned."""
        return self.state / "embeddings"

    @property
    def tensorboard(self) -> Path:
        """The log for TensorBoard."""
        return self.root / "tensorboard"

    @property
    def demo_data(self) -> Path:
        """Where generated data goes when a run is given none."""
        return self.root / "demo_data"

    @property
    def complete(self) -> bool:
        """Whether the run came to its end: the report is its last file."""
        return self.report.exists()

    def require_run(self) -> None:
        """Refuse to resume what is no run, and remove what a killed one left half-written.

        An empty folder is a run that was killed before it had written its recipe.

        Raises:
            RunDirectoryError: There is no ``recipe.yaml``, but something else, or no folder.
        """
        for folder in (self.root, self.state):
            remove_abandoned(folder)
        if not self.recipe.exists() and (not self.root.is_dir() or any(self.root.iterdir())):
            raise RunDirectoryError(
                f"{self.root}: there is no run to resume (no recipe.yaml). "
                "Leave out --resume to start one."
            )

    @contextmanager
    def resumable(self) -> Iterator[None]:
        """Say, where the block stops in the middle, that the run can go on from there.

        Raises:
            TrainingInterrupted: Ctrl-C.
            RunDirectoryError: A file cannot be read or written: the disk is full, for example.
        """
        go_on = f"Go on with --resume and the same arguments, --out {self.root} included."
        try:
            yield
        except KeyboardInterrupt as stop:
            raise TrainingInterrupted(f"interrupted. {go_on}") from stop
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            full = error.errno in DISK_FULL
            problem = "the disk is full. Free some space" if full else error.strerror or error
            raise RunDirectoryError(f"{where}{problem}. {go_on}") from error

    def finish(self) -> None:
        """Remove what only an unfinished run needs."""
        if self.embeddings.exists():
            shutil.rmtree(self.embeddings)


def require_free(folder: Path) -> None:
    """Refuse an output folder that exists and holds more than what a killed process half wrote.

    Raises:
        RunDirectoryError: It is a file, or a folder that is not empty.
    """
    remove_abandoned(folder)
    if folder.is_dir() and any(folder.iterdir()):
        holds = "already holds a run" if (folder / "recipe.yaml").exists() else "is not empty"
        raise RunDirectoryError(
            f"{folder}: the output folder {holds}. "
            "Choose another --out, remove it, or continue a run with --resume."
        )
    if folder.exists() and not folder.is_dir():
        raise RunDirectoryError(f"{folder}: is a file. --out must name a folder.")


@contextmanager
def undone_on_failure(folder: Path) -> Iterator[None]:
    """Make an output folder; if the block fails, leave nothing of what was made.

    Made at once, so that a place where nothing may be written is found out before the work.

    Args:
        folder: Missing or empty, as ``require_free`` made sure.

    Raises:
        OSError: The folder cannot be made.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    complete = False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
        complete = True
    finally:
        if not complete:
            if folder.is_dir():
                _empty(folder)
            for path in made:
                if path.is_dir() and not any(path.iterdir()):
                    path.rmdir()


def _empty(folder: Path) -> None:
    """Remove what is in a folder; the folder itself may be a link or a mounted disk."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
