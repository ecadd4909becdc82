"""Random objects, and answers that more or less fit them, for the tests of finding objects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from samdomains.evaluation.instances import Found, ImageScore, image_score
from samdomains.evaluation.matching import overlapping_pairs
from samdomains.types import Case, Mask, ObjectMask, RawImage, Size

SIZE: Size = (48, 64)


def rectangle(y: int, x: int, height: int, width: int, size: Size = SIZE) -> ObjectMask:
    """One object, cut off at the border of its image."""
    mask: Mask = np.zeros(size, dtype=bool)
    mask[max(y, 0) : y + height, max(x, 0) : x + width] = True
    return ObjectMask.from_mask(mask)


def random_truths(rng: np.random.Generator, count: int) -> list[ObjectMask]:
    """Objects that may overlap, of 1 to 168 pixels."""
    corners = rng.integers(0, (SIZE[0] - 1, SIZE[1] - 1), (count, 2))
    sides = rng.integers(1, 14, (count, 2))
    return [rectangle(*corner, *side) for corner, side in zip(corners, sides, strict=True)]


def random_answers(rng: np.random.Generator, truths: list[ObjectMask]) -> list[ObjectMask]:
    """Shifted and repeated objects and false alarms, the surest first, with few distinct scores."""
    answers = []
    for truth in truths:
        for _ in range(int(rng.integers(0, 3))):
            (y, x), (height, width) = truth.origin, truth.crop.shape
            dy, dx, taller, wider = rng.integers(-1, 2, 4).tolist()
            moved = min(y + dy, SIZE[0] - 1), min(x + dx, SIZE[1] - 1)
            answers.append(rectangle(*moved, max(2, height + taller), max(2, width + wider)))
    answers += random_truths(rng, int(rng.integers(0, 4)))
    return by_score([replace(a, score=float(rng.integers(1, 20)) / 20) for a in answers])


def by_score(answers: list[ObjectMask]) -> list[ObjectMask]:
    return sorted(answers, key=lambda item: -(item.score or 0.0))


def compared(
    name: str,
    truths: list[ObjectMask],
    answers: list[ObjectMask],
    *,
    minimum_area: int = 1,
    group: str | None = None,
    system: str = "tuned",
) -> ImageScore:
    """The score of one image of ``SIZE``."""

    def unread() -> RawImage:
        raise AssertionError("only the masks are compared")

    case = Case(name, group or name, unread, lambda: tuple(truths), {1: "object"})
    pairs = overlapping_pairs(answers, truths)
    return image_score(case, system, Found(answers, SIZE), truths, pairs, minimum_area)
