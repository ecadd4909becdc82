"""Which of the answers to many automatic prompts are objects (arXiv:2304.02643, appendix B)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from samdomains.data.duplicates import without_duplicates
from samdomains.recipe import Recipe
from samdomains.types import ObjectMask, Prediction

STABILITY_OFFSET = 1.0
"""Logits by which the decision border is moved both ways to see whether an answer is stable."""


def certain_objects(answers: Iterable[Prediction], recipe: Recipe) -> list[ObjectMask]:
    """The answers that the model is sure of, each object once, the surest first.

    Args:
        answers: To prompts in one image; each is let go before the next is asked for.
        recipe: ``recipe.auto`` says what makes an answer an object.
    """
    minimum_iou, minimum_stability = recipe.surest
    kept = []
    for answer in answers:
        area = int(np.count_nonzero(answer.logits > 0))
        height, width = answer.image_size
        if not 0 < area <= recipe.auto.largest * height * width:
            continue
        sure = answer.predicted_iou >= minimum_iou
        if sure and stability(answer) >= minimum_stability:
            kept.append(ObjectMask.from_prediction(answer))
    return without_duplicates(kept, recipe.auto.duplicates)


def stability(answer: Prediction) -> float:
    """IoU of an answer's masks at a higher and at a lower border of decision, in [0, 1]."""
    sure = int(np.count_nonzero(answer.logits > STABILITY_OFFSET))
    possible = int(np.count_nonzero(answer.logits > -STABILITY_OFFSET))
    return sure / possible if possible else 0.0
