"""The loss of one training step, as a module around the model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from segment_anything.modeling import Sam
from torch import Tensor, nn

from samdomains.protocols import PromptSampler
from samdomains.recipe import Recipe
from samdomains.sam.frame import encode
from samdomains.training.dataset import Sample
from samdomains.training.losses import LossWeights
from samdomains.training.rounds import ObjectBatch, rounds_loss


class PromptedLoss(nn.Module):
    """The model with its loss as one module, so that what wraps a module sees the whole step.

    Args:
        sam: The model.
        sampler: Simulates the user.
        recipe: Gives the weights of the loss.
    """

    def __init__(self, sam: Sam, sampler: PromptSampler, recipe: Recipe) -> None:
        super().__init__()
        self.sam, self._sampler = sam, sampler
        self._weights = LossWeights(
            focal=recipe.training.focal_weight,
            dice=recipe.training.dice_weight,
            iou=recipe.training.iou_weight,
            gamma=recipe.training.focal_gamma,
        )

    def forward(
        self, samples: Sequence[Sample], embeddings: Tensor | None, corrections: int
    ) -> Tensor:
        """Mean loss of the samples' objects.

        Args:
            samples: With pixels where no embeddings are given.
            embeddings: (B, C, h, w) of the samples, or None to run the image encoder.
            corrections: Rounds of clicks after the first prompt.
        """
        if embeddings is None:
            embeddings = self._encode(samples)
        index = [i for i, sample in enumerate(samples) for _ in sample.masks]
        objects = ObjectBatch(
            masks=[mask for sample in samples for mask in sample.masks],
            image_index=torch.tensor(index),
            frames=[sample.frame for sample in samples],
            given=[prompt for sample in samples for prompt in sample.given_prompts()],
            cases=[sample.case for sample in samples],
        )
        return rounds_loss(
            self.sam,
            embeddings.to(self.sam.device),
            objects,
            self._sampler,
            [rng for sample in samples for rng in sample.prompt_rngs()],
            corrections=corrections,
            weights=self._weights,
        )

    def _encode(self, samples: Sequence[Sample]) -> Tensor:
        device = self.sam.device
        # Image by image: pinned ones are copied while the GPU computes.
        images = [s.image.to(device, non_blocking=True) for s in samples if s.image is not None]
        content = torch.stack([sample.frame.content() for sample in samples])
        return encode(self.sam, torch.stack(images), content.to(device))
