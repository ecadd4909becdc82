"""How errors and findings name cases and their files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from samdomains.errors import DataError, HookError, SamDomainsError
from samdomains.types import Case

VOLUME_SUFFIXES = (".dcm", ".gz", ".mha", ".mhd", ".nii", ".nrrd")
"""Last suffixes of volume files, in lower case."""


def plain_stem(path: Path) -> str:
    """The name of a file without its suffix, or without both where it has two.

    Example:
        >>> plain_stem(Path("scan.v2.nii.gz")), plain_stem(Path("cells.ome.tif"))
        ('scan.v2', 'cells')
    """
    stem, inner = path.stem, Path(path.stem).suffix.lower()
    double = (path.suffix.lower(), inner) in ((".gz", ".nii"), (".tif", ".ome"), (".tiff", ".ome"))
    return Path(stem).stem if double else stem


@contextmanager
def named_errors(case: Case) -> Iterator[None]:
    """Put the file of a case before errors that do not know it; a ``DataError`` names its own."""
    try:
        yield
    except DataError:
        raise
    except HookError as error:
        named = error.about(case.id, image_file(case))
        raise named from named.__cause__
    except SamDomainsError as error:
        raise type(error)(f"{image_file(case)}: {error}") from error


@contextmanager
def named_case(case: str) -> Iterator[None]:
    """Put the id of a case before the error of a plugin's hook that does not know it."""
    try:
        yield
    except HookError as error:
        named = error.about(case)
        raise named from named.__cause__


def image_file(case: Case) -> Path:
    """The image file of a case, or its id as a path where the loader names no file."""
    return case.files[0] if case.files else Path(case.id)


def mask_file(case: Case) -> Path:
    """The file that holds the masks of a case; the image file where that is not exactly one."""
    return case.files[1] if len(case.files) == 2 else image_file(case)


def name_some(names: Sequence[str], most: int = 5) -> str:
    """Join names for a message, the first ``most`` of them and the number of the others.

    Example:
        >>> name_some(["a", "b", "c"], most=2)
        'a, b and 1 more'
    """
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
