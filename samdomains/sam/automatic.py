"""Which of the answers to many automatic prompts are objects (arXiv:2304.02643, appendix B)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from samdomains.data.duplicates import without_duplicates
from samdomains.protocols import PromptedImage, PromptProposer
from samdomains.recipe import Recipe
from samdomains.sam.segmenter import EncodedImage
from samdomains.types import Image, ObjectMask, Prediction, Prompts

STABILITY_OFFSET = 1.0
"""Logits by which the decision border is moved both ways to see whether an answer is stable."""


@dataclass(frozen=True, slots=True)
class AutomaticObjects:
    """Finds objects in an image with a SAM: prompts are proposed, and sure answers are kept.

    Attributes:
        propose: Proposes the prompts.
        recipe: ``recipe.auto`` says what makes an answer an object.
    """

    propose: PromptProposer
    recipe: Recipe

    def __call__(self, encoded: PromptedImage, image: Image) -> list[ObjectMask]:
        """The objects, the surest first, with their scores.

        Args:
            encoded: What a SAM made of the image.
            image: (3, H, W) in [0, 1].

        Raises:
            TypeError: The image was not encoded by a SAM.
        """
        if not isinstance(encoded, EncodedImage):
            raise TypeError(f"a SAM's image is needed, got a {type(encoded).__name__}")
        answers = (answer for _, answer in answers_in_turn(encoded, self.propose(image)))
        return certain_objects(answers, self.recipe)


def answers_in_turn(
    encoded: EncodedImage, prompts: Sequence[Prompts]
) -> Iterator[tuple[int, Prediction]]:
    """Answer prompts of all kinds: single points choose among three masks, others take the one.

    Args:
        encoded: The image.
        prompts: In image pixels.

    Yields:
        Index of the prompt, and its answer, in the order that is quickest.
    """
    single = [i for i, p in enumerate(prompts) if p.box is None and len(p.points) == 1]
    rest = [i for i in range(len(prompts)) if i not in set(single)]
    for members, multimask in ((single, True), (rest, False)):
        for i, answer in encoded.answers([prompts[m] for m in members], multimask=multimask):
            yield members[i], answer


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
