"""The folder that a benchmark leaves: where each file is, and who may go on in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from samdomains.benchmark.matrix import SCHEMA, Cell, CellResult, read_cell
from samdomains.discovery import core_version
from samdomains.errors import RunDirectoryError
from samdomains.files import remove_abandoned, write_json


@dataclass(frozen=True, slots=True)
class ResultsFolder:
    """Paths of a benchmark's files.

    Attributes:
        root: The folder, ``--out`` of ``samdomains bench``.
    """

    root: Path

    @property
    def about(self) -> Path:
        """Which suite of which domain, by which version: the first file."""
        return self.root / "bench.json"

    @property
    def results(self) -> Path:
        """All tables, for programs."""
        return self.root / "results.json"

    @property
    def markdown(self) -> Path:
        """All tables, as Markdown."""
        return self.root / "results.md"

    @property
    def page(self) -> Path:
        """The leaderboard, for people."""
        return self.root / "leaderboard.html"

    @property
    def data(self) -> Path:
        """Where generated data goes."""
        return self.root / "data"

    @property
    def embeddings(self) -> Path:
        """What frozen encoders gave, while the suite runs."""
        return self.root / "embeddings"

    def recipe(self, data: str) -> Path:
        """The values that the suite sets for a data set."""
        return self.root / "recipes" / f"{data}.yaml"

    def cell(self, cell: Cell) -> Path:
        """What came of a cell."""
        return self.root / "cells" / f"{cell.key}.json"

    def run(self, cell: Cell) -> Path:
        """The run directory of a strategy, or the folder of a U-Net."""
        return self.root / "runs" / cell.key

    def claim(self, domain: str, suite: str) -> None:
        """Begin here, or go on with what the same suite of the same version left.

        Raises:
            RunDirectoryError: The folder belongs to something else; says to what.
        """
        about = {
            "schema": SCHEMA,
            "samdomains": core_version(),
            "domain": domain,
            "suite": suite,
        }
        remove_abandoned(self.root)
        if not self.about.exists():
            if self.root.exists() and (not self.root.is_dir() or any(self.root.iterdir())):
                raise RunDirectoryError(
                    f"{self.root}: is no folder of a benchmark (no bench.json) and not empty. "
                    "Choose another --out"
                )
            write_json(self.about, about)
            return
        try:
            earlier = json.loads(self.about.read_text(encoding="utf-8"))
            different = {key: earlier.get(key) for key in about if earlier.get(key) != about[key]}
        except (ValueError, AttributeError) as error:
            raise RunDirectoryError(
                f"{self.about}: is damaged ({error}). Choose another --out"
            ) from error
        if different:
            found = ", ".join(f"{key} {value}" for key, value in different.items())
            wanted = ", ".join(f"{key} {about[key]}" for key in different)
            raise RunDirectoryError(
                f"{self.root}: holds results of {found}, and these would be of {wanted}. "
                "Their numbers do not belong in one table: choose another --out"
            )

    def cells(self) -> Iterator[CellResult]:
        """Every result, in the order of their names.

        Raises:
            RunDirectoryError: One is damaged.
        """
        for path in sorted((self.root / "cells").glob("*.json")):
            yield read_cell(path)
