"""The core's prompt sampler: a first box, point or mask, then clicks on what was wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from samdomains.prompts.boxes import box_of, jitter_box
from samdomains.prompts.corrections import add_click, correction_click
from samdomains.prompts.masks import coarse_mask
from samdomains.prompts.points import background_point, random_point
from samdomains.prompts.propagated import mask_logits
from samdomains.recipe import PromptRecipe
from samdomains.types import Box, Logits, Mask, Prompts

NEGATIVE_SHARE = 0.15
"""Share of the point starts that come with a second click, on the background beside the object."""


@dataclass(frozen=True, slots=True)
class PromptMix:
    """Simulates a user's prompts with the weights of a recipe.

    Attributes:
        recipe: Weights of boxes, points and masks, and the jitter of the boxes.
    """

    recipe: PromptRecipe

    def __call__(self, mask: Mask, rng: np.random.Generator, previous: Logits | None) -> Prompts:
        """Prompt for the object in ``mask``, in the mask's own pixel frame.

        Args:
            mask: (H, W), not empty.
            rng: The only source of randomness.
            previous: (H, W) logits of the last answer. With None, the prompt starts anew: a box,
                a point or a coarse mask (as ``prior``). Otherwise the
                prompt holds ``previous`` and the one new click it provokes, on a wrong pixel, or
                anywhere on the object where none is wrong.

        Raises:
            ValueError: The mask has no true pixel, or ``previous`` is of another size.
        """
        if previous is not None:
            return _react(mask, rng, previous)
        weights = np.array([self.recipe.box, self.recipe.point, self.recipe.mask])
        kind = int(rng.choice(3, p=weights / weights.sum()))
        if kind == 0:
            return Prompts(box=self._box(mask, rng))
        if kind == 1:
            return _points(mask, rng)
        return Prompts(prior=mask_logits(coarse_mask(mask, rng)))

    def _box(self, mask: Mask, rng: np.random.Generator) -> Box:
        height, width = mask.shape
        jitter, pixels = self.recipe.box_jitter, self.recipe.box_jitter_pixels
        return jitter_box(box_of(mask), (height, width), rng, share=jitter, pixels=pixels)


def _points(mask: Mask, rng: np.random.Generator) -> Prompts:
    """One point on the object, and now and then one beside it."""
    prompts = Prompts(points=random_point(mask, rng)[None], point_labels=np.ones(1, dtype=np.int64))
    if rng.random() >= NEGATIVE_SHARE:
        return prompts
    beside = background_point(mask, rng)
    return prompts if beside is None else add_click(prompts, beside, 0)


def _react(mask: Mask, rng: np.random.Generator, previous: Logits) -> Prompts:
    if previous.shape != mask.shape:
        raise ValueError(
            f"the last answer must be of the mask's size {mask.shape}, got {previous.shape}"
        )
    click = correction_click(mask, previous > 0, rng)
    point, label = (random_point(mask, rng), 1) if click is None else click
    return Prompts(
        points=point[None], point_labels=np.array([label], dtype=np.int64), prior=previous
    )
