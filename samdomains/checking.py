"""Checking a data set with a progress bar, and stopping where it is not fit to be used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from samdomains.audit.cases import audit_cases
from samdomains.audit.findings import Audit
from samdomains.errors import DataError
from samdomains.progress import progress_bar
from samdomains.recipe import Recipe
from samdomains.types import Case

Tell = Callable[[str], None]
"""Takes one line about what happens now."""


def silent(_line: str) -> None:
    """Tell nobody."""


def check_cases(cases: Sequence[Case], recipe: Recipe, *, tell: Tell = silent) -> Audit:
    """Audit a data set, with a progress bar.

    Args:
        cases: The data set.
        recipe: ``data.minimum_area`` says which objects are too small to count.
        tell: Takes the counts, in one line.
    """
    with progress_bar("checking", len(cases)) as show:
        audit = audit_cases(cases, minimum_area=recipe.data.minimum_area, progress=show)
    tell(f"check: {audit_line(audit)}")
    return audit


def audit_line(audit: Audit) -> str:
    """What was looked at and how much is wrong, in one line."""
    counts = {
        "image": audit.cases,
        "object": audit.objects,
        "error": len(audit.errors),
        "warning": len(audit.warnings),
    }
    return ", ".join(counted(count, thing) for thing, count in counts.items())


def require_no_errors(audit: Audit, source: Path) -> None:
    """Stop when the audit found errors.

    Args:
        audit: From ``check_cases``.
        source: What was checked, for findings that are about all of it.

    Raises:
        DataError: Names the first finding and counts the others.
    """
    if audit.errors:
        first, more = audit.errors[0], len(audit.errors) - 1
        others = f" ({counted(more, 'more error')}: `samdomains check` lists all)" if more else ""
        raise DataError(first.file or source, first.problem, first.remedy + others)


def counted(count: int, thing: str) -> str:
    """A number and what it counts.

    Example:
        >>> counted(1, "image"), counted(2, "image")
        ('1 image', '2 images')
    """
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
