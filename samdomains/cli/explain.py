"""`samdomains explain`: who answers each hook of a domain, and what it gets and gives."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from samdomains.cli.options import (
    columns,
    domain_argument,
    json_option,
    plugin_option,
    recipe_option,
    set_option,
)

if TYPE_CHECKING:
    from samdomains.chain import HookAnswer
    from samdomains.tracing import Trace


@click.command(
    "explain", epilog="Example: samdomains explain microscopy my_data --trace --out trace"
)
@domain_argument
@click.argument("data", type=click.Path(path_type=Path), required=False)
@click.option(
    "--trace", is_flag=True, help="Call each hook for one case of DATA; show what it got and gave."
)
@click.option("--case", metavar="ID", help="The case of --trace; else the first with objects.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Also write the trace there, with pictures: trace.html and trace.json.",
)
@recipe_option
@set_option
@plugin_option
@json_option
def command(
    domain: str,
    data: Path | None,
    trace: bool,
    case: str | None,
    out: Path | None,
    recipe_file: Path | None,
    settings: tuple[str, ...],
    local_plugin: Path | None,
    as_json: bool,
) -> None:
    """Show which layer answers each hook of DOMAIN, with file and line.

    The layers are asked in this order: your file, the domain, the domains it extends, the core.
    With --trace each is called for one case: shapes, dtypes, ranges and times are shown, up to the
    first error. Without DATA that is a case of the domain's demo data.
    """
    from samdomains.chain import select_domain

    if not trace and (settings or (data, case, out, recipe_file) != (None,) * 4):
        raise click.UsageError("DATA, --case, --out, --recipe and --set need --trace")
    selected = select_domain(domain, local_plugin=local_plugin)
    if trace:
        from samdomains.tracing import trace_case, write_trace

        recipe = selected.resolve_recipe(recipe_file, settings=settings).recipe
        traced = trace_case(selected, data, recipe, case=case, out=out)
        if out is not None:
            write_trace(traced, out)
        _show(traced, out, as_json=as_json)
        return
    answers = selected.explain()
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(answer) for answer in answers], indent=2))
        return
    click.echo(f"{selected.name}, from {selected.distribution} {selected.version}\n")
    click.echo(columns([("HOOK", "LAYER", "", "WHERE"), *_rows(answers)]))


def _show(trace: Trace, out: Path | None, *, as_json: bool) -> None:
    """The calls, then where the page is; an error at the end of them is raised."""
    if as_json:
        from samdomains.files import without_nan

        click.echo(json.dumps(without_nan(trace.to_json()), indent=2, allow_nan=False))
    else:
        click.echo(f"{trace.domain}, from {trace.distribution}: {trace.case or trace.source}\n")
        for step in trace.steps:
            time = "" if step.seconds is None else f", {1000 * step.seconds:.1f} ms"
            click.echo(f"{step.call}  [{step.layer}{time}]")
            for name, value in step.got.items():
                click.echo(f"    got {name}: {value.words}")
            click.echo(f"    gave {step.gave.words}")
        if out is not None:
            click.echo(f"\ntrace: {out / 'trace.html'}")
    if trace.error is not None:
        raise trace.error


def _rows(answers: Sequence[HookAnswer]) -> list[tuple[str, str, str, str]]:
    """One row for each hook and layer, the one that is asked first on top."""
    rows = []
    for answer in answers:
        if not answer.implementations:
            rows.append((answer.hook, "none", "", ""))
        for index, implementation in enumerate(answer.implementations):
            hook = answer.hook if index == 0 else ""
            role = "answers" if answer.rule == "all" or index == 0 else "overridden"
            where = f"{implementation.file}:{implementation.line}"
            rows.append((hook, implementation.layer, role, where))
    return rows
