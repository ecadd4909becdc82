"""What commands print: stages to the error stream, results to the output."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from samdomains.files import without_nan
from samdomains.processes import is_main_process

if TYPE_CHECKING:
    from rich.table import Table

    from samdomains.pipeline import Result


def tell(line: str) -> None:
    """One line about what happens now, on the error stream, so that output stays clean."""
    if is_main_process():
        click.echo(line, err=True)


def print_result(result: Result) -> None:
    """The tables of scores."""
    from rich.console import Console

    from samdomains.reports.console import found_tables, metrics_table, volume_score_tables

    console = Console(width=None if sys.stdout.isatty() else 110)
    metrics = result.metrics
    tables: list[Table] = [metrics_table(metrics), *found_tables(metrics)]
    for table in (*tables, *volume_score_tables(metrics)):
        console.print(table)


def print_verdict(result: Result) -> None:
    """The verdict on a tuned model, in one line: the last that a command prints."""
    if result.card is not None:
        click.echo(f"verdict: {result.card.words}. {result.card.advice}")


def print_json(result: Result) -> None:
    """The folder and the content of ``metrics.json``, for scripts."""
    printed = {"out": str(result.directory), **result.metrics}
    click.echo(json.dumps(without_nan(printed), allow_nan=False))
