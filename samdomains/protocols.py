"""What plugins and models do, as callables: prepare images, prompt, answer, write masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from samdomains.types import (
    Case,
    CaseStatistics,
    Image,
    Logits,
    Mask,
    ObjectMask,
    Prediction,
    Prompts,
    RawImage,
)


class Normalizer(Protocol):
    """Turns stored pixels into what SAM expects. Must pickle."""

    def __call__(self, pixels: RawImage, statistics: CaseStatistics) -> Image:
        """(C, H, W) of any dtype → (3, H, W) float32 in [0, 1], by the whole case's statistics."""
        ...


class PromptedImage(Protocol):
    """One image, encoded and waiting for prompts."""

    def predict(self, prompts: Sequence[Prompts], *, multimask: bool) -> list[Prediction]:
        """Answer each prompt, given in the image's pixel frame.

        Args:
            prompts: One per object; they may differ in kind.
            multimask: Choose among SAM's three masks by predicted IoU (for a single ambiguous
                point) instead of taking the single mask (for a box, or several clicks).
        """
        ...


@runtime_checkable
class FindsObjects(Protocol):
    """A ``PromptedImage`` whose system finds objects by itself, without any prompt."""

    def objects(self) -> list[Prediction]:
        """One answer for each object; ``predicted_iou``, never NaN, says how sure the system is.

        Answers may overlap. Each should cover no more of the image than its object does: those of
        a whole image are in memory together.
        """
        ...


class ObjectFinder(Protocol):
    """Finds objects in an image with a system that needs prompts."""

    def __call__(self, encoded: PromptedImage, image: Image) -> Sequence[ObjectMask]:
        """The objects, each once and with its score, in the pixel frame of the image.

        Args:
            encoded: What the system made of the image.
            image: (3, H, W) in [0, 1].
        """
        ...


class Segmenter(Protocol):
    """Anything that segments what it is prompted for: SAM, tuned SAM, a trivial baseline."""

    def encode(self, image: Image) -> PromptedImage:
        """Prepare one normalised image, (3, H, W), for any number of prompts."""
        ...


class PromptSampler(Protocol):
    """Simulates what a user would say about one object. Must pickle."""

    def __call__(self, mask: Mask, rng: np.random.Generator, previous: Logits | None) -> Prompts:
        """Prompt for the object in ``mask``, in the mask's own pixel frame.

        Args:
            mask: (H, W), not empty.
            rng: The only source of randomness.
            previous: (H, W) logits of the model's last answer in the same frame, or None in the
                first round; then the sampler starts anew.

        Returns:
            In the first round the whole prompt, a coarse mask as its ``prior``. In later rounds
            only the points are used: they are added to the earlier prompt, and the model's last
            answer is the mask.
        """
        ...


class PromptProposer(Protocol):
    """Prompts without a human: what might be objects in an image. Must pickle."""

    def __call__(self, image: Image) -> Sequence[Prompts]:
        """Prompts in the pixel frame of the image, one for each candidate; there may be none.

        Args:
            image: (3, H, W) in [0, 1]; of a scene larger than memory one tile.

        Answers that the model doubts, or that repeat each other, are left out by the core
        (``recipe.auto``).
        """
        ...


class MaskWriter(Protocol):
    """Writes the segmentation of one case in the domain's native format. Must pickle."""

    def __call__(self, case: Case, objects: Sequence[ObjectMask], out: Path) -> Sequence[Path]:
        """Write ``objects`` of ``case`` under the folder ``out`` and return the files written."""
        ...
