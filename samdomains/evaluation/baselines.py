"""Trivial baselines: the floor that any model must clear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samdomains.types import Image, Prediction, Prompts, Size


@dataclass(frozen=True, slots=True)
class BoxEllipse:
    """Answers a box with the ellipse inscribed in it, without looking at the image."""

    def encode(self, image: Image) -> EllipseImage:
        """Take the size of an image, (3, H, W); its pixels are not looked at."""
        return EllipseImage((image.shape[1], image.shape[2]))


@dataclass(frozen=True, slots=True)
class EllipseImage:
    """An image of which only the size is known.

    Attributes:
        size: (H, W) in pixels.
    """

    size: Size

    def predict(
        self,
        prompts: Sequence[Prompts],
        *,
        multimask: bool,  # noqa: ARG002 (there is one answer to choose from)
    ) -> list[Prediction]:
        """Draw the ellipse of each prompt's box: the pixels whose centres lie inside.

        Args:
            prompts: Prompts with a box, in image pixels.
            multimask: Of no effect.

        Returns:
            Answers without low-resolution logits (0 x 0) and with NaN as predicted IoU.

        Raises:
            ValueError: A prompt has no box.
        """
        return [self._ellipse(prompt) for prompt in prompts]

    def _ellipse(self, prompt: Prompts) -> Prediction:
        if prompt.box is None:
            raise ValueError("an ellipse needs a prompt with a box, got one without")
        x0, y0, x1, y1 = (float(edge) for edge in prompt.box)
        top, across = _offsets(y0, y1, self.size[0])
        left, along = _offsets(x0, x1, self.size[1])
        logits = 1 - across[:, None] ** 2 - along[None, :] ** 2
        return Prediction(
            logits=logits.astype(np.float32),
            origin=(top, left),
            image_size=self.size,
            low_resolution=np.zeros((0, 0), dtype=np.float32),
            predicted_iou=float("nan"),
        )


def _offsets(low: float, high: float, length: int) -> tuple[int, NDArray[np.float64]]:
    """First pixel of an interval, and its pixels' centres relative to its middle, ends at ±1."""
    first = int(np.clip(np.floor(low), 0, length))
    last = int(np.clip(np.ceil(high), first, length))
    centres = np.arange(first, last) + 0.5
    return first, np.asarray((2 * centres - low - high) / (high - low), dtype=np.float64)
