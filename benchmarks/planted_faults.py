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
GROWTH = 12
COPY = "_copy"
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
        judge: The check that says so where it cannot judge a set; empty where there is none.
        whole: Whether it is a fault of all images, and found where the set as a whole is named.
    """

    plant: Callable[[Sequence[Read], Sequence[int], np.random.Generator], Planted]
    fits: Callable[[Read], bool]
    checks: frozenset[str]
    judge: str = ""
    whole: bool = False


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


def cut_through(
    images: Sequence[Read], indices: Sequence[int], rng: np.random.Generator
) -> Planted:
    """Images whose border cuts through the middle of the largest object."""
    spoilt = list(images)
    for index in indices:
        image = images[index]
        largest = max(image.objects, key=lambda item: item.area)
        axis = int(rng.integers(2))
        middle = largest.origin[axis] + largest.crop.shape[axis] // 2
        keep = (slice(None), slice(middle, None)) if axis else (slice(middle, None),)
        objects = [like(item, part) for item in image.objects if (part := item.mask()[keep]).any()]
        pixels = np.ascontiguousarray(image.pixels[(slice(None), *keep)])
        spoilt[index] = replace(image, pixels=pixels, objects=tuple(objects))
    return Planted(spoilt, [(images[index].case.id,) for index in indices])


def annotated_again(
    images: Sequence[Read], indices: Sequence[int], rng: np.random.Generator
) -> Planted:
    """The same images under other names, by someone who draws 3 px wider."""
    planted = copied(lambda pixels, rng: pixels.copy(), split=False)(images, indices, rng)  # noqa: ARG005 (as the others)
    spoilt = list(planted.images)
    for place in range(len(images), len(spoilt)):
        wider = remade(spoilt[place], lambda mask: ndimage.binary_dilation(mask, iterations=SHIFT))
        spoilt[place] = replace(spoilt[place], objects=wider)
    return Planted(spoilt, planted.spoilt)


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
    *,
    split: bool = True,
) -> Callable[[Sequence[Read], Sequence[int], np.random.Generator], Planted]:
    """Plants copies of images, with other names, in another split or in the same."""

    def plant(images: Sequence[Read], indices: Sequence[int], rng: np.random.Generator) -> Planted:
        spoilt, pairs = list(images), []
        for index in indices:
            original = images[index]
            name = f"{original.case.id}{COPY}"
            other: Split = "train" if original.case.split == "test" else "test"
            where = other if split else original.case.split
            case = replace(
                original.case, id=name, group=name, split=where, slice_of=None, tile_of=None
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
    "shifted by 3 px": Fault(
        in_masks(shifted), has_mask, frozenset({"shifted_mask"}), "shifted_mask"
    ),
    "all masks shifted by 3 px": Fault(
        in_masks(shifted_alike), has_mask, frozenset({"shifted_masks"}), "shifted_mask", whole=True
    ),
    "masks swapped": Fault(
        swapped,
        has_mask,
        frozenset({"shifted_mask", "swapped_masks", "border_off_edges"}),
        "swapped_masks",
    ),
    "object dropped": Fault(
        in_masks(without_one), has_several, frozenset({"missing_object"}), "missing_object"
    ),
    "equal image in another split": Fault(
        copied(lambda pixels, rng: pixels.copy()),  # noqa: ARG005 (as the others)
        always,
        frozenset({"duplicate_across_splits"}),
    ),
    "similar image in another split": Fault(
        copied(resaved), always, frozenset({"duplicate_across_splits", "near_duplicate"})
    ),
    "second annotator, 3 px wider": Fault(
        annotated_again, has_mask, frozenset({"annotators_disagree"})
    ),
    "quarter resolution": Fault(in_masks(blocky), has_mask, frozenset({"blocky_border"})),
    "ragged border": Fault(
        in_masks(frayed), has_border, frozenset({"ragged_border"}), "ragged_border"
    ),
    "object cut by the border": Fault(
        cut_through, has_border, frozenset({"cut_by_border"}), "cut_by_border"
    ),
    "objects overlap": Fault(in_masks(grown_over), has_near_pair, frozenset({"overlap"})),
    "specks of 1 px": Fault(in_masks(with_specks), has_mask, frozenset({"specks"})),
    "stray pixels": Fault(in_masks(with_stray_pixels), has_mask, frozenset({"specks"})),
    "holes of 1 px": Fault(in_masks(with_holes), has_inside, frozenset({"holes"})),
    "8 times darker": Fault(
        outlying, always, frozenset({"intensity_outlier"}), "intensity_outlier"
    ),
}
