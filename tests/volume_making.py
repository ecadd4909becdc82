"""A volume with a bright ball, and a system that finds what is bright."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from samdomains.recipe import PropagationRecipe
from samdomains.types import (
    Case,
    CaseStatistics,
    Image,
    Mask,
    ObjectMask,
    Prediction,
    Prompts,
    RawImage,
    RawVolume,
)
from samdomains.volumes.following import OpenVolume

SHAPE = (12, 24, 20)
SPACING = (2.0, 1.0, 1.0)


def inside(centre: tuple[float, float, float], radius: float) -> np.ndarray:
    """(Z, H, W), a ball in mm."""
    places = np.indices(SHAPE) * np.reshape(SPACING, (3, 1, 1, 1))
    return np.asarray(radius >= np.linalg.norm(places.T - np.array(centre), axis=-1).T)


@dataclass(frozen=True)
class Pixels:
    centre: tuple[float, float, float]
    radius: float

    def __call__(self) -> RawVolume:
        grey = np.where(inside(self.centre, self.radius), 220, 30).astype(np.uint8)
        return np.asarray(grey[None])


@dataclass(frozen=True)
class Objects:
    pixels: Pixels

    def __call__(self) -> tuple[ObjectMask, ...]:
        solid = inside(self.pixels.centre, self.pixels.radius)
        return tuple(
            replace(ObjectMask.from_mask(plane), slice_index=index)
            for index, plane in enumerate(solid)
            if plane.any()
        )


def ball(name: str = "ball", *, radius: float = 7.0) -> Case:
    """A volume of 12 slices, 2 mm apart, with one annotated object."""
    pixels = Pixels((11.0, 11.0, 9.0), radius)
    return Case(
        id=name,
        group=name,
        read_pixels=pixels,
        read_objects=Objects(pixels),
        classes={1: "ball"},
        depth=SHAPE[0],
        spacing=SPACING,
    )


@dataclass(frozen=True)
class Bright:
    """Answers with what is brighter than ``border``."""

    border: float = 0.5

    def encode(self, image: Image) -> BrightImage:
        return BrightImage(np.asarray(image[0] > self.border))


@dataclass(frozen=True)
class BrightImage:
    mask: Mask

    def predict(self, prompts: Sequence[Prompts], **_: bool) -> list[Prediction]:
        logits = np.where(self.mask, 8, -8).astype(np.float32)
        size = (self.mask.shape[0], self.mask.shape[1])
        low = np.zeros((4, 4), dtype=np.float32)
        return [Prediction(logits, (0, 0), size, low, 0.9) for _ in prompts]


def shown(pixels: RawImage, statistics: CaseStatistics) -> Image:
    """(1, H, W) of at most 255 → (3, H, W)."""
    return np.repeat(pixels, 3, axis=0).astype(np.float32) / np.float32(255)


def opened(case: Case, segmenter: Bright | None = None) -> OpenVolume:
    """The volume, open for one axis."""
    return OpenVolume.of(case, segmenter or Bright(), shown, PropagationRecipe())
