"""Which of the answers to many automatic prompts are objects (arXiv:2304.02643, appendix B)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from samdomains.data.duplicates import without_duplicates
from samdomains.recipe import AutoRecipe
from samdomains.types import ObjectMask, Prediction

STABILITY_OFFSET = 1.0
"""Logits by which the decision border is moved both ways to see whether an answer is stable."""


def certain_objects(answers: Iterable[Prediction], recipe: AutoRecipe) -> list[ObjectMask]:
    """The answers that the model is sure of, each object once, the surest first.

    Args:
        answers: To prompts in one image; each is let go before the next is asked for.
        recipe: What makes an answer an object.
    """
    kept = []
    for answer in answers:
        area = int(np.count_nonzero(answer.logits > 0))
        height, width = answer.image_size
        if not 0 < area <= recipe.largest * height * width:
            continue
        sure = answer.predicted_iou >= recipe.minimum_iou
        if sure and stability(answer) >= recipe.minimum_stability:
            kept.append(ObjectMask.from_prediction(answer))
    return without_duplicates(kept, recipe.duplicates)


def stability(answer: Prediction) -> float:
    """IoU of an answer's masks at a higher and at a lower border of decision, in [0, 1]."""
    sure = int(np.count_nonzero(answer.logits > STABILITY_OFFSET))
    possible = int(np.count_nonzero(answer.logits > -STABILITY_OFFSET))
    return sure / possible if possible else 0.0
