"""The faults that `audit.py` plants in images and masks, and the checks that should find each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from scipy import ndimage

from samdomains.types import Case, Mask, ObjectMask, RawImage, Split

SHIFT = 3
COARSER = 4
DARKER = 8
SPECKS = 3
HOLES = 3
LARGE_ENOUGH = 64
"""Pixels of the smallest object that is dropped, and that a mask needs to be shifted or swapped."""

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
            self.case, read_pixels=pixels.copy, read_objects=lambda: objects, slices=None
        )

    @property
    def area(self) -> int:
        """Pixels of the largest object."""
        return max((item.area for item in self.objects), default=0)


@dataclass(frozen=True, slots=True)
class Planted:
    """A set with faults.

    Attributes:
        images: In their order; copies last.
        spoilt: Ids of the images in which a fault was planted, those of one fault together.
    """

    images: list[Read]
    spoilt: Sequence[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault.

    Attributes:
        plant: Spoils the images of some indices.
        fits: Whether it can be planted in an image.
        checks: Those that should find it.
    """

    plant: Callable[[Sequence[Read], Sequence[int], np.random.Generator], Planted]
    fits: Callable[[Read], bool]
    checks: frozenset[str]


def in_masks(
    spoil: Callable[[Read, np.random.Generator], Objects],
) -> Callable[[Sequence[Read], Sequence[int], np.random.Generator], Planted]:
    """Plants a fault in the objects of each image by itself."""

    def plant(images: Sequence[Read], indices: Sequence[int], rng: np.random.Generator) -> Planted:
        spoilt = list(images)
        for index in indices:
            spoilt[index] = replace(images[index], objects=spoil(images[index], rng))
        return Planted(spoilt, [(images[index].case.id,) for index in indices])

    return plant


def shifted(image: Read, rng: np.random.Generator) -> Objects:
    """All masks of the image, moved by 3 pixels in one of eight directions."""
    dy, dx = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x][rng.integers(8)]
    return remade(image, lambda mask: moved(mask, SHIFT * dy, SHIFT * dx))


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


def swapped(images: Sequence[Read], indices: Sequence[int], rng: np.random.Generator) -> Planted:
    """Each image gets the masks of another of its size, which gets its masks."""
    spoilt, pairs, used = list(images), [], set(indices)
    for index in indices:
        partners = [
            other
            for other, image in enumerate(images)
            if other not in used
            and image.area >= LARGE_ENOUGH
            and image.pixels.shape[1:] == images[index].pixels.shape[1:]
        ]
        if not partners:
            continue
        other = int(rng.choice(partners))
        used.add(other)
        spoilt[index] = replace(images[index], objects=images[other].objects)
        spoilt[other] = replace(images[other], objects=images[index].objects)
        pairs.append((images[index].case.id, images[other].case.id))
    return Planted(spoilt, pairs)


def copied(
    change: Callable[[RawImage, np.random.Generator], RawImage],
) -> Callable[[Sequence[Read], Sequence[int], np.random.Generator], Planted]:
    """Plants copies of images, with other names, in another split."""

    def plant(images: Sequence[Read], indices: Sequence[int], rng: np.random.Generator) -> Planted:
        spoilt, pairs = list(images), []
        for index in indices:
            original = images[index]
            name = f"{original.case.id}_copy"
            split: Split = "train" if original.case.split == "test" else "test"
            case = replace(
                original.case, id=name, group=name, split=split, slice_of=None, tile_of=None
            )
            spoilt.append(replace(original, case=case, pixels=change(original.pixels, rng)))
            pairs.append((name,))
        return Planted(spoilt, pairs)

    return plant


def resaved(pixels: RawImage, rng: np.random.Generator) -> RawImage:
    """A little brighter, with the noise of a lossy format."""
    values = pixels.astype(np.float64)
    changed = 1.03 * values + rng.normal(0, 0.02 * values.std(), values.shape)
    return as_stored(changed, pixels)


def outlying(images: Sequence[Read], indices: Sequence[int], rng: np.random.Generator) -> Planted:  # noqa: ARG001 (as the others)
    """Images on another scale of intensity than the others, 8 times darker."""
    spoilt = list(images)
    for index in indices:
        pixels = images[index].pixels
        spoilt[index] = replace(images[index], pixels=as_stored(pixels / DARKER, pixels))
    return Planted(spoilt, [(images[index].case.id,) for index in indices])


def as_stored(values: RawImage, pixels: RawImage) -> RawImage:
    """Values in the dtype of other pixels."""
    if pixels.dtype.kind == "f":
        return values.astype(pixels.dtype)
    limits = np.iinfo(pixels.dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(pixels.dtype)


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


def always(image: Read) -> bool:
    """Whether it shows anything: of blank images copies are none."""
    return bool(image.pixels.std() > 0)


FAULTS: Mapping[str, Fault] = {
    "shifted by 3 px": Fault(in_masks(shifted), has_mask, frozenset({"shifted_mask"})),
    "masks swapped": Fault(
        swapped, has_mask, frozenset({"shifted_mask", "swapped_masks", "border_off_edges"})
    ),
    "object dropped": Fault(in_masks(without_one), has_several, frozenset({"missing_object"})),
    "equal image in another split": Fault(
        copied(lambda pixels, rng: pixels.copy()),  # noqa: ARG005 (as the others)
        always,
        frozenset({"duplicate_across_splits"}),
    ),
    "similar image in another split": Fault(
        copied(resaved), always, frozenset({"duplicate_across_splits", "near_duplicate"})
    ),
    "quarter resolution": Fault(in_masks(blocky), has_mask, frozenset({"blocky_border"})),
    "specks of 1 px": Fault(in_masks(with_specks), has_mask, frozenset({"specks"})),
    "stray pixels": Fault(in_masks(with_stray_pixels), has_mask, frozenset({"specks"})),
    "holes of 1 px": Fault(in_masks(with_holes), has_inside, frozenset({"holes"})),
    "8 times darker": Fault(outlying, always, frozenset({"intensity_outlier"})),
}
