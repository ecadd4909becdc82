"""`samdomains new`: the distribution of a new domain, which passes its own tests."""

from __future__ import annotations

import shlex
from pathlib import Path

import click


@click.command("new", epilog="Example: samdomains new crops")
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where it goes; must not hold anything yet. Without it: samdomains-NAME, here.",
)
def command(name: str, out: Path | None) -> None:
    """Write a plugin for the new domain NAME: an installable package with tests that pass.

    NAME is what users will type: small letters, digits and '_'.
    """
    from samdomains.scaffold import NewPlugin, write_plugin

    folder, written = write_plugin(name, out)
    package = NewPlugin(name).package
    click.echo(f"{folder}: a plugin for the domain '{name}', {len(written)} files. Next:\n")
    click.echo(f"  cd {shlex.quote(str(folder))}")
    click.echo("  pip install -e '.[dev]'")
    click.echo("  pytest")
    click.echo(f"  samdomains run {name} --out runs/demo\n")
    click.echo(f"Then make it yours: {package}/plugin.py holds the hooks, {package}/demo.py the")
    click.echo("demo data, and README.md says what else a domain may answer.")
