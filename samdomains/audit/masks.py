"""Checks of the masks of one image: size, classes, specks, and masks that cover everything."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import ndimage

from samdomains.audit.findings import Finding, PixelBox, about_mask
from samdomains.audit.mending import specks_of
from samdomains.data.naming import name_some
from samdomains.types import Case, Mask, ObjectMask, Size


def numbered(objects: Sequence[ObjectMask]) -> list[tuple[int, ObjectMask]]:
    """The objects to learn from with their indices; crowd regions are none."""
    return [(index, item) for index, item in enumerate(objects) if not item.crowd]


def pixel_box(item: ObjectMask) -> PixelBox:
    """The box of an object in whole pixels."""
    (y, x), (height, width) = item.origin, item.crop.shape
    return x, y, x + width, y + height


def check_mask_size(case: Case, objects: Sequence[ObjectMask], size: Size) -> Iterator[Finding]:
    """An error where the mask is not of the image's size.

    Args:
        case: An image, slice or tile.
        objects: As ``case.read_objects`` gave them.
        size: (H, W) of the image.
    """
    sizes = sorted({item.image_size for item in objects} - {size})
    if sizes:
        got = ", ".join(f"{width} x {height}" for height, width in sizes)
        yield about_mask(
            case,
            "error",
            f"the mask is {got} pixels wide and high, the image {size[1]} x {size[0]}",
            "Export the mask at the image's size; it is not resized, since that moves borders.",
            check="mask_size",
            badness=0.9,
        )


def check_classes(case: Case, objects: Sequence[ObjectMask]) -> Iterator[Finding]:
    """An error where an object has a class that the data set does not name."""
    unknown = [
        (index, item) for index, item in numbered(objects) if item.class_id not in case.classes
    ]
    if unknown:
        values = sorted({item.class_id for _, item in unknown})
        index, first = unknown[0]
        yield about_mask(
            case,
            "error",
            f"class {name_some([str(value) for value in values])} is not among the classes "
            f"{name_some([str(value) for value in sorted(case.classes)])}",
            "Name it in labels.json or in the categories, or correct the mask.",
            check="unknown_class",
            badness=0.8,
            object_index=index,
            box=pixel_box(first),
        )


def check_specks(case: Case, objects: Sequence[ObjectMask], minimum_area: int) -> Iterator[Finding]:
    """A warning where objects, or detached parts of objects, are too small to learn from.

    Args:
        case: An image, slice or tile.
        objects: As ``case.read_objects`` gave them.
        minimum_area: Objects with fewer pixels are left out of training and scoring.
    """
    items = numbered(objects)
    small = [(index, item) for index, item in items if item.area < minimum_area]
    parts = [
        (index, ObjectMask.from_mask(specks))
        for index, item in items
        if item.area >= minimum_area and (specks := _first_speck(item, minimum_area)).any()
    ]
    if not (small or parts):
        return
    found = []
    if small:
        found.append(f"{len(small)} of {len(items)} objects have fewer than {minimum_area} pixels")
    if parts:
        found.append(
            f"{len(parts)} of {len(items)} objects have specks of fewer than {minimum_area} pixels "
            "apart from the rest"
        )
    index, speck = min(small or parts, key=lambda pair: pair[1].area)
    yield about_mask(
        case,
        "warning",
        ", and ".join(found),
        "Small objects are left out, specks of larger ones are learnt; remove them from the mask "
        "or lower data.minimum_area.",
        check="specks",
        badness=0.3 + 0.3 * (len(small) + len(parts)) / len(items),
        object_index=index,
        box=pixel_box(speck) if small else _within(objects[index], speck),
        fix="remove_specks",
    )


def _first_speck(item: ObjectMask, minimum_area: int) -> Mask:
    """(h, w) in the object's crop: one of its specks; empty where it has none."""
    labels, _ = ndimage.label(specks_of(item, minimum_area), structure=np.ones((3, 3), dtype=bool))
    first: Mask = labels == 1
    return first


def _within(item: ObjectMask, part: ObjectMask) -> PixelBox:
    """The box in the image of a part of an object's crop."""
    x0, y0, x1, y1 = pixel_box(part)
    y, x = item.origin
    return x + x0, y + y0, x + x1, y + y1


def check_full_masks(case: Case, objects: Sequence[ObjectMask]) -> Iterator[Finding]:
    """A warning where an object covers the whole image."""
    full = [index for index, item in numbered(objects) if item.area == math.prod(item.image_size)]
    if full:
        yield about_mask(
            case,
            "warning",
            "an object covers the whole image",
            "Check that foreground and background are not swapped.",
            check="full_mask",
            badness=0.8,
            object_index=full[0],
        )
