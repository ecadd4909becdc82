"""What the checks of a data set report: one finding a fault, and all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, TypeAlias

from samdomains.data.naming import image_file, mask_file
from samdomains.data.parts import place_of
from samdomains.types import Case

Severity = Literal["error", "warning"]

SafeFix = Literal["remove_specks", "fill_holes", "drop_duplicate"]
"""What ``samdomains check --fix`` can mend without a human's judgement."""

PixelBox: TypeAlias = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels, x1 and y1 exclusive."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a data set.

    Attributes:
        severity: ``error`` where training or scores would be wrong, ``warning`` where they may be.
        case: Id of the case, or an empty string where the whole data set is meant.
        file: The file to look at, or an empty string where the whole data set is meant.
        problem: What was found.
        remedy: What to do about it.
        check: The check that found it, ``shifted_mask`` for example; the same in every version.
        badness: From 0, hardly worth a look, to 1, certainly wrong. Findings of one severity are
            listed by it.
        object_index: The object that is meant, counted from 0 as ``Case.read_objects`` gives them;
            None where it is no single one.
        box: The offending place in pixels of the image, slice or tile; None where all of it is
            meant.
        other: Id of the case that it was compared with, such as the first of two equal images; or
            an empty string.
        fix: What ``samdomains check --fix`` does about it; None where a human must decide.
    """

    severity: Severity
    case: str
    file: str
    problem: str
    remedy: str
    check: str = field(kw_only=True)
    badness: float = field(default=0.5, kw_only=True)
    object_index: int | None = field(default=None, kw_only=True)
    box: PixelBox | None = field(default=None, kw_only=True)
    other: str = field(default="", kw_only=True)
    fix: SafeFix | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse a badness that would not sort."""
        if not 0.0 <= self.badness <= 1.0:
            raise ValueError(f"badness must be in [0, 1], got {self.badness}")


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A check that says nothing about a data set, so that its silence is no good news.

    Attributes:
        check: Its name, as in ``Finding.check``.
        reason: Why the set cannot be judged, with what was found and what is needed.
    """

    check: str
    reason: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found in a data set.

    Attributes:
        findings: Worst first, see ``worst_first``.
        cases: Number of cases.
        objects: Number of objects in the cases that could be read, crowd regions left out.
        per_class: Class name → number of its objects; a class without any has 0.
        empty: Ids of the cases that were annotated and hold no object.
        unjudged: The checks that could not judge this data set.
    """

    findings: tuple[Finding, ...]
    cases: int
    objects: int
    per_class: Mapping[str, int]
    empty: tuple[str, ...]
    unjudged: tuple[Unjudged, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that must be mended before training."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that deserve a look."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    def to_json(self) -> dict[str, Any]:
        """Counts and findings as plain JSON values."""
        return {
            "cases": self.cases,
            "objects": self.objects,
            "per_class": dict(self.per_class),
            "empty_cases": len(self.empty),
            "findings": [asdict(finding) for finding in self.findings],
            "not_judged": [asdict(item) for item in self.unjudged],
        }


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Errors before warnings, each by falling badness; equals stay in the order of the cases.

    Example:
        >>> faint = Finding("warning", "a", "", "", "", check="x", badness=0.2)
        >>> grave = Finding("error", "b", "", "", "", check="y", badness=0.1)
        >>> [finding.case for finding in worst_first([faint, grave])]
        ['b', 'a']
    """
    return tuple(
        sorted(findings, key=lambda finding: (finding.severity != "error", -finding.badness))
    )


def about_image(
    case: Case,
    severity: Severity,
    problem: str,
    remedy: str,
    *,
    check: str,
    badness: float = 0.5,
    box: PixelBox | None = None,
    other: str = "",
    fix: SafeFix | None = None,
) -> Finding:
    """A finding that names a case's image file, and the slice or tile if it is one."""
    return Finding(
        severity,
        case.id,
        str(image_file(case)),
        _placed(case, problem),
        remedy,
        check=check,
        badness=badness,
        box=box,
        other=other,
        fix=fix,
    )


def about_mask(
    case: Case,
    severity: Severity,
    problem: str,
    remedy: str,
    *,
    check: str,
    badness: float = 0.5,
    object_index: int | None = None,
    box: PixelBox | None = None,
    other: str = "",
    fix: SafeFix | None = None,
) -> Finding:
    """A finding that names a case's mask file, and the slice or tile if it is one."""
    found = about_image(
        case, severity, problem, remedy, check=check, badness=badness, box=box, other=other, fix=fix
    )
    return replace(found, file=str(mask_file(case)), object_index=object_index)


def about_all(
    severity: Severity, problem: str, remedy: str, *, check: str, badness: float = 0.5
) -> Finding:
    """A finding about the whole data set."""
    return Finding(severity, "", "", problem, remedy, check=check, badness=badness)


def _placed(case: Case, problem: str) -> str:
    place = place_of(case)
    return f"{place}: {problem}" if place else problem
