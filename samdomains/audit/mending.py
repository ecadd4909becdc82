"""What a safe fix makes of the objects of an image; nothing is written here.

A fix is safe where only one answer is possible: a few pixels with nothing but background around
them are no object that anybody could learn from, and a few background pixels inside an object are
no opening that anybody drew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from samdomains.audit.findings import SafeFix
from samdomains.types import Mask, ObjectMask

PIN_HOLE = 4
"""Largest area in pixels of a hole that nobody draws on purpose."""

_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True, slots=True, eq=False)
class Mended:
    """An object after its fixes.

    Attributes:
        before: As it was.
        after: As it is now; None where nothing is left of it.
        specks: Number of specks that were removed.
        holes: Number of holes that were filled.
    """

    before: ObjectMask
    after: ObjectMask | None
    specks: int = 0
    holes: int = 0


def mended(
    objects: Sequence[ObjectMask], fixes: Collection[SafeFix], minimum_area: int
) -> tuple[Mended, ...]:
    """Apply fixes to the objects of one image.

    Specks and holes that touch another object are left: they may belong to it. Crowd regions are
    left as they are.

    Args:
        objects: As ``Case.read_objects`` gave them.
        fixes: ``remove_specks`` takes away objects, and detached parts of objects, of fewer than
            ``minimum_area`` pixels; ``fill_holes`` fills holes of at most ``PIN_HOLE`` pixels.
        minimum_area: In pixels.

    Returns:
        One for each object, in their order.

    Example:
        >>> speck = ObjectMask(np.ones((1, 1), dtype=bool), (2, 2), (8, 8))
        >>> mended([speck], {"remove_specks"}, minimum_area=4)[0].after is None
        True
    """
    return tuple(
        Mended(item, item)
        if item.crowd
        else _mended(item, _others(objects, index), fixes, minimum_area)
        for index, item in enumerate(objects)
    )


def specks_of(item: ObjectMask, minimum_area: int) -> Mask:
    """(h, w) in the object's crop: parts of fewer pixels, detached from the others or alone.

    Parts touch at their corners too (8 neighbours). An object of nothing but small parts that has
    more pixels together has no specks: nobody knows which part is meant.
    """
    if item.area < minimum_area:
        return item.crop
    labels, count = ndimage.label(item.crop, structure=_EIGHT_NEIGHBOURS)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    small = areas < minimum_area
    small[0] = False
    specks: Mask = small[labels]
    return specks if small.sum() < count else np.zeros_like(item.crop)


def pin_holes_of(item: ObjectMask) -> Mask:
    """(h, w) in the object's crop: small holes, that no path of 4 neighbours leaves."""
    padded = np.pad(~item.crop, 1, constant_values=True)
    labels, count = ndimage.label(padded)
    if count == 1:  # the background around the object
        return np.zeros_like(item.crop)
    small = np.bincount(labels.ravel(), minlength=count + 1) <= PIN_HOLE
    small[0] = small[labels[0, 0]] = False
    holes: Mask = small[labels][1:-1, 1:-1]
    return holes


def _mended(
    item: ObjectMask, others: Mask, fixes: Collection[SafeFix], minimum_area: int
) -> Mended:
    """Mend one object; ``others`` (h + 2, w + 2) is what other objects cover in and around it."""
    crop, specks, holes = item.crop.copy(), 0, 0
    if "remove_specks" in fixes:
        for speck in _parts(specks_of(item, minimum_area), _EIGHT_NEIGHBOURS):
            if not (_grown(speck) & others).any():
                crop[speck] = False
                specks += 1
    if "fill_holes" in fixes:
        for hole in _parts(pin_holes_of(item), None):
            if not (np.pad(hole, 1) & others).any():
                crop[hole] = True
                holes += 1
    if not crop.any():
        return Mended(item, None, specks, holes)
    return Mended(item, _cropped(item, crop), specks, holes)


def _parts(mask: Mask, neighbours: Mask | None) -> Iterator[Mask]:
    """The connected parts of a mask; None means 4 neighbours."""
    labels, count = ndimage.label(mask, structure=neighbours)
    for label in range(1, count + 1):
        yield labels == label


def _grown(mask: Mask) -> Mask:
    """(h + 2, w + 2): a mask and its eight neighbours."""
    grown: Mask = ndimage.binary_dilation(np.pad(mask, 1), structure=_EIGHT_NEIGHBOURS)
    return grown


def _others(objects: Sequence[ObjectMask], index: int) -> Mask:
    """(h + 2, w + 2): what the other objects cover of an object's crop and of one pixel around."""
    (y, x), (height, width) = objects[index].origin, objects[index].crop.shape
    covered = np.zeros((height + 2, width + 2), dtype=bool)
    for number, other in enumerate(objects):
        top, left = other.origin[0] - y + 1, other.origin[1] - x + 1
        rows = slice(max(top, 0), max(min(top + other.crop.shape[0], height + 2), 0))
        columns = slice(max(left, 0), max(min(left + other.crop.shape[1], width + 2), 0))
        if number != index and rows.start < rows.stop and columns.start < columns.stop:
            covered[rows, columns] |= other.crop[
                rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
            ]
    return covered


def _cropped(item: ObjectMask, crop: Mask) -> ObjectMask:
    """An object with another mask in the place of its own."""
    made = ObjectMask.from_mask(crop)
    origin = (item.origin[0] + made.origin[0], item.origin[1] + made.origin[1])
    return replace(item, crop=made.crop, origin=origin)
