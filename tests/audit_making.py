"""Small pictures of bright disks with their masks, for the tests of the audit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from samdomains.types import Case, Mask, ObjectMask, RawImage, Size, Split

SIZE: Size = (96, 112)


@dataclass(frozen=True)
class Picture:
    """An image and its objects."""

    pixels: RawImage
    objects: tuple[ObjectMask, ...]

    def moved(self, down: int, right: int) -> Picture:
        """The same image with all masks moved."""
        full = [np.roll(item.mask(), (down, right), (0, 1)) for item in self.objects]
        return replace(self, objects=tuple(ObjectMask.from_mask(mask) for mask in full))

    def without(self, place: int) -> Picture:
        """The same image with one label less."""
        return replace(
            self, objects=tuple(item for i, item in enumerate(self.objects) if i != place)
        )

    def as_case(self, name: str, split: Split | None = None) -> Case:
        """A case that gives the picture."""
        return Case(
            id=name,
            group=name,
            read_pixels=lambda: self.pixels,
            read_objects=lambda: self.objects,
            classes={1: "cell"},
            split=split,
        )


def disk(y: float, x: float, radius: float, size: Size = SIZE) -> Mask:
    rows, columns = np.mgrid[: size[0], : size[1]]
    mask: Mask = np.hypot(rows - y, columns - x) <= radius
    return mask


def picture(seed: int, size: Size = SIZE) -> Picture:
    """Four bright disks of different size, one in each quarter, on a dark ground with noise."""
    rng = np.random.default_rng(seed)
    masks = [
        disk(
            size[0] * (0.27 + 0.46 * down) + rng.uniform(-4, 4),
            size[1] * (0.27 + 0.46 * right) + rng.uniform(-6, 6),
            rng.uniform(8, 13),
            size,
        )
        for down in (0, 1)
        for right in (0, 1)
    ]
    bright = ndimage.gaussian_filter(np.any(masks, axis=0).astype(float), 0.8)
    values = 40 + 140 * bright + rng.normal(0, 6, size)
    pixels = np.clip(values, 0, 255).astype(np.uint8)[None]
    return Picture(pixels, tuple(ObjectMask.from_mask(mask) for mask in masks))


def noise(seed: int, size: Size = SIZE) -> RawImage:
    """An image that shows nothing but clouds of its own."""
    rng = np.random.default_rng(seed)
    clouds = ndimage.gaussian_filter(rng.normal(0, 1, size), 3)
    pixels: RawImage = (128 + 300 * clouds).clip(0, 255).astype(np.uint8)[None]
    return pixels


def pictures(count: int) -> list[Picture]:
    return [picture(seed) for seed in range(count)]
