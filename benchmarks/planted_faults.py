"""The faults that `audit.py` plants in images and masks, and the checks that should find each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from planted_masks import (
    LARGE_ENOUGH,
    SHIFT,
    Objects,
    Read,
    blocky,
    frayed,
    grown_over,
    has_border,
    has_inside,
    has_mask,
    has_near_pair,
    has_several,
    like,
    remade,
    shifted,
    shifted_alike,
    with_holes,
    with_specks,
    with_stray_pixels,
    without_one,
)
from scipy import ndimage

from samdomains.types import RawImage, Split

COPY = "_copy"
DARKER = 8


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
    """Half of the images get the masks of another of their size, which gets theirs."""
    spoilt, pairs, used = list(images), [], set(indices)
    for index in indices[: -(-len(indices) // 2)]:
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
