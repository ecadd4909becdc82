"""IoU and Dice of one object, exact, with absent structures as NaN."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from samdomains.types import Mask, ObjectMask, Prediction


class Overlap(NamedTuple):
    """How well a prediction covers the truth.

    Attributes:
        iou: Intersection over union (Jaccard index), in [0, 1], or NaN.
        dice: Twice the intersection over the sum of the areas (F1 of the pixels), in [0, 1], or
            NaN.
    """

    iou: float
    dice: float


class Areas(NamedTuple):
    """Numbers of pixels.

    Attributes:
        intersection: In prediction and truth.
        prediction: In the prediction.
        truth: In the truth.
    """

    intersection: int
    prediction: int
    truth: int

    @property
    def overlap(self) -> Overlap:
        """IoU and Dice; NaN without a truth."""
        if self.truth == 0:
            return Overlap(float("nan"), float("nan"))
        total = self.prediction + self.truth
        return Overlap(
            self.intersection / (total - self.intersection), 2 * self.intersection / total
        )


def overlap(prediction: Mask, truth: Mask) -> Overlap:
    """Compare two masks of one size.

    An absent structure has no overlap to measure: an empty truth gives NaN whatever the
    prediction, never a perfect 1 that would lift a mean.

    Args:
        prediction: (H, W), or (Z, H, W) of a volume.
        truth: The same shape.

    Raises:
        ValueError: The masks differ in size.

    Example:
        >>> overlap(np.array([[True, True, False]]), np.array([[False, True, True]]))
        Overlap(iou=0.3333333333333333, dice=0.5)
    """
    if prediction.shape != truth.shape:
        raise ValueError(f"masks must be of one size, got {prediction.shape} and {truth.shape}")
    return Areas(_area(prediction & truth), _area(prediction), _area(truth)).overlap


def object_overlap(prediction: Prediction, truth: ObjectMask) -> Overlap:
    """Compare an answer with an object, as ``overlap`` of the two full-size masks.

    Only the answer's window and the object's crop are looked at, so that images with thousands of
    objects are fast.

    Args:
        prediction: The answer, with its window of the image.
        truth: The annotated object of the same image.

    Raises:
        ValueError: They belong to images of different size.
    """
    intersection, answer = _shared(prediction, truth)
    return Areas(intersection, answer, truth.area).overlap


def covered_share(prediction: Prediction, truth: ObjectMask) -> float:
    """Share of an object's pixels that an answer covers, in [0, 1], whatever else it covers.

    Args:
        prediction: The answer, with its window of the image.
        truth: The annotated object of the same image.

    Raises:
        ValueError: They belong to images of different size.
    """
    return _shared(prediction, truth)[0] / truth.area


def _shared(prediction: Prediction, truth: ObjectMask) -> tuple[int, int]:
    """Pixels in both, and in the answer."""
    if prediction.image_size != truth.image_size:
        raise ValueError(
            f"masks must be of one image size, got {prediction.image_size} and {truth.image_size}"
        )
    answer = prediction.logits > 0
    y0, x0 = (max(pair) for pair in zip(prediction.origin, truth.origin, strict=True))
    y1, x1 = (
        min(a + length_a, b + length_b)
        for a, length_a, b, length_b in zip(
            prediction.origin, answer.shape, truth.origin, truth.crop.shape, strict=True
        )
    )
    intersection = 0
    if y0 < y1 and x0 < x1:
        both = _part(answer, prediction.origin, (y0, x0, y1, x1))
        intersection = _area(both & _part(truth.crop, truth.origin, (y0, x0, y1, x1)))
    return intersection, _area(answer)


def _part(mask: Mask, origin: tuple[int, int], window: tuple[int, int, int, int]) -> Mask:
    """The part of ``mask``, whose first pixel is ``origin``, in a window (y0, x0, y1, x1)."""
    y, x = origin
    y0, x0, y1, x1 = window
    return mask[y0 - y : y1 - y, x0 - x : x1 - x]


def _area(mask: Mask) -> int:
    return int(np.count_nonzero(mask))
