"""Batches of generated scenes for pretraining, reproducible step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset

from samdomains.training.scenes import Scene, enlarged_scene, generate_scene
from samdomains.types import Image, Mask

PhaseName = Literal["geometry", "small", "full"]

ENLARGED_SHARE = 0.5
"""Share of the scenes that are enlarged, since boxes are looked at in small tiles."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One part of the schedule.

    Attributes:
        name: ``geometry``, ``small`` or ``full``.
        steps: Optimiser steps.
        side: Side of the input in pixels.
        images: Scenes in a step (ignored by ``geometry``, which has one constant embedding).
        objects: Objects drawn from each scene.
        learning_rate: Peak rate; it falls to a tenth along a cosine within the phase.
        correction_share: Share of the steps that add one to three rounds of correction.
    """

    name: PhaseName
    steps: int
    side: int
    images: int
    objects: int
    learning_rate: float
    correction_share: float


@dataclass(frozen=True, slots=True, eq=False)
class SceneBatch:
    """Scenes of one step and the objects drawn from them.

    Attributes:
        images: (B, 3, side, side) in [0, 1].
        masks: N masks, (side, side).
        image_index: (N,) which scene each belongs to.
    """

    images: Tensor
    masks: tuple[Mask, ...]
    image_index: Tensor


class SceneStream(IterableDataset[SceneBatch]):
    """Batches of scenes; batch ``i`` depends on the seed, the rank and ``i``: resuming is exact.

    Args:
        phase: What is drawn.
        seed: Of the pretraining.
        first_step: Batches to skip, which an interrupted phase had done.
        rank: Number of the process, each of which has scenes of its own.
    """

    def __init__(self, phase: Phase, seed: int, first_step: int, rank: int = 0) -> None:
        self.phase, self.seed, self.first_step, self.rank = phase, seed, first_step, rank

    def __iter__(self) -> Iterator[SceneBatch]:
        """Yield the batches of this worker, in order."""
        worker = torch.utils.data.get_worker_info()
        start, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for step in range(self.first_step + start, self.phase.steps, stride):
            yield self._batch(np.random.default_rng([self.seed, self.phase.side, step, self.rank]))

    def _batch(self, rng: np.random.Generator) -> SceneBatch:
        images: list[Image] = []
        masks: list[Mask] = []
        index: list[int] = []
        while len(images) < self.phase.images:
            scene = self._scene(rng)
            if not scene.objects:
                continue
            count = min(self.phase.objects, len(scene.objects))
            chosen = rng.choice(len(scene.objects), count, replace=False, p=_weights(scene))
            masks += [scene.objects[i] for i in chosen]
            index += [len(images)] * count
            images.append(scene.image)
        return SceneBatch(torch.from_numpy(np.stack(images)), tuple(masks), torch.tensor(index))

    def _scene(self, rng: np.random.Generator) -> Scene:
        if self.phase.name == "geometry":
            return geometry_scene(rng, self.phase.side)
        enlarged = rng.random() < ENLARGED_SHARE
        return (enlarged_scene if enlarged else generate_scene)(rng, self.phase.side)


def _weights(scene: Scene) -> NDArray[np.float64]:
    """Chance of each object to be drawn: by its width, since a scene has most of the small ones."""
    widths = np.sqrt([float(mask.sum()) for mask in scene.objects])
    weights: NDArray[np.float64] = widths / widths.sum()
    return weights


def geometry_scene(rng: np.random.Generator, side: int, count: int = 32) -> Scene:
    """Ellipses without a picture: what a prompt alone says about an object."""
    rows, columns = np.mgrid[:side, :side] + 0.5
    objects = []
    for _ in range(count):
        radius_y, radius_x = np.exp(rng.uniform(np.log(2.5), np.log(side / 2.2), 2))
        y, x = rng.uniform(0, side, 2)
        mask = ((rows - y) / radius_y) ** 2 + ((columns - x) / radius_x) ** 2 <= 1
        if mask.sum() >= 12:
            objects.append(mask)
    return Scene(np.zeros((3, side, side), dtype=np.float32), tuple(objects))
