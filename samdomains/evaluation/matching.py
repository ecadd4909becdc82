"""Which answers belong to which objects, where nobody said which object was meant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from samdomains.data.duplicates import intersection
from samdomains.types import ObjectMask

THRESHOLDS: tuple[float, ...] = tuple(np.linspace(0.5, 0.95, 10).tolist())
"""IoUs from which an answer is right, those of COCO: 0.50 to 0.95 in steps of 0.05."""

IGNORED = -1
FALSE = 0
RIGHT = 1
"""What becomes of an answer: it counts as nothing, as a false alarm, or as an object found."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """The answers and objects of an image that have pixels in common; there are K such pairs.

    Attributes:
        answers: (K,), place among the answers.
        truths: (K,), place among the objects.
        iou: (K,), in (0, 1].
        share: (K,), the part of the answer's pixels that lie on the object, in (0, 1].
    """

    answers: NDArray[np.int64]
    truths: NDArray[np.int64]
    iou: NDArray[np.float64]
    share: NDArray[np.float64]

    def only(self, truths: NDArray[np.bool_]) -> Pairs:
        """The pairs of some of the objects.

        Args:
            truths: Whether each object of the image is one of them.
        """
        kept = truths[self.truths]
        return Pairs(self.answers[kept], self.truths[kept], self.iou[kept], self.share[kept])


def overlapping_pairs(answers: Sequence[ObjectMask], truths: Sequence[ObjectMask]) -> Pairs:
    """Compare all answers with all objects of one image.

    Only crops are looked at, and only pairs that overlap are kept, so that neither a large image
    nor thousands of objects need much memory.
    """
    boxes = np.array([item.box for item in answers], dtype=np.float64).reshape(-1, 4)
    areas = np.array([item.area for item in answers], dtype=np.int64)
    found: list[tuple[int, int, float, float]] = []
    for number, truth in enumerate(truths):
        x0, y0, x1, y1 = truth.box
        near = (boxes[:, 0] < x1) & (boxes[:, 2] > x0) & (boxes[:, 1] < y1) & (boxes[:, 3] > y0)
        area = truth.area
        for answer in np.flatnonzero(near).tolist():
            common = intersection(answers[answer], truth)
            if common:
                iou = common / (int(areas[answer]) + area - common)
                found.append((answer, number, iou, common / int(areas[answer])))
    table = np.array(found, dtype=np.float64).reshape(-1, 4).T
    return Pairs(table[0].astype(np.int64), table[1].astype(np.int64), table[2], table[3])


def one_to_one(pairs: Pairs) -> dict[int, int]:
    """Give each object at most one answer, and each answer at most one object.

    The sum of the IoUs is the largest that is possible (Kuhn 1955, the Hungarian method,
    doi:10.1002/nav.3800020109).

    Returns:
        Object → answer; what has no partner is left out.
    """
    if not len(pairs.iou):
        return {}
    first = int(pairs.answers.max()) + 1
    size = first + int(pairs.truths.max()) + 1
    ends = (pairs.answers, first + pairs.truths)
    links = coo_array((np.ones(len(pairs.iou), dtype=bool), ends), shape=(size, size))
    part = connected_components(links, directed=False)[1][pairs.answers]
    order = np.argsort(part, kind="stable")
    chosen: dict[int, int] = {}
    for members in np.split(order, np.flatnonzero(np.diff(part[order])) + 1):
        rows, row = np.unique(pairs.answers[members], return_inverse=True)
        columns, column = np.unique(pairs.truths[members], return_inverse=True)
        ious = np.zeros((len(rows), len(columns)))
        ious[row, column] = pairs.iou[members]
        for i, j in zip(*linear_sum_assignment(ious, maximize=True), strict=True):
            if ious[i, j] > 0:
                chosen[int(columns[j])] = int(rows[i])
    return chosen


def coco_outcomes(
    answers: Sequence[ObjectMask], truths: Sequence[ObjectMask], pairs: Pairs, minimum_area: int
) -> tuple[tuple[int, ...], ...]:
    """What COCO's evaluation makes of each answer, at each threshold.

    The surest answer first, each takes the free object that it covers best, if the IoU reaches the
    threshold. Crowd regions and objects below ``minimum_area`` are ignored, and so are answers
    that only they explain, and unmatched answers below ``minimum_area``. A crowd region takes any
    number of answers, by the share of the answer that lies in it.

    Args:
        answers: The surest first.
        truths: Of the same image.
        pairs: Of both.
        minimum_area: In pixels.

    Returns:
        For each of ``THRESHOLDS`` one of ``RIGHT``, ``FALSE`` and ``IGNORED`` for each answer.

    Reference:
        ``COCOeval.evaluateImg`` of https://github.com/cocodataset/cocoapi (Lin et al. 2014,
        arXiv:1405.0312).
    """
    crowd = [truth.crowd for truth in truths]
    ignored = [truth.crowd or truth.area < minimum_area for truth in truths]
    near: defaultdict[int, list[tuple[float, int]]] = defaultdict(list)
    for answer, truth, iou, share in zip(
        pairs.answers.tolist(),
        pairs.truths.tolist(),
        pairs.iou.tolist(),
        pairs.share.tolist(),
        strict=True,
    ):
        near[answer].append((share if crowd[truth] else iou, truth))
    unmatched = [IGNORED if answer.area < minimum_area else FALSE for answer in answers]
    outcomes = []
    for threshold in THRESHOLDS:
        taken: set[int] = set()
        row = []
        for number, alone in enumerate(unmatched):
            free = [
                (not ignored[truth], overlap, truth)
                for overlap, truth in near[number]
                if overlap >= threshold and (truth not in taken or crowd[truth])
            ]
            if not free:
                row.append(alone)
                continue
            counted, _, truth = max(free)
            taken.add(truth)
            row.append(RIGHT if counted else IGNORED)
        outcomes.append(tuple(row))
    return tuple(outcomes)
