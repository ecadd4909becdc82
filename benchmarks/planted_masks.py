"""Faults in the masks of one image, and the images in which each can be planted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from scipy import ndimage

from samdomains.types import Case, Mask, ObjectMask, RawImage

SHIFT = 3
COARSER = 4
SPECKS = 3
HOLES = 3
GROWTH = 12
LARGE_ENOUGH = 64
"""Pixels of the smallest object that is dropped, and that a mask needs to be shifted or swapped."""

LARGE_FOR_SHAPE = 300
"""Pixels of the largest object that a mask needs for a border whose shape can be told."""

Objects: TypeAlias = tuple[ObjectMask, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """An image that was read, and may be spoilt.

    Attributes:
        case: As the domain lists it.
        pixels: (C, H, W).
        objects: Of the image.
    """

    case: Case
    pixels: RawImage
    objects: Objects

    def as_case(self) -> Case:
        """A case that gives what was read."""
        pixels, objects = self.pixels, self.objects
        return replace(
            self.case, read_pixels=lambda: pixels, read_objects=lambda: objects, slices=None
        )

    @property
    def area(self) -> int:
        """Pixels of the largest object."""
        return max((item.area for item in self.objects), default=0)


def shifted(image: Read, rng: np.random.Generator) -> Objects:
    """All masks of the image, moved by 3 pixels in one of eight directions."""
    dy, dx = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x][rng.integers(8)]
    return remade(image, lambda mask: moved(mask, SHIFT * dy, SHIFT * dx))


def shifted_alike(image: Read, rng: np.random.Generator) -> Objects:  # noqa: ARG001 (as the others)
    """All masks of the image, moved by 3 pixels to the right and down."""
    return remade(image, lambda mask: moved(mask, SHIFT, SHIFT))


def moved(mask: Mask, dy: int, dx: int) -> Mask:
    height, width = mask.shape
    result = np.zeros_like(mask)
    result[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)] = mask[
        max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)
    ]
    return result


def blocky(image: Read, rng: np.random.Generator) -> Objects:  # noqa: ARG001 (as the others)
    """The masks as if drawn at a quarter of the resolution."""

    def coarse(mask: Mask) -> Mask:
        small = mask[COARSER // 2 :: COARSER, COARSER // 2 :: COARSER]
        large = np.repeat(np.repeat(small, COARSER, axis=0), COARSER, axis=1)
        padded = np.zeros_like(mask)
        height, width = (min(a, b) for a, b in zip(mask.shape, large.shape, strict=True))
        padded[:height, :width] = large[:height, :width]
        return padded

    return remade(image, coarse)


def with_specks(image: Read, rng: np.random.Generator) -> Objects:
    """Three objects of one pixel beside the others."""
    free = ~ndimage.binary_dilation(union(image), iterations=2)
    places = rng.permutation(np.argwhere(free))[:SPECKS]
    specks = []
    for y, x in places:
        mask = np.zeros_like(free)
        mask[y, x] = True
        specks.append(like(image.objects[0], mask))
    return (*image.objects, *specks)


def with_stray_pixels(image: Read, rng: np.random.Generator) -> Objects:
    """Three pixels that belong to the largest object and lie apart from all others."""
    index = int(np.argmax([item.area for item in image.objects]))
    free = ~ndimage.binary_dilation(union(image), iterations=2)
    mask = image.objects[index].mask()
    for y, x in rng.permutation(np.argwhere(free))[:SPECKS]:
        mask[y, x] = True
    return tuple(like(item, mask) if i == index else item for i, item in enumerate(image.objects))


def with_holes(image: Read, rng: np.random.Generator) -> Objects:
    """Three holes of one pixel in the largest object."""
    index = int(np.argmax([item.area for item in image.objects]))
    mask = image.objects[index].mask()
    inside = np.argwhere(ndimage.binary_erosion(mask, iterations=2))
    for y, x in rng.permutation(inside)[:HOLES]:
        mask[y, x] = False
    return tuple(like(item, mask) if i == index else item for i, item in enumerate(image.objects))


def has_inside(image: Read) -> bool:
    if image.area < LARGE_ENOUGH:
        return False
    largest = max(image.objects, key=lambda item: item.area).mask()
    return int(ndimage.binary_erosion(largest, iterations=2).sum()) >= HOLES


def without_one(image: Read, rng: np.random.Generator) -> Objects:
    """The objects but one that is not small."""
    large = [index for index, item in enumerate(image.objects) if item.area >= LARGE_ENOUGH]
    gone = rng.choice(large)
    return tuple(item for index, item in enumerate(image.objects) if index != gone)


def frayed(image: Read, rng: np.random.Generator) -> Objects:
    """Pixels within one of the border, on both sides, are of the object or not by chance."""

    def fray(mask: Mask) -> Mask:
        border = ndimage.binary_dilation(mask) & ~ndimage.binary_erosion(mask)
        return np.where(border, rng.random(mask.shape) < 0.5, mask)

    return remade(image, fray)


def has_border(image: Read) -> bool:
    return image.area >= LARGE_FOR_SHAPE


def grown_over(image: Read, rng: np.random.Generator) -> Objects:
    """An object that is widened until it covers a fifth of another of its class."""
    for index, other in rng.permutation(_near_pairs(image)):
        target, mask = image.objects[other].mask(), image.objects[index].mask()
        grown = mask
        for _ in range(GROWTH):
            grown = ndimage.binary_dilation(grown)
            common = (grown & target).sum()
            if common >= 16 and common >= 0.2 * min(grown.sum(), target.sum()):
                item = like(image.objects[index], grown)
                return tuple(item if i == index else one for i, one in enumerate(image.objects))
    raise ValueError(f"no object of {image.case.id} can be widened")


def has_near_pair(image: Read) -> bool:
    """Whether an object that is widened would cover enough of another."""
    return bool(_near_pairs(image))


def _near_pairs(image: Read) -> list[tuple[int, int]]:
    """Pairs of objects of one class, one of which can be widened over the other."""
    large = [index for index, item in enumerate(image.objects) if item.area >= LARGE_ENOUGH][:40]
    pairs = []
    for index in large:
        mask = image.objects[index].mask()
        reach = ndimage.binary_dilation(mask, iterations=GROWTH)
        for other in large:
            item = image.objects[other]
            if other == index or item.class_id != image.objects[index].class_id:
                continue
            target = item.mask()
            untouched = not (mask & target).any()
            if untouched and (reach & target).sum() >= 0.25 * min(reach.sum(), target.sum()):
                pairs.append((index, other))
        if len(pairs) >= 4:
            break
    return pairs


def remade(image: Read, change: Callable[[Mask], Mask]) -> Objects:
    """The objects with other masks; those of which nothing is left are left out."""
    changed = ((item, change(item.mask())) for item in image.objects)
    return tuple(like(item, mask) for item, mask in changed if mask.any())


def like(item: ObjectMask, mask: Mask) -> ObjectMask:
    """Another mask with what else is known of an object."""
    made = ObjectMask.from_mask(mask)
    return replace(item, crop=made.crop, origin=made.origin)


def union(image: Read) -> Mask:
    mask = np.zeros(image.objects[0].image_size, dtype=bool)
    for item in image.objects:
        mask |= item.mask()
    return mask


def has_mask(image: Read) -> bool:
    return image.area >= LARGE_ENOUGH


def has_several(image: Read) -> bool:
    return has_mask(image) and len(image.objects) > 1
