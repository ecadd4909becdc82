"""What a system found in one image without prompts, against all of the image's objects."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from samdomains.evaluation.matching import Pairs, coco_outcomes
from samdomains.evaluation.metrics import Areas
from samdomains.evaluation.panoptic import compare_maps
from samdomains.types import Case, ObjectMask, Size


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a system found in an image without prompts.

    Attributes:
        objects: Each with a score, the surest first.
        size: (H, W) of the image.
    """

    objects: Sequence[ObjectMask]
    size: Size

    def __post_init__(self) -> None:
        """Refuse answers that cannot be put in order."""
        if any(item.score is None or math.isnan(item.score) for item in self.objects):
            raise ValueError("every object that was found needs a score, its predicted IoU")


@dataclass(frozen=True, slots=True)
class ImageScore:
    """How well one system found the objects of one image by itself.

    Attributes:
        case: Id of the case.
        whole: Id of the volume that the case is a slice of, or of the case itself.
        group: Patient, scene or slide of the case.
        system: Name of the system.
        empty: Whether the image has no annotated object at all, not even a crowd region.
        objects: Number of objects that are scored.
        confidences: Predicted IoU of each answer, the highest first.
        outcomes: What becomes of each answer at each threshold, from ``coco_outcomes``.
        matched: IoU of each object that an answer shows, where every pixel belongs to one answer.
        segments: Number of objects, where every pixel belongs to one object.
        false_answers: Number of answers that show no object, there.
        areas: Pixels of all answers and of all objects, each taken together.
        answered: Share of the image's pixels that belong to any answer.
    """

    case: str
    whole: str
    group: str
    system: str
    empty: bool
    objects: int
    confidences: tuple[float, ...]
    outcomes: tuple[tuple[int, ...], ...]
    matched: tuple[float, ...]
    segments: int
    false_answers: int
    areas: Areas
    answered: float

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ImageScore:
        """Read back what ``write_json(asdict(score))`` wrote: null was NaN."""
        read: dict[str, Any] = {k: math.nan if v is None else v for k, v in values.items()}
        read |= {key: tuple(read[key]) for key in ("confidences", "matched")}
        read["areas"] = Areas(*read["areas"])
        return cls(**{**read, "outcomes": tuple(tuple(row) for row in read["outcomes"])})


def image_score(
    case: Case,
    system: str,
    found: Found,
    truths: Sequence[ObjectMask],
    pairs: Pairs,
    minimum_area: int,
) -> ImageScore:
    """Compare all answers to an image with all of its objects.

    Args:
        case: The image.
        system: Name of the system that answered.
        found: What it answered.
        truths: All annotated objects, crowd regions and specks too.
        pairs: Of answers and objects.
        minimum_area: Objects with fewer pixels are ignored, as crowd regions are.
    """
    answers = found.objects
    maps = compare_maps(answers, truths, found.size, minimum_area)
    return ImageScore(
        case=case.id,
        whole=case.id if case.slice_of is None else case.slice_of.volume.id,
        group=case.group,
        system=system,
        empty=not truths,
        objects=sum(not item.crowd and item.area >= minimum_area for item in truths),
        confidences=tuple(item.score or 0.0 for item in answers),
        outcomes=coco_outcomes(answers, truths, pairs, minimum_area),
        matched=maps.matched,
        segments=maps.objects,
        false_answers=maps.false_answers,
        areas=maps.semantic,
        answered=maps.answered,
    )
