"""Predicted peak memory of training beside what is then measured, for each model and strategy.

python benchmarks/training_memory.py --json
python benchmarks/training_memory.py --only vit_b/full

Prediction and training run in processes of their own, on images that all have as many objects as a
step takes. The weights are random: memory does not depend on them. The measured peak is that of the
whole training, validation included, beyond what the process held before.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROWS = [
    ("tiny", "decoder", 4, 4),
    ("tiny", "lora", 4, 4),
    ("tiny", "full", 4, 4),
    ("tiny", "full", 4, 2),
    ("vit_b", "decoder", 2, 2),
    ("vit_b", "decoder", 2, 1),
    ("vit_b", "lora", 1, 1),
    ("vit_b", "full", 1, 1),
]
"""Model, strategy, images of a batch, and how many of them at once."""

OBJECTS = 4
"""Of each image, so that vit_b is done in minutes on a laptop's CPU."""

STEPS = {"tiny": 8, "vit_b": 2}
"""Optimiser steps that are measured."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", default="", help="start of MODEL/STRATEGY")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.child:
        part, model, strategy, numbers = wanted.child
        batch, at_once = (int(n) for n in numbers.split(","))
        part_of = {"predict": predict, "train": measure}[part]
        print(json.dumps(part_of(model, strategy, batch, at_once)))
        return
    rows = [row for row in ROWS if f"{row[0]}/{row[1]}".startswith(wanted.only)]
    results = []
    print(f"{'':18} {'batch':>5} {'at once':>7} {'predicted':>10} {'measured':>9}  error")
    memory: dict[str, Any] = {}
    for model, strategy, batch, at_once in rows:
        name = f"{model} {strategy}"
        if name not in memory:
            memory[name] = child("predict", model, strategy, f"{batch},{at_once}")
        predicted = peak(memory[name], at_once, batch)
        measured = child("train", model, strategy, f"{batch},{at_once}")
        error = predicted / measured - 1
        results.append([model, strategy, batch, at_once, predicted, measured, round(error, 3)])
        gigabytes = f"{predicted / 1e9:7.2f} GB {measured / 1e9:6.2f} GB"
        print(f"{name:18} {batch:5} {at_once:7} {gigabytes}  {error:+.1%}", flush=True)
    largest = max(abs(row[-1]) for row in results)
    print(f"largest error: {largest:.1%}")
    if wanted.json:
        print(json.dumps({"largest_error": largest, "rows": results}))


def child(*words: str) -> Any:
    """The last line of a process of its own, read as JSON."""
    command = [sys.executable, __file__, "--child", *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def peak(memory: dict[str, int], at_once: int, batch: int) -> int:
    from samdomains.training.probe import MeasuredMemory

    return MeasuredMemory(**memory).peak(at_once, batch)


def recipe(batch: int, epochs: int = 1) -> Any:
    from samdomains.recipe import EvaluationRecipe, ModelRecipe, Recipe, TrainingRecipe

    return Recipe(
        model=ModelRecipe(zoom=None),
        training=TrainingRecipe(
            objects_per_image=OBJECTS, batch_size=batch, epochs=epochs, mixtures=()
        ),
        evaluation=EvaluationRecipe(prompts=("box",)),
    )


def predict(model: str, strategy: Any, batch: int, at_once: int) -> dict[str, int]:
    from samdomains.prompts.sampler import PromptMix
    from samdomains.sam.devices import best_device
    from samdomains.sam.models import build_architecture
    from samdomains.training.probe import measure_memory

    values = recipe(batch)
    sam = build_architecture(model).to(best_device())  # type: ignore[arg-type]
    sampler = PromptMix(values.prompts)
    return asdict(measure_memory(sam, sampler, values, strategy, "no", objects=OBJECTS))


def measure(model: str, strategy: Any, batch: int, at_once: int) -> int:
    from samdomains.prompts.sampler import PromptMix
    from samdomains.run_directory import RunDirectory
    from samdomains.sam.devices import best_device
    from samdomains.sam.models import ARCHITECTURES, build_architecture
    from samdomains.training.engine import train
    from samdomains.training.memory import peak_memory, release_memory, used_memory
    from samdomains.training.task import Task
    from samdomains.types import StrategyChoice

    values = recipe(batch)
    sam = build_architecture(model).to(best_device())  # type: ignore[arg-type]
    side = ARCHITECTURES[model].image_size  # type: ignore[index]
    cases = [square_case(number, side) for number in range(batch * STEPS[model] + 1)]
    with tempfile.TemporaryDirectory() as folder:
        task = Task(
            sam=sam,
            train=cases[1:],
            val=cases[:1],
            normalizer=to_unit_range,
            sampler=PromptMix(values.prompts),
            recipe=values,
            choice=StrategyChoice(strategy, batch, "no", (), images_at_once=at_once),
            directory=RunDirectory(Path(folder)),
            save_best=lambda _: None,
        )
        release_memory(sam.device)
        before = used_memory(sam.device)
        with peak_memory(sam.device) as most:
            train(task)
    return most.bytes - before


def square_case(number: int, side: int) -> Any:
    """A noisy image with ``OBJECTS`` squares along its diagonal."""
    import numpy as np

    from samdomains.types import Case, ObjectMask

    pixels = np.random.default_rng(number).integers(0, 255, (1, side, side), dtype=np.uint8)
    cell = side // OBJECTS
    masks = [np.zeros((side, side), dtype=bool) for _ in range(OBJECTS)]
    for index, mask in enumerate(masks):
        start = index * cell + cell // 8
        mask[start : start + cell // 2, start : start + cell // 2] = True
    objects = tuple(ObjectMask.from_mask(mask) for mask in masks)
    return Case(
        id=f"case{number}",
        group=f"case{number}",
        read_pixels=lambda: pixels,
        read_objects=lambda: objects,
        classes={1: "square"},
    )


def to_unit_range(pixels: Any, statistics: Any) -> Any:
    import numpy as np

    return np.repeat(pixels.astype(np.float32) / 255, 3, axis=0)


if __name__ == "__main__":
    main()
