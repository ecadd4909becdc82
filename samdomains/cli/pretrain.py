"""`samdomains pretrain`: make the shipped `tiny` model from generated scenes."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("pretrain", epilog="Example: samdomains pretrain --out pretraining --seed 0")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FOLDER",
    help="Checkpoint, log and state; an interrupted call with the same folder goes on.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Multiplies the steps of every phase; small values give a quick trial.",
)
@click.option(
    "--start",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Checkpoint of tiny to begin with, in place of random weights.",
)
@click.option(
    "--preview",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    help="Only write a contact sheet of generated scenes.",
)
def command(out: Path, seed: int, scale: float, start: Path | None, preview: Path | None) -> None:
    """Train `tiny` on generated scenes; about two hours on 2 CPU cores."""
    from samdomains.training.pretraining import SCHEDULE, Pretraining, pretrain, scaled

    if preview is not None:
        from samdomains.training.preview import write_contact_sheet

        write_contact_sheet(preview, seed)
        click.echo(preview)
        return
    click.echo(pretrain("tiny", Pretraining(out, start, scaled(SCHEDULE, scale), seed)))
