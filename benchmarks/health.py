"""Models that are broken on purpose, and whether the health card names the fault.

python benchmarks/health.py --out health_runs

Images are generated, ``tiny`` is tuned. Each fault is one that people make: three training images,
shuffled masks, training without prompts on one object an image, a rate that is far too high. The
last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import samdomains
from samdomains.chain import select_domain

DOMAIN = "images"

SEEDS = (0, 1)
"""Of the demo data, 12 images each."""

TEST = 9
"""Test images: enough groups for an interval."""

FOLDERS = ("images", "labels")

WITHOUT_PROMPTS = '''
import numpy as np
from samdomains.plugin import Prompts, hookimpl


class Anywhere:
    """A box around everything, or a box or a point anywhere, whatever object is meant."""

    def __call__(self, mask, rng, previous):
        size = np.array(mask.shape[::-1], dtype=np.float32)
        kind = rng.integers(3)
        if kind == 0:
            return Prompts(box=np.array([0, 0, *size], dtype=np.float32))
        first = rng.uniform(0, 0.8, 2).astype(np.float32)
        if kind == 1:
            corners = [*(first * size), *((first + rng.uniform(0.1, 0.2, 2)) * size)]
            return Prompts(box=np.array(corners, dtype=np.float32))
        return Prompts(points=(first * size)[None], point_labels=np.ones(1, dtype=np.int64))


@hookimpl
def sample_prompts(recipe):
    return Anywhere()
'''

SHARED = (
    "model.name=tiny",
    "training.batch_size=2",
    "training.patience=null",
    "evaluation.prompts=[box,point]",
    "evaluation.volume_objects=0",
)
UNPROTECTED = ("training.mixtures=[1.0]",)
"""Keeps the last weights, however bad they are on the one validation image: a single image never
shows clearly that others are better. Without this the untuned ones, or a mixture, are kept."""

Split = Mapping[str, list[str]]


@dataclass(frozen=True)
class Fault:
    """One way to break a model.

    Attributes:
        names: Problem that the card must name; ``ship`` where nothing is broken.
        settings: Of the recipe.
        train: Number of training images.
        shuffled: Whether each training image has the masks of another one.
        alone: Whether only the largest object of each training image is annotated.
        plugin: Source of the user's own plugin.
    """

    names: str
    settings: tuple[str, ...]
    train: int = 12
    shuffled: bool = False
    alone: bool = False
    plugin: str = ""


FAULTS: Mapping[str, Fault] = {
    "good": Fault("ship", ("strategy.name=decoder", "training.epochs=12")),
    "three images by heart": Fault(
        "over-fitted",
        (
            "strategy.name=decoder",
            "training.epochs=60",
            "training.learning_rate=1e-3",
            *UNPROTECTED,
        ),
        train=3,
    ),
    "without prompts": Fault(
        "ignores prompts",
        (
            "strategy.name=decoder",
            "training.epochs=40",
            "training.learning_rate=1e-3",
            "prompts.corrections=0",
            *UNPROTECTED,
        ),
        alone=True,
        plugin=WITHOUT_PROMPTS,
    ),
    "shuffled masks": Fault(
        "worse than zero-shot",
        ("strategy.name=decoder", "training.epochs=12", *UNPROTECTED),
        shuffled=True,
    ),
    "far too high a rate": Fault(
        "forgot other domains",
        (
            "strategy.name=decoder",
            "training.epochs=20",
            "training.learning_rate=2e-3",
            *UNPROTECTED,
        ),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=list(FAULTS), action="append")
    arguments = parser.parse_args()
    cards = {name: measured(name, arguments.out) for name in arguments.only or FAULTS}
    print(table(cards))
    print(json.dumps(cards))


def measured(name: str, out: Path) -> dict[str, Any]:
    """The card of a fault, trained unless it was before."""
    directory = out / name.replace(" ", "_")
    if not (directory / "card.json").exists():
        with tempfile.TemporaryDirectory() as folder:
            train(FAULTS[name], Path(folder), directory)
    card: dict[str, Any] = json.loads((directory / "card.json").read_text("utf-8"))
    return card


def train(fault: Fault, folder: Path, out: Path) -> None:
    plugin = None
    if fault.plugin:
        plugin = folder / "fault.py"
        plugin.write_text(fault.plugin, encoding="utf-8")
    samdomains.run(
        DOMAIN,
        make_data(fault, folder / "data"),
        out=out,
        settings=(*SHARED, *fault.settings),
        local_plugin=plugin,
    )


def make_data(fault: Fault, folder: Path) -> Path:
    """Generated images, divided as the fault wants it."""
    stems = []
    for seed in SEEDS:
        source = select_domain(DOMAIN).make_demo_data(folder / f"seed{seed}", seed)
        for path in sorted((source / "images").iterdir()):
            copy(source, path.stem, folder, f"{path.stem}_{seed}")
            stems.append(f"{path.stem}_{seed}")
        shutil.rmtree(source)
    split = {"test": stems[-TEST:], "train": stems[: fault.train], "val": [stems[-TEST - 1]]}
    trained = [folder / "labels" / f"{stem}.png" for stem in split["train"]]
    if fault.shuffled:
        shuffle(trained)
    if fault.alone:
        for path in trained:
            keep_the_largest(path)
    for stem in stems:
        if not any(stem in part for part in split.values()):
            remove(folder, stem)
    (folder / "splits.json").write_text(json.dumps(split), encoding="utf-8")
    return folder


def copy(source: Path, stem: str, target: Path, name: str) -> None:
    """Copy an image and its mask under another name."""
    for inner in FOLDERS:
        (target / inner).mkdir(parents=True, exist_ok=True)
        shutil.copy(source / inner / f"{stem}.png", target / inner / f"{name}.png")


def remove(folder: Path, stem: str) -> None:
    """Remove an image and its mask."""
    for inner in FOLDERS:
        (folder / inner / f"{stem}.png").unlink()


def shuffle(paths: list[Path]) -> None:
    """Give each file the content of the next."""
    contents = [path.read_bytes() for path in paths]
    for path, content in zip(paths, contents[1:] + contents[:1], strict=True):
        path.write_bytes(content)


def keep_the_largest(path: Path) -> None:
    """Remove all objects but the largest from a label map."""
    labels = np.asarray(Image.open(path))
    largest = 1 + int(np.bincount(labels.ravel())[1:].argmax())
    Image.fromarray(np.where(labels == largest, labels, 0).astype(np.uint16)).save(path)


def table(cards: Mapping[str, dict[str, Any]]) -> str:
    """Markdown: a row for each model."""
    columns: Mapping[str, Callable[[dict[str, Any]], float]] = {
        "gain, box": lambda card: card["prompts"]["box"]["gain"]["mean"],
        "gain, point": lambda card: card["prompts"]["point"]["gain"]["mean"],
        "other domains": lambda card: card["health"]["retention"]["change"],
        "train over test": lambda card: card["health"]["overfitting"]["gap"],
        "background": lambda card: sensitivity(card)["background_points"],
        "empty box": lambda card: sensitivity(card)["empty_boxes"],
        "other object": lambda card: sensitivity(card)["other_objects"],
        "alike": lambda card: sensitivity(card)["answer_overlap"],
        "calibration": lambda card: card["health"]["calibration"]["tuned"]["error"],
    }
    lines = ["| model | must name | verdict | problems | " + " | ".join(columns) + " |"]
    lines.append("|---" * (4 + len(columns)) + "|")
    for name, card in cards.items():
        problems = ", ".join(dict.fromkeys(p["name"] for p in card["health"]["problems"]))
        words = [name, FAULTS[name].names, card["verdict"], problems or "none: ship"]
        numbers = [f"{read(card):.3f}" for read in columns.values()]
        lines.append("| " + " | ".join([*words, *numbers]) + " |")
    return "\n".join(lines)


def sensitivity(card: dict[str, Any]) -> dict[str, float]:
    """Of the tuned model."""
    found: dict[str, float] = card["health"]["prompt_sensitivity"]["systems"]["tuned"]
    return found


if __name__ == "__main__":
    main()
