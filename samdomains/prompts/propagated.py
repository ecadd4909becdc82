"""The next prompt from the object in the slice before: in training, and when it is followed."""

from __future__ import annotations

import numpy as np

from samdomains.prompts.boxes import box_of
from samdomains.prompts.points import interior_point
from samdomains.recipe_images import PropagationRecipe
from samdomains.types import Box, Logits, Mask, Points, Prompts, Size

MASK_LOGIT = 6.0
"""Logit of a known mask inside the object (its negative outside): a probability of 0.998, as sure
as a trained model's answer away from its border."""


def propagated_prompt(
    previous: Mask, recipe: PropagationRecipe, logits: Logits | None = None
) -> Prompts:
    """Ask for an object where it was in the neighbouring slice.

    Args:
        previous: (H, W), the object there; not empty.
        recipe: Which parts the prompt has.
        logits: (H, W) of the answer that the object is from; None takes the mask as sure.

    Raises:
        ValueError: The mask has no true pixel.
    """
    height, width = previous.shape
    points = _points_inside(previous, recipe.points)
    prior = None
    if recipe.mask:
        prior = mask_logits(previous) if logits is None else logits
    return Prompts(
        box=roomy_box(box_of(previous), recipe.margin, (height, width)),
        points=points,
        point_labels=np.ones(len(points), dtype=np.int64),
        prior=prior,
        source="automatic",
    )


def mask_logits(mask: Mask) -> Logits:
    """(H, W): a mask as the logits that a model sure of it would give."""
    return np.where(mask, MASK_LOGIT, -MASK_LOGIT).astype(np.float32)


def roomy_box(box: Box, margin: float, size: Size) -> Box:
    """A box with room on each side, as far as the image reaches.

    Args:
        box: (4,), x0, y0, x1, y1 in pixels.
        margin: Share of the box's sides, at least a pixel; 0 leaves the box as it is.
        size: (H, W) of the image.
    """
    x0, y0, x1, y1 = (float(side) for side in box)
    wide, high = max(1.0, margin * (x1 - x0)), max(1.0, margin * (y1 - y0))
    if margin == 0:
        wide = high = 0.0
    height, width = size
    sides = max(0, x0 - wide), max(0, y0 - high), min(width, x1 + wide), min(height, y1 + high)
    return np.array(sides, dtype=np.float32)


def _points_inside(mask: Mask, count: int) -> Points:
    """(count, 2): points far from the border and from each other; fewer in a tiny object."""
    left, points = mask.copy(), list[Points]()
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    while len(points) < count and left.any():
        point = interior_point(left)
        points.append(point)
        distance = np.sqrt((columns - point[0]) ** 2 + (rows - point[1]) ** 2)
        left &= distance > np.sqrt(np.count_nonzero(mask) / np.pi) / 2
    return np.array(points, dtype=np.float32).reshape(-1, 2)
