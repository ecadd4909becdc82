"""`samdomains segment`: masks for new images, from boxes and points."""

from __future__ import annotations

import json
from pathlib import Path

import click

from samdomains.cli.options import (
    checkpoint_option,
    domain_argument,
    json_option,
    plugin_option,
    set_option,
    tuned_model_option,
)


@click.command(
    "segment",
    epilog="Example: samdomains segment microscopy cell.tif --model runs/first --box 40,32,88,90 "
    "--out masks",
)
@domain_argument
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@tuned_model_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FOLDER",
    help="Where the masks go, one file an image.",
)
@click.option(
    "--box",
    "boxes",
    multiple=True,
    metavar="x0,y0,x1,y1",
    help="One object: its box in pixels, x1 and y1 just outside. Repeatable.",
)
@click.option(
    "--point",
    "points",
    multiple=True,
    metavar="x,y:1",
    help="A pixel on the object (:1) or on the background (:0). All points mean one object.",
)
@click.option(
    "--prompts",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE.json",
    help='Several objects: [{"box": [x0, y0, x1, y1], "points": [[x, y, 1]], "class": 2}, …].',
)
@checkpoint_option
@set_option
@plugin_option
@json_option
def command(
    domain: str,
    source: Path,
    model: str,
    out: Path,
    boxes: tuple[str, ...],
    points: tuple[str, ...],
    file: Path | None,
    checkpoint: Path | None,
    settings: tuple[str, ...],
    local_plugin: Path | None,
    as_json: bool,
) -> None:
    """Segment INPUT, an image or a folder of images, where the prompts point.

    The same prompts are used for every image. Masks are written in the domain's own format.
    """
    from samdomains.inference import load_model
    from samdomains.pipeline import segment
    from samdomains.prompts.parsing import prompts_from_words, read_prompts

    prompts = read_prompts(file) if file else prompts_from_words(boxes, points)
    loaded = load_model(
        model, domain, checkpoint=checkpoint, settings=settings, local_plugin=local_plugin
    )
    written = segment(loaded, source, prompts, out=out)
    if as_json:
        click.echo(json.dumps([str(path) for path in written]))
        return
    for path in written:
        click.echo(path)
