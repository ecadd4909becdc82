"""Objects that somebody forgot to label.

Over the whole set, with the image in question left out, what looks like an object without a label
is compared with labelled objects by size, shape, contrast and border. What is found so is told only
where nearly all that passes the same test is labelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samdomains.audit.findings import PixelBox
from samdomains.audit.regions import Regions, log_density

LEAST_OBJECTS = 20
"""With fewer labelled objects in a set their shapes are not known."""

FOLDS = 5
"""The images are judged in so many parts, each by the others."""

WIDENED = 3.0
"""Times the spread of the objects that of anything else is: a region is an object if it lies well
within what objects are, however unlike the other regions of the set it is."""

LEAST_EVIDENCE = 3.0
"""Log-likelihood ratio, object against other region, from which a region is an object: 20 to 1."""

MOST_EVIDENCE = 8.0
"""Where not even this keeps false candidates rare, the set is not one for this check."""

USUAL_EVIDENCE = 0.35
"""Quantile of the evidence of labelled objects from which a region is one, where that is more."""

LEAST_PRECISION = 0.9
"""Share of labelled objects among all regions that pass: in an unspoilt set what passes and has no
label is false, so this bounds the precision from below."""

LEAST_RECALL = 0.25
"""Share of the labelled objects that must pass themselves."""

MOST_IMAGES = 0.3
"""Share of images with a missing object above which it is the check that fails."""

TOO_MUCH = "too much without a label looks like the labelled objects"

_RELATIVE = 4  # properties, the first ones, that count against the other objects of the image, too
_UNITS = (0.2, 0.5, 1.0, 0.1, 0.05, 0.1, 0.2, 0.5, 1.0, 0.1)  # differences that mean nothing yet


@dataclass(frozen=True, slots=True)
class MissingObject:
    """An unlabelled region that looks like an object.

    Attributes:
        place: Of the image in the sequence that was judged.
        box: Of the region, in pixels.
        evidence: Log-likelihood ratio of object against other region.
    """

    place: int
    box: PixelBox
    evidence: float


@dataclass(frozen=True, slots=True)
class Missing:
    """What seems to be missing in a set.

    Attributes:
        items: The candidates that are objects without a label.
        reason: Why nothing can be said; empty where something can.
    """

    items: tuple[MissingObject, ...]
    reason: str

    def by_place(self) -> dict[int, list[MissingObject]]:
        """The items of each image."""
        places: dict[int, list[MissingObject]] = {}
        for item in self.items:
            places.setdefault(item.place, []).append(item)
        return places


def find_missing(regions: Sequence[Regions | None]) -> Missing:
    """Say which candidates are objects without a label, or why that cannot be known.

    Args:
        regions: One for each image; None where it cannot be judged.
    """
    known = [(place, item) for place, item in enumerate(regions) if item is not None]
    seen = sum(len(item.labelled) for _, item in known)
    if seen < LEAST_OBJECTS:
        return Missing((), f"{seen} labelled objects can be told, and {LEAST_OBJECTS} are needed")
    table = _table(known)
    evidence = _evidence(table)
    threshold = _threshold(table, evidence, sum(item.objects for _, item in known))
    if isinstance(threshold, str):
        return Missing((), threshold)
    clear = np.unique(table.places[~table.labelled & (evidence >= threshold)])
    # Where one object was forgotten others may have been, and are told with less evidence.
    likely = ~table.labelled & (evidence >= LEAST_EVIDENCE) & np.isin(table.places, clear)
    passed = np.flatnonzero(likely)
    by_place = dict(known)
    items = (
        MissingObject(
            int(table.places[row]),
            by_place[int(table.places[row])].boxes[int(table.numbers[row])],
            float(evidence[row]),
        )
        for row in passed
    )
    return Missing(tuple(items), "")


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """The regions of all images, a row each.

    Attributes:
        values: (R, 10): properties, and the first of them relative to the image's other objects.
        labelled: (R,).
        places: (R,): the image.
        numbers: (R,): of the region among those of its kind in the image.
    """

    values: NDArray[np.float64]
    labelled: NDArray[np.bool_]
    places: NDArray[np.intp]
    numbers: NDArray[np.intp]


def _table(known: Sequence[tuple[int, Regions]]) -> _Table:
    usual = np.median(np.concatenate([item.labelled for _, item in known]), axis=0)
    values, labelled, places, numbers = [], [], [], []
    for place, item in known:
        for is_labelled, rows in ((True, item.labelled), (False, item.unlabelled)):
            for number, row in enumerate(rows):
                others = np.delete(item.labelled, number, axis=0) if is_labelled else item.labelled
                # Three objects count as much as what is usual in the set.
                weight = len(others) / (len(others) + 3)
                here = np.median(others, axis=0) if len(others) else usual
                middle = weight * here + (1 - weight) * usual
                values.append(np.concatenate([row, (row - middle)[:_RELATIVE]]))
                labelled.append(is_labelled)
                places.append(place)
                numbers.append(number)
    return _Table(
        np.array(values, dtype=np.float64),
        np.array(labelled, dtype=bool),
        np.array(places, dtype=np.intp),
        np.array(numbers, dtype=np.intp),
    )


def _evidence(table: _Table) -> NDArray[np.float64]:
    """(R,): log-likelihood ratio of each region, by the images of the other parts."""
    evidence = np.full(len(table.values), -np.inf)
    values = table.values / np.array(_UNITS)
    part = table.places % FOLDS
    for fold in range(FOLDS):
        inside, rest = part == fold, part != fold
        objects = values[rest & table.labelled]
        others = values[rest & ~table.labelled]
        if len(objects) < LEAST_OBJECTS // 2 or not inside.any():
            continue
        here = values[inside]
        # Beside other regions there is anything else: the objects' distribution, widened.
        of_others = log_density(here, objects, least=0.25, widened=WIDENED)
        if len(others) >= LEAST_OBJECTS:
            of_others = np.maximum(of_others, log_density(here, others, least=0.25))
        ratio = log_density(here, objects, least=0.25) - of_others
        evidence[inside] = ratio
    return evidence


def _threshold(table: _Table, evidence: NDArray[np.float64], objects: int) -> float | str:
    """The lowest evidence at which the check keeps its promises, or why there is none.

    ``objects`` is the number of labelled objects, of which some look like nothing.
    """
    images = len(np.unique(table.places))
    # Of what is an object more than half do not look more like one than this.
    usual = float(np.quantile(evidence[table.labelled], USUAL_EVIDENCE))
    start = max(LEAST_EVIDENCE, min(usual, MOST_EVIDENCE))
    for threshold in np.arange(start, MOST_EVIDENCE + 0.5, 0.5):
        passed = evidence >= threshold
        true, false = passed & table.labelled, passed & ~table.labelled
        if true.sum() < LEAST_RECALL * objects:
            return (
                f"only {true.sum() / objects:.0%} of the labelled objects would be found if their "
                f"labels were missing, {LEAST_RECALL:.0%} are needed"
            )
        spread = len(np.unique(table.places[false])) / images
        if true.sum() >= LEAST_PRECISION * passed.sum() and spread <= MOST_IMAGES:
            return float(threshold)
    return TOO_MUCH
