"""`samdomains check`: what is wrong with the data, before an hour is spent on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from samdomains.cli.options import (
    domain_argument,
    json_option,
    plugin_option,
    recipe_option,
    set_option,
)

if TYPE_CHECKING:
    from samdomains.audit.findings import Audit
    from samdomains.audit.fixed_copy import Fixes
    from samdomains.protocols import Normalizer
    from samdomains.types import Case


@click.command("check", epilog="Example: samdomains check microscopy my_data --out findings")
@domain_argument
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Also write the findings there: check.json, and check.html with pictures.",
)
@click.option(
    "--fix",
    type=click.Path(path_type=Path),
    metavar="COPY",
    help="Copy DATA there and mend in the copy what needs no judgement: specks and pin holes in "
    "masks, images that occur twice in one split. fixes.json lists each change.",
)
@recipe_option
@set_option
@plugin_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    domain: str,
    data: Path,
    out: Path | None,
    fix: Path | None,
    recipe_file: Path | None,
    settings: tuple[str, ...],
    local_plugin: Path | None,
    as_json: bool,
) -> None:
    """Read every image and mask of DATA and list what is wrong. Exit code 1 if there are errors."""
    from samdomains.audit.fixed_copy import copy_with_fixes, require_fixable
    from samdomains.chain import select_domain
    from samdomains.checking import audit_line, check_cases
    from samdomains.data.parts import in_parts

    selected = select_domain(domain, local_plugin=local_plugin)
    recipe = selected.resolve_recipe(file=recipe_file, settings=settings).recipe
    cases = in_parts(selected.load_cases(data, recipe), recipe.scene)
    if fix is not None:
        require_fixable(data, fix, cases)
    audit = check_cases(cases, recipe)
    if out is not None:
        _write_findings(out, audit, cases, selected.normalize_intensity(recipe), data)
    if as_json:
        click.echo(json.dumps(audit.to_json()))
    else:
        for finding in audit.findings:
            where = finding.file or "the data set"
            click.echo(f"{finding.severity}: {where}: {finding.problem}. {finding.remedy}")
        for item in audit.unjudged:
            click.echo(f"not judged: {item.check}: {item.reason}.")
        click.echo(audit_line(audit))
    if fix is not None:
        fixes = copy_with_fixes(
            data,
            fix,
            cases,
            audit.findings,
            lambda folder: selected.load_cases(folder, recipe),
            minimum_area=recipe.data.minimum_area,
        )
        _tell_fixes(fixes, fix, err=as_json)
    if audit.errors:
        context.exit(1)


def _tell_fixes(fixes: Fixes, copy: Path, *, err: bool) -> None:
    """A line for each fix, on the error stream where the other holds JSON."""
    for change in fixes.made:
        click.echo(f"fixed: {', '.join(change.files)}: {change.what}", err=err)
    for change in fixes.left:
        click.echo(f"left: {', '.join(change.files)}: {change.what}", err=err)
    counts = f"fixes: {len(fixes.made)} made, {len(fixes.left)} left"
    from samdomains.audit.fixed_copy import FIXES_FILE

    click.echo(f"{counts}; see {copy / FIXES_FILE}", err=err)


def _write_findings(
    out: Path, audit: Audit, cases: Sequence[Case], normalizer: Normalizer, data: Path
) -> None:
    """``check.json`` and ``check.html``."""
    from samdomains.files import write_json
    from samdomains.progress import progress_bar
    from samdomains.reports.audit_page import shown_findings, write_audit_page

    write_json(out / "check.json", audit.to_json())
    with progress_bar("drawing", len(shown_findings(audit.findings))) as show:
        write_audit_page(out / "check.html", audit, cases, normalizer, source=data, progress=show)
