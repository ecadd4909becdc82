"""`samdomains segment`: masks for new images, from boxes and points."""

from __future__ import annotations

import json
from pathlib import Path

import click

from samdomains.cli.options import (
    cache_option,
    cache_size_option,
    checkpoint_option,
    domain_argument,
    embedding_cache,
    json_option,
    plugin_option,
    set_option,
    tuned_model_option,
)
from samdomains.cli.printing import tell


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
    metavar="PATH",
    help="A folder for the masks; or, for a single image, the file itself, such as mask.png.",
)
@click.option(
    "--box",
    "boxes",
    multiple=True,
    metavar="x0,y0,x1,y1[@slice]",
    help="One object: its box in pixels, x1 and y1 just outside. Repeatable.",
)
@click.option(
    "--point",
    "points",
    multiple=True,
    metavar="x,y[@slice]:1",
    help="A pixel on the object (:1) or on the background (:0). All points mean one object.",
)
@click.option(
    "--prompts",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    help='Several objects: [{"box": [x0, y0, x1, y1], "points": [[x, y, 1]], "class": 2, '
    '"slice": 0, "object": 1}, …].',
)
@click.option(
    "--auto",
    is_flag=True,
    help="Segment without a prompt: the domain proposes them, and sure answers are kept.",
)
@click.option(
    "--page",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    help="Of a volume, draw what was found: slices, three planes, confidence and doubt.",
)
@click.option(
    "--suggest",
    is_flag=True,
    help="Of a volume, say in which slice one more prompt would help most.",
)
@click.option(
    "--doubt",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Of a volume, write where its axes disagree, in percent; with --set propagation.axes=3.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on where the same call was interrupted, in a folder or in a large scene.",
)
@checkpoint_option
@set_option
@cache_option
@cache_size_option
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
    auto: bool,
    page: Path | None,
    suggest: bool,
    doubt: Path | None,
    resume: bool,
    checkpoint: Path | None,
    settings: tuple[str, ...],
    cache: Path | None,
    cache_size: float,
    local_plugin: Path | None,
    as_json: bool,
) -> None:
    """Segment INPUT, an image, a volume or a folder of them, where the prompts point.

    In a volume or video each prompt names its slice or frame, counted from 0, and the object is
    followed from there in both directions; prompts in several slices mean one object. The same
    prompts are used for every image. Masks are written in the domain's own format; in a folder,
    manifest.csv says which images need a human look.
    """
    from samdomains.errors import UsageError
    from samdomains.inference import load_model
    from samdomains.prompts.parsing import prompts_from_words, read_prompts
    from samdomains.segmentation import segment
    from samdomains.volume_segmentation import Beside

    if file and (boxes or points):
        raise UsageError("--prompts does not go with --box and --point: put all into the file")
    if auto and (file or boxes or points):
        raise UsageError("--auto does not go with --box, --point and --prompts: it needs none")
    prompts = read_prompts(file) if file else None if auto else prompts_from_words(boxes, points)
    loaded = load_model(
        model,
        domain,
        checkpoint=checkpoint,
        settings=settings,
        local_plugin=local_plugin,
        cache=embedding_cache(cache, cache_size),
        tell=tell,
    )
    beside = Beside(doubt=doubt, page=page, suggest=suggest)
    written = segment(loaded, source, prompts, out=out, resume=resume, beside=beside, tell=tell)
    if as_json:
        click.echo(json.dumps([str(path) for path in written]))
        return
    for path in written:
        click.echo(path)
