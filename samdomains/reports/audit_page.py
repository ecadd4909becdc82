"""The page of an audit: what is wrong with a data set, the worst first, each with its picture."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from samdomains.audit.findings import Audit, Finding
from samdomains.data.parts import normalized_image
from samdomains.errors import SamDomainsError
from samdomains.protocols import Normalizer
from samdomains.reports.audit_pictures import KEY, compared_panel, finding_panels
from samdomains.reports.figures import Panel
from samdomains.reports.pages import rendered, write_page
from samdomains.types import Case, Image, ObjectMask

MOST_SHOWN = 60
"""Findings that the page shows; the others stand in ``check.json``."""

MOST_OF_A_CHECK = 12
"""Of these, from one check, so that a frequent fault does not hide a rare one."""

MOST_BYTES = 8_000_000
"""Pictures are left out of what follows when those before have so many bytes together."""


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """A finding with its pictures.

    Attributes:
        finding: What is wrong.
        problem: What is wrong, with paths as seen from the data set.
        file: The file to look at, likewise.
        panels: None where the image cannot be read, or the whole data set is meant.
    """

    finding: Finding
    problem: str
    file: str
    panels: tuple[Panel, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckCount:
    """How often one check found something.

    Attributes:
        check: Its name.
        errors: Number of its errors.
        warnings: Number of its warnings.
        shown: Number of its findings on the page.
    """

    check: str
    errors: int
    warnings: int
    shown: int


def write_audit_page(
    path: Path,
    audit: Audit,
    cases: Sequence[Case],
    normalizer: Normalizer,
    *,
    source: Path,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write the page, self-contained and atomically. Images of what is shown are read once more.

    Args:
        path: The file to write or replace.
        audit: What was found in the cases.
        cases: Those that were audited: images, slices and tiles.
        normalizer: The domain's, for the pictures.
        source: The data set; its name is the title, and files in it are named from there.
        progress: Called with the number of findings that have their pictures.

    Example:
        >>> import tempfile
        >>> from samdomains.audit.cases import audit_cases
        >>> from samdomains.intensity import PercentileStretch
        >>> target = Path(tempfile.mkdtemp()) / "check.html"
        >>> audit = audit_cases([], minimum_area=4)
        >>> write_audit_page(target, audit, [], PercentileStretch(1, 99), source=Path("cells"))
        >>> "The data set holds no case" in target.read_text(encoding="utf-8")
        True
    """
    chosen = shown_findings(audit.findings)
    pictures = _pictures(chosen, {case.id: case for case in reversed(cases)}, normalizer, progress)
    shown = [
        ShownFinding(
            finding,
            _seen_from(source, finding.problem),
            _seen_from(source, finding.file),
            pictures.get(index, ()),
        )
        for index, finding in enumerate(chosen)
    ]
    page = rendered(
        "audit.html.j2",
        name=source.resolve().name,
        audit=audit,
        counts=check_counts(audit.findings, chosen),
        shown=shown,
        legend=KEY,
        any_picture=bool(pictures),
        largest=max(audit.per_class.values(), default=0),
    )
    write_page(path, page)


def shown_findings(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The worst findings, ``MOST_OF_A_CHECK`` of each check and ``MOST_SHOWN`` together.

    Args:
        findings: Worst first.
    """
    seen: Counter[str] = Counter()
    chosen = []
    for finding in findings:
        seen[finding.check] += 1
        if seen[finding.check] <= MOST_OF_A_CHECK:
            chosen.append(finding)
    return tuple(chosen[:MOST_SHOWN])


def check_counts(findings: Sequence[Finding], shown: Sequence[Finding]) -> list[CheckCount]:
    """One line a check, in the order of the worst finding of each.

    Args:
        findings: All, worst first.
        shown: Those on the page.
    """
    counts = Counter((finding.check, finding.severity) for finding in findings)
    on_page = Counter(finding.check for finding in shown)
    checks = dict.fromkeys(finding.check for finding in findings)
    return [
        CheckCount(check, counts[check, "error"], counts[check, "warning"], on_page[check])
        for check in checks
    ]


def _seen_from(source: Path, text: str) -> str:
    """A text without the data set's own path, so that a page passed on names no home folder."""
    return text.replace(f"{source}{os.sep}", "")


def _pictures(
    findings: Sequence[Finding],
    cases: Mapping[str, Case],
    normalizer: Normalizer,
    progress: Callable[[int], None] | None,
) -> dict[int, tuple[Panel, ...]]:
    """Index of a finding → its pictures, worst first, until ``MOST_BYTES`` are spent."""
    pictures: dict[int, tuple[Panel, ...]] = {}
    spent, done = 0, 0
    for case_id, indices in _by_case(findings).items():
        read = _read(cases.get(case_id), normalizer)
        for index in indices:
            done += 1
            if read is not None and spent < MOST_BYTES:
                compared = _read(cases.get(findings[index].other), normalizer)
                pictures[index] = tuple(_panels(findings[index], read, compared))
                spent += sum(len(panel.webp) for panel in pictures[index])
            if progress is not None:
                progress(done)
    return pictures


def _by_case(findings: Sequence[Finding]) -> dict[str, list[int]]:
    """Id of a case → indices of its findings, so that each image is read once."""
    indices: dict[str, list[int]] = {}
    for index, finding in enumerate(findings):
        indices.setdefault(finding.case, []).append(index)
    return indices


def _panels(finding: Finding, read: _Read, compared: _Read | None) -> Iterator[Panel]:
    yield from finding_panels(finding, read.image, read.objects)
    if compared is not None:
        yield compared_panel(finding.other, compared.image, compared.objects)


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """What is drawn of a case."""

    image: Image
    objects: tuple[ObjectMask, ...]


def _read(case: Case | None, normalizer: Normalizer) -> _Read | None:
    """Image and masks; None of what cannot be read, which is a finding already."""
    if case is None:
        return None
    try:
        image = normalized_image(case, normalizer)
    except SamDomainsError:
        return None
    try:
        return _Read(image, case.read_objects() if case.read_objects else ())
    except SamDomainsError:
        return _Read(image, ())
