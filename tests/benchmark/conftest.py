"""Fixtures of the bench room: cases that live in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samdomains.types import Case, CaseStatistics, Image, Mask, ObjectMask, RawImage


@dataclass(frozen=True, eq=False)
class Constant:
    """A reader of something that is already in memory."""

    value: object

    def __call__(self) -> object:
        return self.value


def rectangle(size: tuple[int, int], y0: int, x0: int, y1: int, x1: int) -> Mask:
    mask = np.zeros(size, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def case_of(
    pixels: NDArray[np.uint8],
    objects: Sequence[ObjectMask],
    classes: dict[int, str] | None = None,
    name: str = "a",
) -> Case:
    """A case of an (H, W) image."""
    return Case(
        id=name,
        group=name,
        read_pixels=Constant(pixels[None]),  # type: ignore[arg-type]
        read_objects=Constant(tuple(objects)),  # type: ignore[arg-type]
        classes=classes or {1: "square"},
    )


def square_case(number: int, size: tuple[int, int] = (64, 64)) -> Case:
    """A bright square somewhere on a dark, noisy background."""
    rng = np.random.default_rng(number)
    side = int(rng.integers(16, 25))
    y, x = (int(rng.integers(0, length - side)) for length in size)
    mask = rectangle(size, y, x, y + side, x + side)
    pixels = (60 + 120 * mask + rng.normal(0, 5, size)).astype(np.uint8)
    return case_of(pixels, [ObjectMask.from_mask(mask)], name=f"case{number}")


def to_unit_range(pixels: RawImage, statistics: CaseStatistics) -> Image:
    return np.repeat(pixels.astype(np.float32) / 255, 3, axis=0)
