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

import numpy as np

from samdomains.prompts.sampler import PromptMix
from samdomains.recipe import EvaluationRecipe, ModelRecipe, Recipe, TrainingRecipe
from samdomains.run_directory import RunDirectory
from samdomains.sam.devices import best_device
from samdomains.sam.models import ARCHITECTURES, ModelName, build_architecture
from samdomains.training.engine import train
from samdomains.training.memory import peak_memory, release_memory, used_memory
from samdomains.training.probe import MeasuredMemory, measure_memory
from samdomains.training.task import Task
from samdomains.types import (
    Case,
    CaseStatistics,
    Image,
    ObjectMask,
    RawImage,
    StrategyChoice,
    StrategyName,
)

ROWS: list[tuple[ModelName, StrategyName, int, int]] = [
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

STEPS = {"tiny": 4, "vit_b": 2}
"""Optimiser steps that are measured."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", default="", help="start of MODEL/STRATEGY")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.child:
        part, model, strategy, numbers = wanted.child
        batch, at_once = (int(number) for number in numbers.split(","))
        predicting = part == "predict"
        print(
            json.dumps(predict(model, strategy, batch))
            if predicting
            else measure(model, strategy, batch, at_once)
        )
        return
    results = compared([row for row in ROWS if f"{row[0]}/{row[1]}".startswith(wanted.only)])
    largest = max(abs(row["error"]) for row in results)
    print(f"largest error: {largest:.1%}")
    if wanted.json:
        print(json.dumps({"largest_error": largest, "rows": results}))


def compared(rows: list[tuple[ModelName, StrategyName, int, int]]) -> list[dict[str, Any]]:
    """Predict and measure each row, and print it."""
    print(f"{'':18} {'batch':>5} {'at once':>7} {'predicted':>10} {'measured':>9}  error")
    memory: dict[str, MeasuredMemory] = {}
    results = []
    for model, strategy, batch, at_once in rows:
        name, numbers = f"{model} {strategy}", f"{batch},{at_once}"
        if name not in memory:
            fields = json.loads(child("predict", model, strategy, numbers))
            memory[name] = MeasuredMemory(**fields)
        predicted = memory[name].peak(at_once, batch)
        measured = int(child("train", model, strategy, numbers))
        error = round(predicted / measured - 1, 3)
        results.append({"row": f"{name} {numbers}", "predicted": predicted, "measured": measured})
        results[-1]["error"] = error
        sizes = f"{predicted / 1e9:7.2f} GB {measured / 1e9:6.2f} GB"
        print(f"{name:18} {batch:5} {at_once:7} {sizes}  {error:+.1%}", flush=True)
    return results


def child(*words: str) -> str:
    """The last line that a process of its own prints."""
    command = [sys.executable, __file__, "--child", *words]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()[-1]


def recipe_of(batch: int) -> Recipe:
    return Recipe(
        model=ModelRecipe(zoom=None),
        training=TrainingRecipe(objects_per_image=OBJECTS, batch_size=batch, epochs=1, mixtures=()),
        evaluation=EvaluationRecipe(prompts=("box",)),
    )


def predict(model: ModelName, strategy: StrategyName, batch: int) -> dict[str, int]:
    """The fields of a ``MeasuredMemory``."""
    recipe = recipe_of(batch)
    sam = build_architecture(model).to(best_device())
    sampler = PromptMix(recipe.prompts)
    return asdict(measure_memory(sam, sampler, recipe, strategy, "no", objects=OBJECTS))


def measure(model: ModelName, strategy: StrategyName, batch: int, at_once: int) -> int:
    """Bytes that a training took at its peak."""
    recipe, side = recipe_of(batch), ARCHITECTURES[model].image_size
    sam = build_architecture(model).to(best_device())
    cases = [square_case(number, side) for number in range(batch * STEPS[model] + 1)]
    with tempfile.TemporaryDirectory() as folder:
        task = Task(
            sam=sam,
            train=cases[1:],
            val=cases[:1],
            normalizer=to_unit_range,
            sampler=PromptMix(recipe.prompts),
            recipe=recipe,
            choice=StrategyChoice(strategy, batch, "no", (), images_at_once=at_once),
            directory=RunDirectory(Path(folder)),
            save_best=lambda _: None,
        )
        release_memory(sam.device)
        before = used_memory(sam.device)
        with peak_memory(sam.device) as most:
            train(task)
    return most.bytes - before


def square_case(number: int, side: int) -> Case:
    """A noisy image with ``OBJECTS`` squares along its diagonal."""
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


def to_unit_range(pixels: RawImage, statistics: CaseStatistics) -> Image:  # noqa: ARG001
    return np.repeat(pixels.astype(np.float32) / 255, 3, axis=0)


if __name__ == "__main__":
    main()
