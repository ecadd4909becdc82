"""Running a suite: every cell once, resumable; one that fails does not stop the others."""

from __future__ import annotations

import shutil
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from samdomains.benchmark.cells import Laboratory
from samdomains.benchmark.data import FoundData, find_data, generate_data
from samdomains.benchmark.folder import ResultsFolder
from samdomains.benchmark.leaderboard import leaderboard
from samdomains.benchmark.matrix import Cell, CellResult, read_cell, trained_cells, untuned_cells
from samdomains.benchmark.suites import DEFAULT_SUITE, GENERATED, DataSet, Selection, find_suite
from samdomains.chain import select_domain
from samdomains.checking import Tell, silent
from samdomains.errors import (
    DataError,
    RunDirectoryError,
    SamDomainsError,
    TrainingInterrupted,
)
from samdomains.files import write_json, write_text
from samdomains.processes import current_processes
from samdomains.reports.leaderboard import leaderboard_markdown, write_leaderboard
from samdomains.sam.embedding_cache import EmbeddingCache

ALL = Selection()
"""The whole suite."""


@dataclass(frozen=True, slots=True, eq=False)
class BenchResult:
    """What a suite came to.

    Attributes:
        directory: Where everything was written.
        results: The content of ``results.json``.
    """

    directory: Path
    results: Mapping[str, Any]

    @property
    def failed(self) -> Mapping[str, str]:
        """Cell or data set → why it has no scores."""
        return dict(self.results["failed"])

    @property
    def text(self) -> str:
        """The tables as Markdown."""
        return leaderboard_markdown(self.results)


def bench(
    domain: str,
    *,
    out: Path | str,
    suite: str = DEFAULT_SUITE,
    data_root: Path | str | None = None,
    selection: Selection = ALL,
    settings: Sequence[str] = (),
    local_plugin: Path | None = None,
    tell: Tell = silent,
) -> BenchResult:
    """Run a domain's benchmark suite: data sets by models, strategies, images and seeds.

    Cells that are done in ``out`` already are not run again, an interrupted one goes on, and one
    that failed is tried again. The tables show all that ``out`` holds. Under ``accelerate launch``
    the processes share each cell.

    Args:
        domain: The domain's id.
        out: The folder of the results: new, or of the same suite and version.
        suite: Its name.
        data_root: Folder of the data sets; None runs the suite on the domain's generated data.
        selection: The part of the suite to run.
        settings: ``section.key=value`` for every cell.
        local_plugin: The user's own plugin file.
        tell: Takes one line about what happens now.

    Raises:
        SamDomainsError: The suite cannot begin: it is unknown, or ``out`` belongs to another one.
            A cell that fails raises nothing; it stands under ``failed``.
    """
    selected, processes = select_domain(domain, local_plugin=local_plugin), current_processes()
    chosen = find_suite(selected, suite).only(selection)
    folder = ResultsFolder(Path(out))
    processes.from_main(partial(folder.claim, domain, suite))
    cache = EmbeddingCache(folder.embeddings)
    laboratory = Laboratory(selected, local_plugin, chosen, folder, settings, cache, tell)
    benchmark = _Benchmark(laboratory, None if data_root is None else Path(data_root))
    try:
        benchmark.run()
    except KeyboardInterrupt as stop:
        raise TrainingInterrupted(
            f"interrupted. Go on with the same command, --out {folder.root} included."
        ) from stop
    finally:
        results = processes.from_main(benchmark.write)
    processes.from_main(partial(shutil.rmtree, folder.embeddings, ignore_errors=True))
    return BenchResult(folder.root, results)


class _Benchmark:
    """A suite that runs."""

    def __init__(self, laboratory: Laboratory, root: Path | None) -> None:
        self._laboratory, self._root = laboratory, root
        self._missing: dict[str, str] = {}

    def run(self) -> None:
        """Every data set and seed after the other."""
        suite, tell = self._laboratory.suite, self._laboratory.tell
        descriptions: Sequence[DataSet | None] = suite.datasets
        if self._root is None or not descriptions:
            why = "no --data-root is given" if descriptions else "the suite describes no data sets"
            tell(f"data: {why}, so the suite runs on generated data: no result about real images")
            descriptions = [None]
        for description in descriptions:
            data = self._find(description)
            if data is not None:
                for seed in suite.seeds:
                    self._run_seed(data, seed)

    def write(self) -> Mapping[str, Any]:
        """Write the tables of what there is so far; gives the content of ``results.json``."""
        laboratory, folder = self._laboratory, self._laboratory.folder
        cells = sorted(folder.cells(), key=lambda result: result.cell.order)
        results = leaderboard(laboratory.domain, laboratory.suite, cells, self._missing)
        write_json(folder.results, results)
        write_text(folder.markdown, leaderboard_markdown(results))
        write_leaderboard(folder.page, results)
        return results

    def _find(self, description: DataSet | None) -> FoundData | None:
        laboratory = self._laboratory
        make = (
            partial(generate_data, laboratory.domain, laboratory.folder.data)
            if description is None or self._root is None
            else partial(find_data, description, self._root)
        )
        try:
            return current_processes().from_main(make)
        except DataError as error:
            name = GENERATED if description is None else description.name
            self._missing[name] = str(error)
            laboratory.tell(f"{name}: left out. {error}")
            return None

    def _run_seed(self, data: FoundData, seed: int) -> None:
        suite, name = self._laboratory.suite, data.description.name
        done: list[CellResult] = []
        for cell in untuned_cells(suite, name, seed):
            self._run_cell(cell, data, done)
        available = max((result.images["train"] for result in done), default=0)
        for cell in trained_cells(suite, name, seed, available):
            self._run_cell(cell, data, done)

    def _run_cell(self, cell: Cell, data: FoundData, done: list[CellResult]) -> None:
        """Take a cell's result from the folder, or run it."""
        laboratory, processes = self._laboratory, current_processes()
        path = laboratory.folder.cell(cell)
        fingerprint = laboratory.fingerprint(cell, data)
        result = processes.from_main(partial(_kept, path, fingerprint))
        if result is None:
            laboratory.tell(f"{cell.key}: begins")
            result = self._attempt(cell, data, done, fingerprint)
            processes.from_main(partial(result.write, path))
        else:
            laboratory.tell(f"{cell.key}: done before")
        if not result.error:
            done.append(result)

    def _attempt(
        self, cell: Cell, data: FoundData, done: Sequence[CellResult], fingerprint: str
    ) -> CellResult:
        laboratory = self._laboratory
        try:
            return laboratory.perform(cell, data, done)
        except TrainingInterrupted as stop:
            raise KeyboardInterrupt from stop
        except SamDomainsError as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001 (whatever it is, the other cells go on)
            why = "".join(traceback.format_exception(error)).strip()
        laboratory.tell(f"{cell.key}: failed. {why.splitlines()[-1]}")
        return CellResult(cell, fingerprint, data.about, error=why)


def _kept(path: Path, fingerprint: str) -> CellResult | None:
    """An earlier result; None where there is none, or only an attempt that failed.

    Raises:
        RunDirectoryError: It came about otherwise than it would now.
    """
    if not path.exists():
        return None
    result = read_cell(path)
    if result.error:
        return None
    if result.fingerprint != fingerprint:
        raise RunDirectoryError(
            f"{path}: came about with another recipe, other data or another version of the "
            "domain. Remove it and the folder of the same name in runs/, or choose another --out"
        )
    return result
