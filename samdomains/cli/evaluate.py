"""`samdomains evaluate`: score a model on labelled data."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from samdomains.cli.options import (
    cache_option,
    cache_size_option,
    checkpoint_option,
    domain_argument,
    embedding_cache,
    json_option,
    out_option,
    plugin_option,
    set_option,
    tuned_model_option,
)
from samdomains.cli.printing import print_json, print_result, print_verdict, tell


@click.command(
    "evaluate",
    epilog="Example: samdomains evaluate microscopy new_data --model runs/first --out scores",
)
@domain_argument
@click.argument("data", type=click.Path(path_type=Path))
@tuned_model_option
@out_option
@click.option(
    "--split",
    type=click.Choice(["train", "val", "test"]),
    help="Score only this part of the data's splits.json; otherwise every image.",
)
@checkpoint_option
@set_option
@cache_option
@cache_size_option
@plugin_option
@json_option
def command(
    domain: str,
    data: Path,
    model: str,
    out: Path,
    split: Literal["train", "val", "test"] | None,
    checkpoint: Path | None,
    settings: tuple[str, ...],
    cache: Path | None,
    cache_size: float,
    local_plugin: Path | None,
    as_json: bool,
) -> None:
    """Score a model on DATA and write metrics.json, and a page for each volume.

    A run is scored as `tuned`, beside its base model (`zero_shot`) and the ellipse inscribed in
    the prompt's box (`box_ellipse`), all on identical prompts made from the ground truth. With
    --set 'evaluation.prompts=[box,auto]' also by what each finds without prompts, and with
    --set evaluation.clicks=10 by the clicks that an object takes.
    """
    from samdomains import pipeline

    result = pipeline.evaluate(
        domain,
        data,
        model=model,
        out=out,
        split=split,
        checkpoint=checkpoint,
        settings=settings,
        local_plugin=local_plugin,
        cache=embedding_cache(cache, cache_size),
        tell=tell,
    )
    if as_json:
        print_json(result)
        return
    print_result(result)
    if "volumes" in result.metrics:
        click.echo(f"pages: {result.directory / pipeline.PAGES}")
    click.echo(f"scores: {result.directory / 'metrics.json'}")
    print_verdict(result)
