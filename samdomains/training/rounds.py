"""Rounds of prompting: a first prompt, then clicks where the last answer was wrong.

Training without prompts is unstable and gives models that ignore them; training with a single
round gives models that cannot be corrected (see docs/architecture.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
import torch
from segment_anything.modeling import Sam
from torch import Tensor

from samdomains.data.naming import named_case
from samdomains.prompts.corrections import add_click, correction_click
from samdomains.protocols import PromptSampler
from samdomains.sam.decode import decode, is_ambiguous, select
from samdomains.sam.frame import Frame
from samdomains.training.losses import LossWeights, answer_loss
from samdomains.types import Logits, Mask, Prompts


@dataclass(frozen=True, slots=True, eq=False)
class ObjectBatch:
    """N objects of B images, in the images' pixels inside SAM's input.

    Attributes:
        masks: N masks, (H, W) each, of the size of their image; empty where there is nothing.
        image_index: (N,) which image each object belongs to.
        frames: B frames, one per image.
        given: N first prompts, or None for each that the sampler makes; it makes all without any.
            It cannot make that of an empty mask.
        cases: B ids of the cases that the images show, for errors; empty where they are of none.
    """

    masks: Sequence[Mask]
    image_index: Tensor
    frames: Sequence[Frame]
    given: Sequence[Prompts | None] = ()
    cases: Sequence[str] = ()

    def frame(self, index: int) -> Frame:
        """The frame of object ``index``."""
        return self.frames[int(self.image_index[index])]

    def first_prompts(
        self, sampler: PromptSampler, rngs: Sequence[np.random.Generator]
    ) -> list[Prompts]:
        """The given prompts, and the sampler's for the other objects."""
        given = self.given or [None] * len(self.masks)
        return [
            self.simulated(index, sampler, rng, None) if prompt is None else prompt
            for index, (rng, prompt) in enumerate(zip(rngs, given, strict=True))
        ]

    def simulated(
        self,
        index: int,
        sampler: PromptSampler,
        rng: np.random.Generator,
        previous: Logits | None,
    ) -> Prompts:
        """What the sampler says of object ``index``; an error names the case."""
        name = self.cases[int(self.image_index[index])] if self.cases else ""
        with named_case(name) if name else nullcontext():
            return sampler(self.masks[index], rng, previous)


def rounds_loss(
    sam: Sam,
    embeddings: Tensor,
    batch: ObjectBatch,
    sampler: PromptSampler,
    rngs: Sequence[np.random.Generator],
    *,
    corrections: int,
    weights: LossWeights,
) -> Tensor:
    """Mean loss over a first prompt and ``corrections`` rounds of clicks.

    Args:
        sam: The model.
        embeddings: (B, C, h, w) of the batch's images.
        batch: The objects to segment.
        sampler: Simulates the user.
        rngs: N generators, one for each object: its prompts are the same whichever other objects
            are beside it.
        corrections: Rounds after the first prompt.
        weights: Of the loss.
    """
    target = torch.stack([batch.frame(i).target(mask) for i, mask in enumerate(batch.masks)])
    target = target.to(embeddings.device)
    prompts = batch.first_prompts(sampler, rngs)
    total = embeddings.new_zeros(())
    for remaining in range(corrections, -1, -1):
        framed = [batch.frame(i).prompts(prompt) for i, prompt in enumerate(prompts)]
        answer = decode(sam, embeddings, batch.image_index, framed)
        ambiguous = torch.tensor([is_ambiguous(p) for p in framed], device=embeddings.device)
        total = total + answer_loss(answer, target, ambiguous, weights)
        if remaining:
            low, _ = select(answer, ambiguous)
            prompts = corrected(batch, prompts, low.detach().float().cpu(), sampler, rngs)
    return total / (corrections + 1)


def corrected(
    batch: ObjectBatch,
    prompts: Sequence[Prompts],
    low: Tensor,
    sampler: PromptSampler,
    rngs: Sequence[np.random.Generator],
) -> list[Prompts]:
    """Add to each prompt a reaction to the last answer, and that answer as a mask.

    The sampler reacts for objects that are there; a false answer where nothing is gets a click on
    the background, a right one none.

    Args:
        batch: The objects.
        prompts: N prompts so far.
        low: (N, m, m) low-resolution logits of the answers.
        sampler: Simulates the user.
        rngs: N generators.
    """
    answered = []
    for index, (mask, prompt) in enumerate(zip(batch.masks, prompts, strict=True)):
        previous: Logits = batch.frame(index).logits(low[index : index + 1])[0].numpy()
        clicked = prompt
        if mask.any():
            reaction = batch.simulated(index, sampler, rngs[index], previous)
            for point, label in zip(reaction.points, reaction.point_labels, strict=True):
                clicked = add_click(clicked, point, int(label))
        elif click := correction_click(mask, previous > 0, rngs[index]):
            clicked = add_click(clicked, *click)
        answered.append(replace(clicked, mask_logits=low[index].numpy(), prior=None))
    return answered
