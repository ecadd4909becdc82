"""What the U-Net learns from: a survey of the training images, and random patches of them."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional

from samdomains.benchmark.unet_network import (
    MULTIPLE,
    SMALLEST_SIDE,
    UNetDesign,
    padded,
    resized,
)
from samdomains.data.augmentation import Augmentation, draw_augmentation
from samdomains.data.naming import image_file
from samdomains.data.parts import normalized_image
from samdomains.errors import DataError
from samdomains.protocols import Normalizer
from samdomains.recipe import AugmentationRecipe
from samdomains.types import Case, Image, Mask, ObjectMask, Size

SURVEYED = 64
"""Training images that decide the design."""

LARGEST_SIDE = 256
"""Of the windows that the network sees, in pixels of its input."""

THICKEST = 48
"""Diameter in pixels of the input of the circle that fits in the median object, at most: images
are reduced until a window shows such an object with what is around it, or all of the image."""

TOUCHING_SHARE = 0.05
"""Share of the objects that must touch another of their class for the borders to be learnt."""

BORDER = 5
"""Side in pixels of the squares in which two objects of a class make a border's pixel."""

CACHE_BYTES = 2**30
"""Memory for images and targets in the size of the input, for training and for validation each;
beyond it they are read again."""

CENTRED = 0.5
"""Share of the patches that are centred on a pixel in an object's box."""


def annotated(case: Case) -> tuple[ObjectMask, ...]:
    """The objects of a case.

    Raises:
        DataError: It has no annotation.
    """
    if case.read_objects is None:
        problem = "no annotation to learn from"
        raise DataError(image_file(case), problem, "Add a mask or leave it out.")
    return case.read_objects()


def survey(
    cases: Sequence[Case], *, minimum_area: int, width: int, fine: bool, seed: int
) -> UNetDesign:
    """Look at the objects of some training images and decide how a U-Net suits them.

    Args:
        cases: The training images, with annotation.
        minimum_area: Objects with fewer pixels are not looked at.
        width: Of the design.
        fine: Of the design.
        seed: Chooses the images, where there are more than ``SURVEYED``.

    Raises:
        DataError: None of them has an object, or one has no annotation or cannot be read.
    """
    chosen = np.random.default_rng(seed).permutation(len(cases))[:SURVEYED]
    images = [
        [o for o in annotated(cases[i]) if not o.crowd and o.area >= minimum_area]
        for i in sorted(chosen)
    ]
    objects = [item for image in images for item in image]
    if not objects:
        where = image_file(cases[0]).parent if cases else "."
        problem = f"none of {len(images)} training images has an object"
        raise DataError(where, problem, "Label objects, or lower data.minimum_area.")
    thickness = float(np.median([_thickness(item.crop) for item in objects]))
    longest = max(max(item.image_size) for item in objects)
    scale = min(1.0, max(THICKEST / thickness, LARGEST_SIDE / longest))
    touching = sum(_touching(image) for image in images)
    return UNetDesign(
        classes=tuple(sorted({class_id for case in cases for class_id in case.classes})),
        whole=all(max(_per_class(image), default=0) <= 1 for image in images),
        split=touching > TOUCHING_SHARE * len(objects),
        scale=scale,
        side=min(
            LARGEST_SIDE, max(SMALLEST_SIDE, math.ceil(scale * longest / MULTIPLE) * MULTIPLE)
        ),
        smallest=max(minimum_area, int(np.quantile([o.area for o in objects], 0.01)) // 2),
        width=width,
        fine=fine,
    )


def _per_class(objects: Sequence[ObjectMask]) -> list[int]:
    return list(Counter(item.class_id for item in objects).values())


def _thickness(crop: Mask) -> float:
    """Diameter of the largest circle in an object."""
    return 2.0 * float(ndimage.distance_transform_edt(np.pad(crop, 1)).max())


def _touching(objects: Sequence[ObjectMask]) -> int:
    """How many objects of an image touch another of their class."""
    count = 0
    for class_id in {item.class_id for item in objects}:
        labels = label_map([item for item in objects if item.class_id == class_id])
        where = meeting(labels, 3)
        count += len(np.unique(labels[where & (labels > 0)]))
    return count


def label_map(objects: Sequence[ObjectMask]) -> NDArray[np.int32]:
    """(H, W): numbers of one image's objects from 1, 0 where there is none; at least one object."""
    labels = np.zeros(objects[0].image_size, dtype=np.int32)
    for number, item in enumerate(objects, start=1):
        y, x = item.origin
        height, width = item.crop.shape
        labels[y : y + height, x : x + width][item.crop] = number
    return labels


def meeting(labels: NDArray[np.int32], side: int) -> Mask:
    """(H, W): pixels around which a square of ``side`` pixels holds two objects."""
    highest = ndimage.maximum_filter(labels, side)
    beyond = np.iinfo(np.int32).max
    lowest = ndimage.minimum_filter(np.where(labels > 0, labels, beyond), side)
    return np.asarray((highest > 0) & (lowest < highest))


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """One image and what is to be found in it, in the size of the network's input.

    Attributes:
        image: (3, h, w) float16 in [0, 1].
        target: (K, h, w), true where a channel should be.
        valid: (1, h, w), false in crowds, from which nothing is learnt.
        boxes: For each class that the image has, (N, 4) as x0, y0, x1, y1 of its objects.
    """

    image: NDArray[np.float16]
    target: Mask
    valid: Mask
    boxes: tuple[NDArray[np.float64], ...]

    @property
    def nbytes(self) -> int:
        """Bytes of the pixels."""
        return self.image.nbytes + self.target.nbytes + self.valid.nbytes


def lesson_of(case: Case, normalizer: Normalizer, design: UNetDesign) -> Lesson:
    """Read an image, slice or tile with its objects.

    Raises:
        SamDomainsError: It has no annotation, or cannot be read or normalised.
    """
    image = normalized_image(case, normalizer)
    size = (image.shape[1], image.shape[2])
    small = design.input_size(size)
    objects = annotated(case)
    target = np.zeros((design.channels, *small), dtype=bool)
    boxes = list[NDArray[np.float64]]()
    for channel, class_id in enumerate(design.classes):
        own = [item for item in objects if item.class_id == class_id and not item.crowd]
        if own:
            labels = _nearest(label_map(own), small)
            target[channel] = labels > 0
            if design.split:
                target[len(design.classes) + channel] = meeting(labels, BORDER)
            boxes.append(np.stack([item.box for item in own]) * np.float64(design.scale))
    crowds = [item for item in objects if item.crowd]
    valid = np.ones((1, *small), dtype=bool)
    if crowds:
        valid[0] = (_nearest(label_map(crowds), small) == 0) | target.any(axis=0)
    return Lesson(resized(image, small).astype(np.float16), target, valid, tuple(boxes))


def _nearest(labels: NDArray[np.int32], size: Size) -> NDArray[np.int32]:
    """A label map in another size."""
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for new, old in zip(size, labels.shape, strict=True)
    )
    return labels[np.ix_(rows, columns)]


