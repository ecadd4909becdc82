"""The report of a run: one HTML file that needs no network, no script and no other file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from markupsafe import Markup

from samdomains.audit.findings import Finding
from samdomains.evaluation.card import Card
from samdomains.facts import StrategyChoice
from samdomains.recipe_layers import CORE
from samdomains.reports.automatic_tables import automatic_section
from samdomains.reports.curves import loss_curve
from samdomains.reports.figures import KEY, Panel
from samdomains.reports.health_section import health_section
from samdomains.reports.pages import data_uri, rendered, write_page
from samdomains.reports.scores import Metrics
from samdomains.reports.tables import (
    boundary_tables,
    class_tables,
    lowest_shown,
    prompt_tables,
    waiting_for_data,
)
from samdomains.reports.volume_tables import volume_tables

SHOWN_FINDINGS = 50
"""A report lists this many findings of the audit and counts the others."""


Group: TypeAlias = Literal["worst", "median", "best"]
"""Which part of a ranking a case comes from."""


@dataclass(frozen=True)
class Picture:
    """One case in pictures.

    Attributes:
        caption: The case and its score.
        panels: From ``figures.case_panels``: two for the case and two for each system.
        group: Which end of the ranking the case comes from.
    """

    caption: str
    panels: Sequence[Panel]
    group: Group


@dataclass(frozen=True)
class SplitCount:
    """The size of one part of the data.

    Attributes:
        part: ``train``, ``val`` or ``test``.
        images: Number of cases.
        groups: Number of patients, scenes or slides among them.
    """

    part: str
    images: int
    groups: int


@dataclass(frozen=True)
class RecipeRow:
    """One value of the recipe and the layer that set it."""

    key: str
    value: str
    origin: str


@dataclass(frozen=True)
class ExplainRow:
    """Who answered a hook.

    Attributes:
        hook: Name of the hook.
        layer: The layer that answered, with its distribution and version.
        source: File and line of the implementation.
    """

    hook: str
    layer: str
    source: str


@dataclass(frozen=True)
class ReportData:
    """Everything that a report shows; an empty part is left out of the page.

    Attributes:
        title: Heading of the page.
        domain: Id of the domain.
        base: Name and hash of the base model.
        metrics: The content of ``metrics.json``.
        card: Verdict and gains, or None where no tuned model was scored.
        splits: Sizes of the parts, in the order train, val, test.
        split_rule: One sentence: who divided the data, and by what rule.
        findings: What the audit found.
        history: One mapping for each epoch, as ``curves.loss_curve`` takes it.
        kept: Which weights were kept, in a sentence; empty where nothing was tuned.
        strategy: What was trained, and why.
        recipe: Every value of the recipe.
        explain: Who answered each hook.
        versions: Package → version.
        hardware: What was measured → its value: device, cores, peak memory, energy.
        hashes: What the numbers hang on → its SHA-256: data, base model, tuned model.
        again: The command that runs it again.
        seconds: Stage → wall time.
        pictures: Cases from both ends and the middle of the ranking.
        volumes: A section for each volume, from ``volume_page.volume_section``.
        volume_note: Why whole volumes have no scores, where one would look for them.
    """

    title: str
    domain: str
    base: str
    metrics: Metrics
    card: Card | None = None
    splits: Sequence[SplitCount] = ()
    split_rule: str = ""
    findings: Sequence[Finding] = ()
    history: Sequence[Mapping[str, float]] = ()
    kept: str = ""
    strategy: StrategyChoice | None = None
    recipe: Sequence[RecipeRow] = ()
    explain: Sequence[ExplainRow] = ()
    versions: Mapping[str, str] | None = None
    hardware: Mapping[str, str] | None = None
    hashes: Mapping[str, str] | None = None
    again: str = ""
    seconds: Mapping[str, float] | None = None
    pictures: Sequence[Picture] = ()
    volumes: Sequence[Markup] = ()
    volume_note: str = ""


def write_report(path: Path, data: ReportData) -> None:
    """Write the report as a single HTML file, atomically.

    Args:
        path: The file to write or replace.
        data: What it shows. Any text in it, file names included, is shown as text.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "report.html"
        >>> write_report(target, ReportData("Nuclei", "microscopy", "tiny", {"test": {}}))
        >>> "<h1>Nuclei</h1>" in target.read_text(encoding="utf-8")
        True
    """
    tables = prompt_tables(data.metrics, data.card)
    page = rendered(
        "report.html.j2",
        data=data,
        tables=tables,
        boundary_tables=boundary_tables(data.metrics),
        class_tables=class_tables(data.metrics),
        automatic=automatic_section(data.metrics),
        health=health_section(data.card),
        volume_tables=volume_tables(data.metrics),
        axis_start=lowest_shown(tables),
        findings=data.findings[:SHOWN_FINDINGS],
        chosen=[row for row in data.recipe if row.origin != CORE],
        curves=[data_uri("svg+xml", loss_curve(data.history, dark=dark)) for dark in (False, True)]
        if data.history
        else [],
        picture_groups=_grouped(data.pictures),
        legend=KEY,
        waiting=waiting_for_data(data.history),
    )
    write_page(path, page)


def _grouped(pictures: Sequence[Picture]) -> list[tuple[str, list[Picture]]]:
    """Cases by group, the worst first, since these decide about trust."""
    groups = []
    for name in ("worst", "median", "best"):
        own = [picture for picture in pictures if picture.group == name]
        if own:
            groups.append((name, own))
    return groups
