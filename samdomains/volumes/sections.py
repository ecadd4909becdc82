"""What is found of one object in a slice, and what is known of it from its prompts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samdomains.prompts.boxes import window_of
from samdomains.types import Logits, Mask, Size
from samdomains.volumes.appearance import Appearance

BACKGROUND = -10.0
"""Logit outside of what is kept of an answer."""

MARGIN = 4
"""Pixels around an object whose logits are kept, for what is put together later."""


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """An object in one slice.

    Attributes:
        index: Of the slice.
        crop: (h, w) logits around it.
        origin: (y, x) of the crop's first pixel.
        size: (H, W) of the slice's image.
        predicted: IoU that the model predicts, in [0, 1].
        confidence: The same, less where ways of asking disagree, in [0, 1].
    """

    index: int
    crop: Logits
    origin: tuple[int, int]
    size: Size
    predicted: float
    confidence: float

    @classmethod
    def of(cls, index: int, logits: Logits, predicted: float, confidence: float) -> Section:
        """Keep what is near the object, which has at least one pixel."""
        rows, columns = window_of(logits > 0, margin=MARGIN)
        kept = np.array(logits[rows, columns], dtype=np.float32)
        origin = rows.start, columns.start
        return cls(index, kept, origin, logits.shape, _unit(predicted), _unit(confidence))

    def logits(self) -> Logits:
        """(H, W)."""
        full = np.full(self.size, BACKGROUND, dtype=np.float32)
        (y, x), (height, width) = self.origin, self.crop.shape
        full[y : y + height, x : x + width] = self.crop
        return full

    def mask(self) -> Mask:
        """(H, W)."""
        return np.asarray(self.logits() > 0)


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What is known of an object from the slices in which it was prompted.

    Attributes:
        appearance: Of it there.
        contrast: With what is around it; (3,) in colours.
        predicted: IoU that the model predicts there.
        area: Mean number of pixels.
    """

    appearance: Appearance
    contrast: NDArray[np.float64]
    predicted: float
    area: float


def _unit(value: float) -> float:
    return float(np.clip(value, 0.0, 1.0))