@dataclass(slots=True)
class Lessons:
    """The lessons of some cases, each read when it is asked for and kept while memory lasts.

    Attributes:
        cases: Images, slices or tiles.
        normalizer: Of the domain.
        design: Of the network.
        kept: By number of the case, the one asked for longest ago first.
    """

    cases: Sequence[Case]
    normalizer: Normalizer
    design: UNetDesign
    kept: OrderedDict[int, Lesson] = field(default_factory=OrderedDict, init=False)
    _bytes: int = field(default=0, init=False)

    def __getitem__(self, number: int) -> Lesson:
        """One case's lesson.

        Raises:
            SamDomainsError: It cannot be read.
        """
        if number not in self.kept:
            made = lesson_of(self.cases[number], self.normalizer, self.design)
            self.kept[number] = made
            self._bytes += made.nbytes
            while len(self.kept) > 1 and self._bytes > CACHE_BYTES:
                self._bytes -= self.kept.popitem(last=False)[1].nbytes
        self.kept.move_to_end(number)
        return self.kept[number]


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A window of a lesson, changed at random.

    Attributes:
        image: (3, side, side) in [0, 1].
        target: (K, side, side).
        valid: (1, side, side), false beyond the image as well.
    """

    image: Image
    target: Mask
    valid: Mask


def draw_patch(
    lesson: Lesson, side: int, recipe: AugmentationRecipe, rng: np.random.Generator
) -> Patch:
    """Draw a patch, and change it as the recipe changes images for SAM.

    Flips, quarter turns, brightness and contrast are the recipe's. Its ``crop`` is the smallest
    share of the side that every other patch shows, enlarged; the largest is the inverse, reduced.
    """
    zoom = 1.0
    if recipe.crop < 1.0 and rng.random() < 0.5:
        zoom = float(np.exp(rng.uniform(math.log(recipe.crop), -math.log(recipe.crop))))
    seen = max(1, round(side * zoom))
    rows, columns = _window(lesson, seen, rng)
    image = padded(lesson.image[:, rows, columns].astype(np.float32), seen)
    target = _filled(lesson.target[:, rows, columns], seen)
    valid = _filled(lesson.valid[:, rows, columns], seen)
    still = recipe.model_copy(update={"crop": 1.0})
    change: Augmentation = draw_augmentation((side, side), still, rng)
    return Patch(
        change.apply_image(resized(image, (side, side))),
        change.apply_mask(_nearest_masks(target, side)),
        change.apply_mask(_nearest_masks(valid, side)),
    )


def _window(lesson: Lesson, seen: int, rng: np.random.Generator) -> tuple[slice, slice]:
    """Rows and columns of a window inside an image, or the whole length where it is shorter."""
    height, width = lesson.image.shape[1:]
    y, x = rng.uniform(0, height), rng.uniform(0, width)
    if lesson.boxes and rng.random() < CENTRED:
        boxes = lesson.boxes[rng.integers(len(lesson.boxes))]  # rare classes as often as others
        x0, y0, x1, y1 = boxes[rng.integers(len(boxes))]
        y, x = rng.uniform(y0, y1), rng.uniform(x0, x1)
    top, left = (
        int(np.clip(round(middle - seen / 2), 0, max(0, length - seen)))
        for middle, length in ((y, height), (x, width))
    )
    return slice(top, top + seen), slice(left, left + seen)


def _filled(masks: Mask, side: int) -> Mask:
    """(K, side, side): masks with nothing beyond them."""
    result = np.zeros((len(masks), side, side), dtype=bool)
    result[:, : masks.shape[1], : masks.shape[2]] = masks
    return result


def _nearest_masks(masks: Mask, side: int) -> Mask:
    if masks.shape[1:] == (side, side):
        return masks
    full = torch.from_numpy(masks.view(np.uint8))[None]
    small = functional.interpolate(full, (side, side), mode="nearest-exact")
    return small[0].numpy().view(bool)
