"""Objects that the border of the image cuts, where that is not usual."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from samdomains.audit.findings import Finding, Unjudged, about_image
from samdomains.audit.masks import numbered, pixel_box
from samdomains.types import Case, ObjectMask

LEAST_IMAGES = 6
"""With fewer images nobody can say what is usual in the set."""

MOST_CUT = 0.3
"""Share of images with a cut object up to which it is not usual. On the shared data sets it is at
most 0.05 where each image shows its objects whole, and at least 0.5 where images are parts of a
larger scene: cells, buildings, surfaces."""

LEAST_CONTACT = 0.3
"""Pixels along the image's border, as a share of the root of the object's area: an object that is
only touched is whole."""

LEAST_AREA = 36
"""Pixels; of smaller objects nothing is said."""


@dataclass(slots=True)
class CutObjects:
    """Which objects reach the border of their image.

    Attributes:
        images: Number of images with an object that could be cut.
        cut: The images with cut objects, and these.
    """

    images: int = 0
    cut: list[tuple[Case, list[ObjectMask]]] = field(default_factory=list)

    def look_at(self, case: Case, objects: Sequence[ObjectMask]) -> None:
        """Take in the objects of an image or slice; of a tile all borders cut.

        Args:
            case: The image.
            objects: Of the image.
        """
        if case.tile_of is not None:
            return
        items = [item for _, item in numbered(objects) if item.area >= LEAST_AREA]
        self.images += bool(items)
        found = [item for item in items if is_cut(item)]
        if found:
            self.cut.append((case, found))

    def findings(self) -> Iterator[Finding]:
        """The images with cut objects, where that is not usual."""
        if self._reason():
            return
        for case, items in self.cut:
            what = "an object is" if len(items) == 1 else f"{len(items)} objects are"
            yield about_image(
                case,
                "warning",
                f"{what} cut by the border of the image, as in {len(self.cut)} of {self.images} "
                "images",
                "Nothing to do if such images come up in use, too; otherwise leave it out.",
                check="cut_by_border",
                badness=0.3,
                box=pixel_box(items[0]),
            )

    def unjudged(self) -> Iterator[Unjudged]:
        """Why nothing is said, where it is so."""
        reason = self._reason()
        if reason:
            yield Unjudged("cut_by_border", reason)

    def _reason(self) -> str:
        if self.images < LEAST_IMAGES:
            return f"{self.images} images have an object, and {LEAST_IMAGES} are needed"
        if len(self.cut) > MOST_CUT * self.images:
            return (
                f"{len(self.cut)} of {self.images} images have an object that their border cuts, "
                "so it is usual here"
            )
        return ""


def is_cut(item: ObjectMask) -> bool:
    """Whether an object goes on beyond the border of its image, as far as that can be seen.

    Example:
        >>> mask = np.zeros((20, 20), dtype=bool)
        >>> mask[5:15, 12:] = True
        >>> is_cut(ObjectMask.from_mask(mask))
        True
    """
    (y, x), (height, width) = item.origin, item.crop.shape
    whole_height, whole_width = item.image_size
    contact = sum(
        int(np.count_nonzero(line))
        for line, touches in (
            (item.crop[0], y == 0),
            (item.crop[-1], y + height == whole_height),
            (item.crop[:, 0], x == 0),
            (item.crop[:, -1], x + width == whole_width),
        )
        if touches
    )
    return contact >= LEAST_CONTACT * math.sqrt(item.area)
