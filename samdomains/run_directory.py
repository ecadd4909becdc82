"""The folder that a run leaves: where each file is, and when a new run may use the folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from samdomains.errors import RunDirectoryError


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
    def card(self) -> Path:
        """The verdict."""
        return self.root / "card.json"

    @property
    def report(self) -> Path:
        """All of it for people."""
        return self.root / "report.html"

    @property
    def log(self) -> Path:
        """One line for each epoch."""
        return self.root / "log.jsonl"

    @property
    def model(self) -> Path:
        """The tuned model; enough to predict."""
        return self.root / "model.safetensors"

    @property
    def state(self) -> Path:
        """What ``--resume`` needs."""
        return self.root / "state"

    @property
    def zero_shot(self) -> Path:
        """Scores of the untuned systems, kept so that a resumed run need not repeat them."""
        return self.state / "zero_shot.json"

    @property
    def is_complete(self) -> bool:
        """Whether the run came to its end: the report is written last."""
        return self.report.exists()

    def open(self, *, resume: bool) -> None:
        """Make the folder, or accept the one to resume.

        Raises:
            RunDirectoryError: The folder holds something and ``resume`` is not set, or it is set
                and the folder holds no run.
        """
        if resume:
            if not self.recipe.exists():
                raise RunDirectoryError(
                    f"{self.root}: there is no run to resume (no recipe.yaml). "
                    "Leave out --resume to start one."
                )
            return
        require_free(self.root)
        self.state.mkdir(parents=True, exist_ok=True)

    def finish(self) -> None:
        """Remove what only an unfinished run needs."""
        (self.state / "embeddings.npy").unlink(missing_ok=True)


def require_free(folder: Path) -> None:
    """Refuse an output folder that exists and holds anything.

    Raises:
        RunDirectoryError: It is a file, or a folder that is not empty.
    """
    if folder.is_dir() and any(folder.iterdir()):
        holds = "already holds a run" if (folder / "recipe.yaml").exists() else "is not empty"
        raise RunDirectoryError(
            f"{folder}: the output folder {holds}. "
            "Choose another --out, remove it, or continue a run with --resume."
        )
    if folder.exists() and not folder.is_dir():
        raise RunDirectoryError(f"{folder}: is a file. --out must name a folder.")
