"""How much memory training takes, measured on real steps before it begins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from segment_anything.modeling import Sam
from torch import Tensor

from samdomains.protocols import PromptSampler
from samdomains.recipe import Recipe
from samdomains.sam.frame import Frame, encode_image
from samdomains.sam.strategies import apply_strategy, remove_adapters, trained_tensors
from samdomains.training.accelerators import fresh_accelerator
from samdomains.training.dataset import Sample
from samdomains.training.determinism import random_state, restore_random_state
from samdomains.training.memory import (
    is_out_of_memory,
    peak_memory,
    release_memory,
    used_memory,
)
from samdomains.training.prompted_loss import PromptedLoss
from samdomains.types import StrategyName


@dataclass(frozen=True, slots=True)
class MeasuredMemory:
    """Bytes that training takes beyond what was in use before.

    Attributes:
        resting: The most beside forward and backward passes: while weights change, and while an
            image is embedded to validate. The number of images does not matter to it.
        fixed: What a forward and backward pass takes whatever the number of images.
        per_image: What each image of the pass adds.
        gradients: Of all trained weights. They are held from one part of a batch to the next.
    """

    resting: int
    fixed: int
    per_image: int
    gradients: int

    def peak(self, images_at_once: int, batch_size: int) -> int:
        """The most at any time, for a batch divided into parts of so many images."""
        held = self.gradients if images_at_once < batch_size else 0
        return max(self.resting, self.fixed + held + images_at_once * self.per_image)


def measure_memory(
    sam: Sam,
    sampler: PromptSampler,
    recipe: Recipe,
    strategy: StrategyName,
    precision: str,
    *,
    objects: int,
) -> MeasuredMemory:
    """Measure the fullest steps of one and of two images, on the model's device.

    A line through the two gives the memory of more images. Where two do not fit, each is taken to
    need as much as one alone. The steps are of invented images, and change nothing: not the
    weights, nor torch's random numbers.

    Args:
        sam: A plain SAM, without adapters, where it will be trained.
        sampler: Of the domain.
        recipe: All values.
        strategy: What is trained.
        precision: ``no``, ``fp16`` or ``bf16``.
        objects: Most objects of an image in one step.

    Raises:
        RuntimeError: Not even one image fits; ``is_out_of_memory`` is true of it.
        MemoryError: The same, said by another allocator.
    """
    release_memory(sam.device)
    before = used_memory(sam.device)
    with _as_it_was(sam):
        trial = _Trial(sam, sampler, recipe, strategy, precision, objects)
        trained = sum(t.numel() * t.element_size() for t in trial.untuned.values())
        changing, embedding = trial.change_weights(), trial.embed()
        one = trial.step(1)
        two = trial.step_within(2, 2 * one - before)
        del trial
    release_memory(sam.device)
    # While mixtures are validated, the tuned weights are kept beside the mixed and untuned ones.
    kept = trained if recipe.training.mixtures else 0
    return MeasuredMemory(
        resting=max(changing, embedding + kept) - before,
        fixed=2 * one - two - before,
        per_image=two - one,
        gradients=trained,
    )


class _Trial:
    """A training whose steps change nothing. What the engine keeps in memory, it keeps too."""

    def __init__(
        self,
        sam: Sam,
        sampler: PromptSampler,
        recipe: Recipe,
        strategy: StrategyName,
        precision: str,
        objects: int,
    ) -> None:
        self.sam, self.strategy, self.objects = sam, strategy, objects
        self.corrections = recipe.prompts.corrections
        apply_strategy(sam, recipe.strategy, strategy)
        self.accelerator = fresh_accelerator(precision)
        self.untuned = {n: t.cpu().clone() for n, t in trained_tensors(sam).items()}
        self.parameters = [p for p in sam.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=0.0)
        # As the engine does it: not the wrapper that waits for other processes.
        module = PromptedLoss(sam, sampler, recipe)
        self.module = self.accelerator.prepare_model(module, evaluation_mode=True)

    def change_weights(self) -> int:
        """The peak of the optimiser's step. At a rate of 0, zero gradients change no weight."""
        with peak_memory(self.sam.device) as peak:
            for parameter in self.parameters:
                parameter.grad = torch.zeros_like(parameter)
            torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
            self.optimizer.step()
        return peak.bytes

    def embed(self) -> int:
        """The peak of embedding an image without gradients, beside the optimiser's state."""
        side = self.sam.image_encoder.img_size
        with peak_memory(self.sam.device) as peak, torch.inference_mode():
            encode_image(self.sam.eval(), np.zeros((3, side, side), dtype=np.float32))
        return peak.bytes

    def step(self, images: int) -> int:
        """The peak of one pass forwards and backwards."""
        self.optimizer.zero_grad(set_to_none=True)
        self.module.train()
        with peak_memory(self.sam.device) as peak:
            samples = [self._sample(index) for index in range(images)]
            embeddings = self._embeddings(images) if self.strategy == "decoder" else None
            loss = self.module(samples, embeddings, self.corrections)
            self.accelerator.backward(loss)
        return peak.bytes

    def step_within(self, images: int, otherwise: int) -> int:
        """The same, or ``otherwise`` where the memory does not suffice for so many."""
        try:
            return self.step(images)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return otherwise

    def _sample(self, index: int) -> Sample:
        """An image of noise, with squares as objects."""
        side = self.sam.image_encoder.img_size
        mask = np.zeros((side, side), dtype=bool)
        mask[side // 4 : side // 2, side // 4 : side // 2] = True
        rng = torch.Generator().manual_seed(index)
        image = None if self.strategy == "decoder" else torch.rand(3, side, side, generator=rng)
        frame = Frame.of(self.sam, (side, side))
        return Sample(index, 0, image, frame, (mask,) * self.objects)

    def _embeddings(self, images: int) -> Tensor:
        encoder = self.sam.prompt_encoder
        return torch.zeros(images, encoder.embed_dim, *encoder.image_embedding_size)


@contextmanager
def _as_it_was(sam: Sam) -> Iterator[None]:
    """Undo, after the block, what applying a strategy and a step without a rate do to a model."""
    random, training = random_state(sam.device), sam.training
    before = [(p, p.requires_grad, p.grad) for p in sam.parameters()]
    try:
        yield
    finally:
        remove_adapters(sam)
        for parameter, requires_grad, gradient in before:
            parameter.requires_grad_(requires_grad)
            parameter.grad = gradient
        sam.train(training)
        restore_random_state(random, sam.device)
