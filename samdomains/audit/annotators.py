"""Images that were annotated more than once, and whether the annotators agree.

An image that several people have annotated stands in a set under several names, with a mask each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from samdomains.audit.findings import Finding, about_all, about_mask
from samdomains.types import Case, Mask, ObjectMask, Size

LEAST_DICE = 0.9
"""Dice of two annotations of one image below which they disagree: a border that is drawn a pixel
further out costs 0.05 in an object of 40 pixels across."""

LEAST_PAIRS = 3
"""Images annotated twice from which their mean says something about the set."""


@dataclass(slots=True)
class Annotators:
    """Agreement of the annotations of equal images.

    Attributes:
        dice: Of each pair; of a pair of empty annotations 1.
        found: The later case of each pair that disagrees, and what to say about it.
    """

    dice: list[float] = field(default_factory=list)
    found: list[tuple[Case, Case, float, str]] = field(default_factory=list)

    def look_at(
        self,
        case: Case,
        objects: Sequence[ObjectMask],
        first: Case,
        first_objects: Sequence[ObjectMask],
        size: Size,
    ) -> None:
        """Compare two annotations of one image; different numbers of objects are told, too.

        Args:
            case: The later case.
            objects: Its objects, of the image's size.
            first: The earlier case with the same image.
            first_objects: Its objects, of the same size.
            size: (H, W) of the image.
        """
        agreement = dice(objects, first_objects, size)
        self.dice.append(agreement)
        if agreement < LEAST_DICE:
            counts = f"{len(objects)} and {len(first_objects)} objects"
            self.found.append((case, first, agreement, counts))

    def findings(self) -> Iterator[Finding]:
        """One for each pair that disagrees, and one for the set where there are several pairs."""
        for case, first, agreement, counts in self.found:
            yield about_mask(
                case,
                "warning",
                f"its mask and that of case '{first.id}', the same image, agree by a Dice of "
                f"{agreement:.2f} only ({counts})",
                "Settle which is right, or merge them; a model cannot agree with both.",
                check="annotators_disagree",
                badness=0.5 + 0.4 * (1 - agreement),
                other=first.id,
            )
        if len(self.dice) >= LEAST_PAIRS and self.found:
            yield about_all(
                "warning",
                f"{len(self.dice)} images are annotated more than once, with a mean Dice of "
                f"{np.mean(self.dice):.2f} (from {min(self.dice):.2f} to {max(self.dice):.2f})",
                "Scores above that say nothing: agree on rules for the doubtful cases.",
                check="annotators_disagree",
                badness=0.5,
            )


def dice(a: Sequence[ObjectMask], b: Sequence[ObjectMask], size: Size) -> float:
    """Dice of two annotations of an image, each pixel with its class; 1 where both are empty.

    Args:
        a: Objects of the one, of the given size.
        b: Objects of the other.
        size: (H, W) of the image.

    Example:
        >>> mask = np.ones((4, 4), dtype=bool)
        >>> dice([ObjectMask.from_mask(mask)], [], (4, 4))
        0.0
    """
    classes = {item.class_id for item in (*a, *b) if not item.crowd}
    common = total = 0
    for value in classes:
        first, second = _drawn(a, value, size), _drawn(b, value, size)
        common += int((first & second).sum())
        total += int(first.sum()) + int(second.sum())
    return 2 * common / total if total else 1.0


def _drawn(objects: Sequence[ObjectMask], value: int, size: Size) -> Mask:
    """(H, W): all that is of one class."""
    drawn = np.zeros(size, dtype=bool)
    for item in objects:
        if item.class_id == value and not item.crowd:
            y, x = item.origin
            height, width = item.crop.shape
            drawn[y : y + height, x : x + width] |= item.crop
    return drawn
