"""`samdomains explain`: who answers each hook of a domain."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from samdomains.cli.options import columns, domain_argument, json_option, plugin_option

if TYPE_CHECKING:
    from samdomains.chain import HookAnswer


@click.command("explain", epilog="Example: samdomains explain microscopy --plugin mine.py")
@domain_argument
@plugin_option
@json_option
def command(domain: str, local_plugin: Path | None, as_json: bool) -> None:
    """Show which layer answers each hook of DOMAIN, with file and line.

    The layers are asked in this order: your file, the domain, the domains it extends, the core.
    """
    from samdomains.chain import select_domain

    selected = select_domain(domain, local_plugin=local_plugin)
    answers = selected.explain()
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(answer) for answer in answers], indent=2))
        return
    click.echo(f"{selected.name}, from {selected.distribution} {selected.version}\n")
    click.echo(columns([("HOOK", "LAYER", "", "WHERE"), *_rows(answers)]))


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
