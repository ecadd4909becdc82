"""Options and output that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from samdomains.sam.embedding_cache import EmbeddingCache

domain_argument = click.argument("domain")

plugin_option = click.option(
    "--plugin",
    "local_plugin",
    type=click.Path(path_type=Path),
    metavar="FILE.py",
    help="A Python file of yours whose hooks are asked before the domain's.",
)

recipe_option = click.option(
    "--recipe",
    "recipe_file",
    type=click.Path(path_type=Path),
    metavar="FILE.yaml",
    help="A recipe file of yours; its values stand over the domain's.",
)

set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="One value, such as training.learning_rate=5e-5; stands over all others. Repeatable.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Lay rows out in columns, two spaces apart, as wide as their longest cell."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FOLDER",
    help="Where the result goes; must not hold anything yet.",
)

tuned_model_option = click.option(
    "--model",
    required=True,
    metavar="RUN|NAME",
    help="A run's folder, or an untuned model: tiny, vit_b, vit_l, vit_h.",
)

cache_option = click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="SAMDOMAINS_EMBEDDINGS",
    metavar="FOLDER",
    help="Keep embeddings of the images there, and use those that are there already. They are made "
    "from the pixels: treat the folder like the images. Also: SAMDOMAINS_EMBEDDINGS.",
)

cache_size_option = click.option(
    "--cache-size",
    type=click.FloatRange(min=0, min_open=True),
    default=20.0,
    show_default=True,
    metavar="GB",
    help="Most that the folder of --cache may hold; what was used longest ago is removed.",
)

checkpoint_option = click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Weights of the base model, instead of the shipped or downloaded ones.",
)


def model_settings(
    model: str | None, checkpoint: Path | None, strategy: str | None, seed: int | None
) -> list[str]:
    """The recipe settings that stand behind the short options of `samdomains run`."""
    short = {
        "model.name": model,
        "model.checkpoint": checkpoint,
        "strategy.name": strategy,
        "seed": seed,
    }
    return [f"{key}={value}" for key, value in short.items() if value is not None]


def embedding_cache(folder: Path | None, gigabytes: float) -> EmbeddingCache | None:
    """The cache that `--cache` and `--cache-size` describe, or None where none is wanted."""
    if folder is None:
        return None
    from samdomains.sam.embedding_cache import EmbeddingCache

    return EmbeddingCache(folder, round(gigabytes * 10**9))
