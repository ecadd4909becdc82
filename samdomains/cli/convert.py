"""`samdomains convert`: the same annotation as PNG masks or as COCO JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from samdomains.cli.options import domain_argument, plugin_option, recipe_option, set_option


@click.command("convert", epilog="Example: samdomains convert images my_coco my_masks --to png")
@domain_argument
@click.argument("data", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--to", type=click.Choice(["coco", "png"]), required=True, help="The format of OUT.")
@recipe_option
@set_option
@plugin_option
def command(
    domain: str,
    data: Path,
    out: Path,
    to: Literal["coco", "png"],
    recipe_file: Path | None,
    settings: tuple[str, ...],
    local_plugin: Path | None,
) -> None:
    """Write the images and annotation of DATA to the new folder OUT in another format.

    Nothing is lost: objects, classes, overlaps, holes, parts, crowds and splits come back the same.
    """
    from samdomains.chain import select_domain
    from samdomains.data.convert import convert

    selected = select_domain(domain, local_plugin=local_plugin)
    recipe = selected.resolve_recipe(file=recipe_file, settings=settings).recipe
    click.echo(convert(selected.load_cases(data, recipe), out, to))
