"""The cells of a suite: what is trained and scored once, and what came of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from samdomains.benchmark.suites import Images, Strategy, Suite
from samdomains.errors import RunDirectoryError
from samdomains.files import write_json

SCHEMA = 1
"""Version of the files in a results folder."""

CaseValues: TypeAlias = Mapping[str, Mapping[str, Mapping[str, float]]]
"""System → prompt → id of the case → value; cases without a value are left out."""

CellKind: TypeAlias = Strategy | Literal["untuned", "unet"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the matrix.

    Attributes:
        data: Name of the data set.
        kind: A strategy; ``untuned`` scores ``zero_shot`` and ``box_ellipse``.
        model: Name of the SAM; empty for ``unet``.
        images: Training images; ``all`` for ``untuned``.
        seed: Of everything that chance decides.
    """

    data: str
    kind: CellKind
    model: str
    images: Images
    seed: int

    @property
    def key(self) -> str:
        """Its name among files: ``nuclei-tiny-decoder-5-seed0``."""
        parts = [self.data, self.model, self.kind]
        if self.kind != "untuned":
            parts.append(str(self.images))
        return "-".join(part for part in [*parts, f"seed{self.seed}"] if part)

    @property
    def order(self) -> tuple[str, int, int, int, str]:
        """Place in tables: untuned, then by training images and kind, the U-Net last."""
        size = sys.maxsize if self.images == "all" else self.images
        place = ("untuned", "decoder", "lora", "full", "unet").index(self.kind)
        return self.data, self.seed, 0 if self.kind == "untuned" else size, place, self.model


@dataclass(frozen=True, slots=True)
class CellResult:
    """What came of a cell.

    Attributes:
        cell: Which.
        fingerprint: Of all that decides about it: recipe, data, version.
        about: What is known of the data set: title, source, licence, split, SHA-256.
        error: Why there is no score; empty where there is.
        images: Number of training, validation and test images.
        seconds: Stage → wall time.
        values: Measure → system → prompt → case → mean over the case's objects.
        groups: Case → group.
        metrics: The content of ``metrics.json``.
    """

    cell: Cell
    fingerprint: str
    about: Mapping[str, str]
    error: str = ""
    images: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    values: Mapping[str, CaseValues] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write it as JSON, atomically."""
        write_json(path, {"schema": SCHEMA, **asdict(self)})


def read_cell(path: Path) -> CellResult:
    """Read a cell back.

    Raises:
        RunDirectoryError: The file is damaged, or of another version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        schema = content.pop("schema")
        if schema != SCHEMA:
            raise RunDirectoryError(
                f"{path}: written in version {schema} of the format, this samdomains reads "
                f"{SCHEMA}. Use another --out"
            )
        return CellResult(cell=Cell(**content.pop("cell")), **content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunDirectoryError(
            f"{path}: no result of a cell ({error}). Remove the file, and the cell is run again"
        ) from error


def untuned_cells(suite: Suite, data: str, seed: int) -> list[Cell]:
    """The cells that need no training, one a model."""
    return [Cell(data, "untuned", model, "all", seed) for model in suite.models]


def trained_cells(suite: Suite, data: str, seed: int, available: int) -> list[Cell]:
    """The cells that train, a U-Net after the strategies from which it takes its time.

    Args:
        suite: What is compared.
        data: Name of the data set.
        seed: One of the suite's.
        available: Training images there are; a number that is not smaller is left out, since
            ``all`` says the same.
    """
    sizes: list[Images] = [n for n in suite.images if isinstance(n, str) or n < available]
    if len(sizes) < len(suite.images) and "all" not in sizes:
        sizes.append("all")
    cells: list[Cell] = []
    for images in sizes:
        cells += [
            Cell(data, strategy, model, images, seed)
            for model in suite.models
            for strategy in suite.strategies
        ]
        if suite.unet:
            cells.append(Cell(data, "unet", "", images, seed))
    return cells
