"""Fixtures of the training room: cases that live in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from segment_anything.modeling import Sam

from samdomains.facts import StrategyChoice
from samdomains.prompts.sampler import PromptMix
from samdomains.recipe import (
    AugmentationRecipe,
    PromptRecipe,
    Recipe,
    StrategyRecipe,
    TrainingRecipe,
)
from samdomains.run_directory import RunDirectory
from samdomains.sam.cached_encoder import CachedEncoder
from samdomains.sam.embedding_cache import EmbeddingCache
from samdomains.sam.strategies import trained_tensors
from samdomains.training.task import Task
from samdomains.types import (
    Case,
    CaseStatistics,
    Image,
    Mask,
    ObjectMask,
    RawImage,
    StrategyName,
)


@dataclass(frozen=True, eq=False)
class Constant:
    """A reader of something that is already in memory."""

    value: object

    def __call__(self) -> object:
        return self.value


def disc(size: tuple[int, int], y: float, x: float, radius: float) -> Mask:
    rows, columns = np.mgrid[: size[0], : size[1]]
    return np.asarray((rows - y) ** 2 + (columns - x) ** 2 <= radius**2, dtype=bool)


def make_case(number: int, size: tuple[int, int] = (64, 64)) -> Case:
    rng = np.random.default_rng(number)
    places = rng.uniform([12, 12, 6], [size[0] - 12, size[1] - 12, 11], (2, 3))
    discs = [disc(size, y, x, radius) for y, x, radius in places]
    pixels = (40 + 120 * np.any(discs, axis=0) + rng.normal(0, 5, size)).astype(np.uint8)[None]
    objects = tuple(ObjectMask.from_mask(mask) for mask in discs)
    return Case(
        id=f"case{number}",
        group=f"case{number}",
        read_pixels=Constant(pixels),  # type: ignore[arg-type]
        read_objects=Constant(objects),  # type: ignore[arg-type]
        classes={1: "disc"},
    )


def make_volume(
    name: str, size: tuple[int, int], sections: Sequence[Sequence[tuple[int, Mask]]]
) -> Case:
    """A volume whose slices have cross-sections, each with the number of its object."""
    rng = np.random.default_rng(0)
    objects = tuple(
        replace(ObjectMask.from_mask(mask), slice_index=index, instance=instance)
        for index, slice_ in enumerate(sections)
        for instance, mask in slice_
    )
    pixels = np.zeros((1, len(sections), *size))
    for index, slice_ in enumerate(sections):
        pixels[0, index] = 120 * np.any([np.zeros(size), *(mask for _, mask in slice_)], axis=0)
    return Case(
        id=name,
        group=name,
        read_pixels=Constant((40 + pixels + rng.normal(0, 5, pixels.shape)).astype(np.uint8)),  # type: ignore[arg-type]
        read_objects=Constant(objects),  # type: ignore[arg-type]
        classes={1: "disc"},
        depth=len(sections),
    )


def to_unit_range(pixels: RawImage, statistics: CaseStatistics) -> Image:
    return np.repeat(pixels.astype(np.float32) / 255, 3, axis=0)


class Kept:
    """Remembers the weights of the best epoch."""

    def __init__(self) -> None:
        self.weights: dict[str, torch.Tensor] = {}

    def __call__(self, sam: Sam) -> None:
        self.weights = {name: t.clone() for name, t in trained_tensors(sam).items()}


def task(
    sam: Sam, cases: list[Case], out: Path, strategy: StrategyName = "full", **training: Any
) -> Task:
    """Two epochs of two steps, unless the keywords change a value of the recipe's ``training``."""
    values: dict[str, Any] = {"epochs": 2, "learning_rate": 1e-3, "patience": None, "mixtures": ()}
    values |= training
    recipe = Recipe(
        prompts=PromptRecipe(corrections=1),
        augmentation=AugmentationRecipe(crop=1.0),
        strategy=StrategyRecipe(lora_rank=2, lora_dropout=0.1),
        training=TrainingRecipe(**values),
    )
    return Task(
        sam=sam,
        train=cases[:4],
        val=cases[4:],
        normalizer=to_unit_range,
        sampler=PromptMix(recipe.prompts),
        recipe=recipe,
        choice=StrategyChoice(strategy, 2, "no", ("as asked",)),
        directory=RunDirectory(out),
        save_best=Kept(),
        encoder=CachedEncoder(sam, EmbeddingCache(out / "embeddings"))
        if strategy == "decoder"
        else None,
    )


@pytest.fixture
def cases() -> list[Case]:
    """Six images with two bright discs each."""
    return [make_case(number) for number in range(6)]
