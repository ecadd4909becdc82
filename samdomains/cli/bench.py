"""`samdomains bench`: a domain's benchmark suite, every cell once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import click

from samdomains.cli.options import columns, domain_argument, json_option, plugin_option, set_option
from samdomains.cli.printing import tell
from samdomains.errors import BenchmarkError
from samdomains.files import without_nan


@click.command(
    "bench",
    epilog="Example: samdomains bench microscopy --data-root data --out bench/microscopy",
)
@domain_argument
@click.option(
    "--suite",
    default="default",
    show_default=True,
    metavar="NAME",
    help="Which of the domain's suites.",
)
@click.option(
    "--data-root",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where the data sets lie; without it the suite runs on generated data.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where the results go; what is done there already is not run again.",
)
@click.option(
    "--data-set", "data_sets", multiple=True, metavar="NAME", help="Only these. Repeatable."
)
@click.option(
    "--model",
    "models",
    type=click.Choice(["tiny", "vit_b", "vit_l", "vit_h"]),
    multiple=True,
    help="These SAMs instead of the suite's. Repeatable.",
)
@click.option(
    "--strategy",
    "strategies",
    type=click.Choice(["decoder", "lora", "full"]),
    multiple=True,
    help="These strategies instead of the suite's. Repeatable.",
)
@click.option(
    "--images",
    multiple=True,
    metavar="N|all",
    help="These numbers of training images instead of the suite's. Repeatable.",
)
@click.option(
    "--seed",
    "seeds",
    type=click.IntRange(0, 2**32 - 1),
    multiple=True,
    help="These seeds instead of the suite's. Repeatable.",
)
@click.option("--no-unet", is_flag=True, help="Leave the U-Net from scratch out.")
@click.option("--list", "only_list", is_flag=True, help="Show the suites and their data sets.")
@set_option
@plugin_option
@json_option
def command(
    domain: str,
    suite: str,
    data_root: Path | None,
    out: Path | None,
    data_sets: tuple[str, ...],
    models: tuple[str, ...],
    strategies: tuple[str, ...],
    images: tuple[str, ...],
    seeds: tuple[int, ...],
    no_unet: bool,
    only_list: bool,
    settings: tuple[str, ...],
    local_plugin: Path | None,
    as_json: bool,
) -> None:
    """Compare models and strategies on a domain's data sets.

    In the table beside them: zero-shot, the ellipse in the box, and a U-Net trained from scratch
    on the same images for the same time. The same command goes on where one was interrupted.
    """
    if only_list:
        _print_suites(domain, data_root, local_plugin, as_json=as_json)
        return
    if out is None:
        raise click.UsageError("Missing option '--out': where the results go.")
    from samdomains.benchmark.runner import bench
    from samdomains.benchmark.suites import Selection

    result = bench(
        domain,
        out=out,
        suite=suite,
        data_root=data_root,
        selection=Selection(
            data_sets=data_sets,
            models=models,
            strategies=strategies,
            images=[_number_of_images(text) for text in images],
            seeds=seeds,
            unet=not no_unet,
        ),
        settings=settings,
        local_plugin=local_plugin,
        tell=tell,
    )
    if as_json:
        printed = {"out": str(result.directory), **result.results}
        click.echo(json.dumps(without_nan(printed), allow_nan=False))
    else:
        click.echo(result.text)
        click.echo(f"leaderboard: {result.directory / 'leaderboard.html'}")
    if result.failed:
        raise BenchmarkError(
            f"{len(result.failed)} of the matrix without scores: {', '.join(result.failed)}. "
            "Their reasons stand in the leaderboard; the same command tries them again"
        )


def _number_of_images(text: str) -> int | Literal["all"]:
    """``all`` or a number of training images."""
    if text == "all":
        return "all"
    if not text.isdecimal() or int(text) == 0:
        raise click.BadParameter(
            f"'{text}' is not a number above 0, nor 'all'", param_hint="--images"
        )
    return int(text)


def _print_suites(
    domain: str, data_root: Path | None, local_plugin: Path | None, *, as_json: bool
) -> None:
    """Each suite and its data sets: where to get them, their licence, whether they are there."""
    from samdomains.benchmark.suites import find_suite
    from samdomains.chain import select_domain

    selected = select_domain(domain, local_plugin=local_plugin)
    suites = {name: find_suite(selected, name) for name in selected.benchmarks()}
    if as_json:
        content = {name: suite.model_dump(mode="json") for name, suite in suites.items()}
        click.echo(json.dumps(content))
        return
    for name, suite in suites.items():
        click.echo(f"{name}: {suite.title}")
        if not suite.datasets:
            click.echo("  on the domain's generated data")
            continue
        rows = [("data set", "folder", "there", "licence", "source")]
        for data in suite.datasets:
            there = "" if data_root is None else _yes_or_no((data_root / data.path).exists())
            rows.append((data.name, data.path, there, data.licence, data.source))
        click.echo(columns([[f"  {row[0]}", *row[1:]] for row in rows]))


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"
