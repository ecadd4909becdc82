"""`samdomains run`: check, split, score zero-shot, tune, test, report."""

from __future__ import annotations

from pathlib import Path

import click

from samdomains.cli.options import (
    cache_option,
    cache_size_option,
    domain_argument,
    embedding_cache,
    json_option,
    model_settings,
    out_option,
    plugin_option,
    recipe_option,
    set_option,
)
from samdomains.cli.printing import print_json, print_result, print_verdict, tell


@click.command(
    "run",
    epilog="Example: samdomains run microscopy my_data --out runs/first --strategy decoder",
)
@domain_argument
@click.argument("data", type=click.Path(path_type=Path), required=False)
@out_option
@recipe_option
@set_option
@click.option(
    "--model",
    type=click.Choice(["tiny", "vit_b", "vit_l", "vit_h"]),
    help="Which SAM; short for --set model.name=…",
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Official weights of that model, instead of the shipped or downloaded ones.",
)
@click.option(
    "--strategy",
    type=click.Choice(["auto", "decoder", "lora", "full"]),
    help="What is trained; short for --set strategy.name=…",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Short for --set seed=…")
@click.option("--resume", is_flag=True, help="Continue the interrupted run in --out.")
@click.option("--no-check", is_flag=True, help="Go on although the check finds errors.")
@cache_option
@cache_size_option
@plugin_option
@json_option
def command(
    domain: str,
    data: Path | None,
    out: Path,
    recipe_file: Path | None,
    settings: tuple[str, ...],
    model: str | None,
    checkpoint: Path | None,
    strategy: str | None,
    seed: int | None,
    resume: bool,
    no_check: bool,
    cache: Path | None,
    cache_size: float,
    local_plugin: Path | None,
    as_json: bool,
) -> None:
    """Tune SAM on DATA and test it: check → split → zero-shot → tune → test → report.

    DATA is a folder with images/ and masks/ (or labels/), or with COCO JSON beside images/.
    Without DATA, the domain generates a small demo data set. Ctrl-C leaves a run that --resume
    continues.
    """
    from samdomains import pipeline

    result = pipeline.run(
        domain,
        data,
        out=out,
        recipe_file=recipe_file,
        settings=[*settings, *model_settings(model, checkpoint, strategy, seed)],
        local_plugin=local_plugin,
        resume=resume,
        check=not no_check,
        cache=embedding_cache(cache, cache_size),
        tell=tell,
    )
    if as_json:
        print_json(result)
        return
    print_result(result)
    click.echo(f"report: {result.directory / 'report.html'}")
    print_verdict(result)
