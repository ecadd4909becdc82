"""Objects that the border of the image cuts, where that is not usual."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from samdomains.audit.findings import Finding, Unjudged, about_image
from samdomains.audit.masks import numbered, pixel_box
from samdomains.types import Case, ObjectMask

LEAST_OBJECTS = 20
"""With fewer objects nobody can say what is usual in the set."""

MOST_CUT = 0.08
"""Share of cut objects up to which they are not usual. Where images show parts of a larger scene,
cells or buildings, many more are cut."""

LEAST_CONTACT = 0.3
"""Pixels along the image's border, as a share of the root of the object's area: an object that is
only touched is whole."""

LEAST_AREA = 36
"""Pixels; of smaller objects nothing is said."""


@dataclass(slots=True)
class CutObjects:
    """Which objects reach the border of their image.

    Attributes:
        objects: Number of objects that could be cut.
        cut: The images with cut objects, and the indices of these.
    """

    objects: int = 0
    cut: list[tuple[Case, list[int], Sequence[ObjectMask]]] = field(default_factory=list)

    def look_at(self, case: Case, objects: Sequence[ObjectMask]) -> None:
        """Take in the objects of an image or slice; of a tile all borders cut.

        Args:
            case: The image.
            objects: Of the image.
        """
        if case.tile_of is not None:
            return
        items = [(index, item) for index, item in numbered(objects) if item.area >= LEAST_AREA]
        self.objects += len(items)
        found = [index for index, item in items if is_cut(item)]
        if found:
            self.cut.append((case, found, [objects[index] for index in found]))

    def findings(self) -> Iterator[Finding]:
        """The images with cut objects, where that is not usual."""
        if self.objects < LEAST_OBJECTS or self._share() > MOST_CUT:
            return
        count = sum(len(found) for _, found, _ in self.cut)
        for case, found, items in self.cut:
            what = "an object is" if len(found) == 1 else f"{len(found)} objects are"
            yield about_image(
                case,
                "warning",
                f"{what} cut by the border of the image, as {count} of {self.objects} are",
                "Nothing to do if such images come up in use, too; otherwise leave it out.",
                check="cut_by_border",
                badness=0.3,
                box=pixel_box(items[0]),
            )

    def unjudged(self) -> Iterator[Unjudged]:
        """Why nothing is said, where it is so."""
        if self.objects < LEAST_OBJECTS:
            yield Unjudged(
                "cut_by_border",
                f"there are {self.objects} objects, and {LEAST_OBJECTS} are needed to know what is "
                "usual",
            )
        elif self._share() > MOST_CUT:
            yield Unjudged(
                "cut_by_border",
                f"{self._share():.0%} of the objects are cut by the border of their image, so it "
                "is usual here",
            )

    def _share(self) -> float:
        return sum(len(found) for _, found, _ in self.cut) / max(1, self.objects)


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
