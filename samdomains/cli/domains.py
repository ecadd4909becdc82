"""`samdomains domains`: what is installed, from package metadata alone."""

from __future__ import annotations

import dataclasses
import json

import click

from samdomains.cli.options import columns, json_option
from samdomains.discovery import installed_domains


@click.command("domains", epilog="Example: samdomains domains --json")
@json_option
def command(as_json: bool) -> None:
    """List the installed domains, with their distribution and version. Imports no plugin."""
    installed = installed_domains()
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(domain) for domain in installed], indent=2))
        return
    if not installed:
        click.echo("No domain is installed. Add one: pip install samdomains-microscopy")
        return
    rows = [("DOMAIN", "DISTRIBUTION", "VERSION", "STATUS")]
    rows += [
        (domain.name, domain.distribution, domain.version, domain.status) for domain in installed
    ]
    click.echo(columns(rows))
