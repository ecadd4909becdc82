"""Finding the data sets of a suite, and knowing them again."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from samdomains.benchmark.suites import GENERATED, DataSet
from samdomains.chain import Domain
from samdomains.errors import DataError
from samdomains.files import write_text

TRIAL_EPOCHS = 4
"""Passes over generated images: they show how a suite works, and no more."""

CHUNK = 2**20
"""Bytes of a file that are in memory at a time."""


@dataclass(frozen=True, slots=True)
class FoundData:
    """A data set on this machine.

    Attributes:
        description: What the suite says of it.
        source: What ``load_cases`` reads.
        sha256: Of its files as they are now.
    """

    description: DataSet
    source: Path
    sha256: str

    @property
    def about(self) -> dict[str, str]:
        """What the tables say of it."""
        told = self.description.model_dump(include={"title", "source", "licence", "split"})
        return {**told, "sha256": self.sha256}


def find_data(description: DataSet, root: Path) -> FoundData:
    """Look a data set up under ``--data-root``.

    Raises:
        DataError: It is not there, with where to get it and its licence, or its files are not
            those that the suite was recorded with.
    """
    source = root / description.path
    if not source.exists():
        raise DataError(
            source,
            f"the data set '{description.name}' ({description.title}) is not there",
            f"Get it from {description.source} (licence: {description.licence}) and put it there, "
            "or leave it out with --data-set",
        )
    found = hash_of(source)
    if description.sha256 is not None and found != description.sha256:
        raise DataError(
            source,
            f"the data set '{description.name}' has changed since it was recorded: the SHA-256 of "
            f"its files is {found[:12]}…, not {description.sha256[:12]}…",
            f"Get it again from {description.source}, or describe yours as another data set",
        )
    return FoundData(description, source, found)


def generate_data(domain: Domain, directory: Path) -> FoundData:
    """The domain's demo data, made in ``directory`` unless it is there.

    All seeds of a suite use the same images, as they would with real ones.
    """
    description = DataSet(
        name=GENERATED,
        path=GENERATED,
        title=f"generated demo data of the domain {domain.name}, not real images",
        source=f"make_demo_data of {domain.distribution} {domain.version}, seed 0",
        licence="none needed",
        split="by seed, unless generated",
        recipe={"training": {"epochs": TRIAL_EPOCHS}},
    )
    folder, told = directory / GENERATED, directory / f"{GENERATED}.txt"
    if told.exists():
        source = directory / told.read_text(encoding="utf-8")
    else:
        shutil.rmtree(folder, ignore_errors=True)  # half of it, where it was interrupted
        source = domain.make_demo_data(folder, 0)
        write_text(told, source.relative_to(directory).as_posix())
    return FoundData(description, source, hash_of(source))


def hash_of(source: Path) -> str:
    """SHA-256 over names and bytes of a data set's files, hidden ones left out.

    Names are taken below ``source``, in their order, so that the hash is the same wherever the
    data lies. A single file has the hash of its bytes, as ``sha256sum`` prints it.
    """
    if source.is_file():
        return _sha256(source).hexdigest()
    digest = hashlib.sha256()
    for file in sorted(_files(source), key=lambda file: file.relative_to(source).as_posix()):
        name = file.relative_to(source).as_posix()
        digest.update(f"{_sha256(file).hexdigest()}  {name}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not any(
            part.startswith(".") for part in path.relative_to(folder).parts
        ):
            yield path


def _sha256(file: Path) -> hashlib._Hash:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(CHUNK):
            digest.update(block)
    return digest
