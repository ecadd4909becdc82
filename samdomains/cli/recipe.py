"""`samdomains recipe`: the resolved recipe as YAML, each value with its origin."""

from __future__ import annotations

from pathlib import Path

import click

from samdomains.cli.options import domain_argument, plugin_option, recipe_option, set_option


@click.command(
    "recipe", epilog="Example: samdomains recipe microscopy --set training.learning_rate=5e-5"
)
@domain_argument
@click.argument("name", required=False)
@recipe_option
@set_option
@plugin_option
def command(
    domain: str,
    name: str | None,
    recipe_file: Path | None,
    settings: tuple[str, ...],
    local_plugin: Path | None,
) -> None:
    """Print the recipe that DOMAIN would run with, as YAML, each value with its origin.

    NAME is one of the domain's named recipes. Values are merged: core, domain, --recipe, --set.
    """
    from samdomains.chain import select_domain
    from samdomains.recipe_layers import recipe_to_yaml

    resolved = select_domain(domain, local_plugin=local_plugin).resolve_recipe(
        recipe_file, name, settings
    )
    click.echo(recipe_to_yaml(resolved, with_origins=True), nl=False)
