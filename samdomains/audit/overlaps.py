"""Objects that cover each other in part, in layouts that can hold that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from samdomains.audit.findings import Finding, PixelBox, about_all, about_mask
from samdomains.audit.masks import numbered
from samdomains.audit.shapes import LEAST_AREA, SAME_OBJECT
from samdomains.data.duplicates import intersection
from samdomains.data.naming import name_some
from samdomains.types import Case, ObjectMask

LEAST_COMMON = 0.1
"""Share of the smaller object from which two overlap: borders that are drawn a pixel too far cover
less of all but small objects."""

LEAST_PIXELS = 16
"""Pixels in common below which nothing is said."""

NESTED = 0.95
"""Share of the smaller object from which it lies in the other. Of two classes that is meant:
the nucleus of a cell, the window of a house."""

USUAL = 0.5
"""Share of images from which overlaps are told once, of the set."""

LEAST_USUAL = 5
"""The same in images."""


@dataclass(frozen=True, slots=True)
class _Overlap:
    """Two objects of one image that overlap.

    Attributes:
        index: Of the later of both objects.
        box: Of what they have in common.
        same_class: Whether they are of one class.
        share: Of the smaller one that the other covers.
    """

    index: int
    box: PixelBox
    same_class: bool
    share: float


@dataclass(slots=True)
class Overlaps:
    """Which objects overlap.

    Attributes:
        images: Number of images that were looked at.
        found: The images with overlapping objects.
    """

    images: int = 0
    found: list[tuple[Case, list[_Overlap]]] = field(default_factory=list)

    def look_at(self, case: Case, objects: Sequence[ObjectMask]) -> None:
        """Take in the objects of an image, slice or tile.

        Args:
            case: The image.
            objects: Of the image, all of one size.
        """
        self.images += 1
        overlaps = list(_overlaps(objects))
        if overlaps:
            self.found.append((case, overlaps))

    def findings(self) -> Iterator[Finding]:
        """One for each image, or one for the set where most images have overlaps."""
        if len(self.found) >= max(LEAST_USUAL, USUAL * self.images):
            names = name_some([case.id for case, _ in self.found])
            yield about_all(
                "warning",
                f"objects overlap in {len(self.found)} of {self.images} images: {names}",
                "Nothing to do if objects lie over each other in the images; otherwise check how "
                "masks were exported. Formats with one value a pixel cannot hold overlaps.",
                check="overlap",
                badness=0.3,
            )
            return
        for case, overlaps in self.found:
            worst = max(overlaps, key=lambda overlap: overlap.share)
            of_one = sum(overlap.same_class for overlap in overlaps)
            classes = "one class" if of_one == len(overlaps) else "different classes"
            if 0 < of_one < len(overlaps):
                classes = "one class and of different ones"
            pairs = "pair" if len(overlaps) == 1 else "pairs"
            yield about_mask(
                case,
                "warning",
                f"{len(overlaps)} {pairs} of objects of {classes} overlap, the worst by "
                f"{worst.share:.0%} of the smaller one",
                "Correct the border between them, unless one lies over the other in the image.",
                check="overlap",
                badness=0.3 + 0.3 * worst.share,
                object_index=worst.index,
                box=worst.box,
            )


def _overlaps(objects: Sequence[ObjectMask]) -> Iterator[_Overlap]:
    """The pairs that overlap, but no object twice: ``check_objects_twice`` finds those."""
    items = [pair for pair in numbered(objects) if pair[1].area >= LEAST_AREA]
    boxes = np.array([item.box for _, item in items], dtype=np.int64).reshape(-1, 4)
    for place, (_, item) in enumerate(items):
        for other in np.flatnonzero(_touching(boxes[place], boxes[place + 1 :])):
            index, rival = items[place + 1 + int(other)]
            common = intersection(item, rival)
            share = common / min(item.area, rival.area)
            same_class = item.class_id == rival.class_id
            twice = same_class and common / (item.area + rival.area - common) >= SAME_OBJECT
            nested = share >= NESTED and not same_class
            if common >= LEAST_PIXELS and share >= LEAST_COMMON and not (twice or nested):
                box = _common_box(boxes[place], boxes[place + 1 + int(other)])
                yield _Overlap(index, box, same_class, share)


def _touching(box: NDArray[np.int64], boxes: NDArray[np.int64]) -> NDArray[np.bool_]:
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    touching: NDArray[np.bool_] = np.all(high > low, axis=1)
    return touching


def _common_box(a: NDArray[np.int64], b: NDArray[np.int64]) -> PixelBox:
    x0, y0 = (int(value) for value in np.maximum(a[:2], b[:2]))
    x1, y1 = (int(value) for value in np.minimum(a[2:], b[2:]))
    return x0, y0, x1, y1
