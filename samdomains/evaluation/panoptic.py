"""Answers and objects as maps, in which a pixel belongs to one of each: PQ and semantic overlap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samdomains.evaluation.metrics import Areas
from samdomains.types import ObjectMask, Size

MATCHED = 0.5
"""An answer shows an object where their IoU is larger; then no other answer can."""


@dataclass(frozen=True, slots=True)
class MapComparison:
    """What the maps of an image's answers and objects have in common.

    Attributes:
        matched: IoU of each object that an answer shows.
        objects: Number of objects.
        false_answers: Number of answers that show none.
        semantic: Pixels of all answers and of all objects, each taken together.
        answered: Share of the image's pixels that belong to any answer.
    """

    matched: tuple[float, ...]
    objects: int
    false_answers: int
    semantic: Areas
    answered: float


def compare_maps(
    answers: Sequence[ObjectMask], truths: Sequence[ObjectMask], size: Size, minimum_area: int
) -> MapComparison:
    """Compare the answers to an image with its objects, every pixel counted once.

    A pixel of several answers goes to the surest, a pixel of several objects to the smallest; an
    answer that keeps no pixel is gone. Crowd regions and objects below ``minimum_area`` are never
    matched. An unmatched answer that lies to more than half in them, or that keeps fewer than
    ``minimum_area`` pixels, is no false answer. Their pixels are left out of the semantic overlap.

    Args:
        answers: The surest first.
        truths: Of the same image.
        size: (H, W) of the image.
        minimum_area: In pixels.

    Reference:
        Kirillov et al. 2019, Panoptic Segmentation, arXiv:1801.00868, section 4.1; the regions
        that are left out as its group segments.
    """
    # What is painted last is on top: the surest answer, and the smallest object.
    order = sorted(range(len(truths)), key=lambda i: (not truths[i].crowd, -truths[i].area))
    backwards = range(len(answers) - 1, -1, -1)
    answer_map = _painted(((i + 1, answers[i]) for i in backwards), size)
    truth_map = _painted(((i + 1, truths[i]) for i in order), size)
    common = _common_areas(answer_map, truth_map, len(answers), len(truths))
    scored = np.array(
        [False, *(not item.crowd and item.area >= minimum_area for item in truths)], dtype=bool
    )
    scored &= common.truth_areas > 0
    matched, used = _matches(common, scored)
    left_out = ~scored
    left_out[0] = False
    outside = np.bincount(
        common.answers, weights=common.areas * left_out[common.truths], minlength=len(answers) + 1
    )
    areas = common.answer_areas
    false = (areas >= max(minimum_area, 1)) & (outside <= MATCHED * areas)
    false[[0, *used]] = False
    return MapComparison(
        matched=matched,
        objects=int(scored.sum()),
        false_answers=int(false.sum()),
        semantic=_semantic(common, scored, left_out),
        answered=float(areas[1:].sum() / (size[0] * size[1])),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _CommonAreas:
    """Pixels of each pair of labels; label 0 is the background.

    Attributes:
        answers: (K,), label in the map of answers.
        truths: (K,), label in the map of objects.
        areas: (K,), pixels that have both.
        answer_areas: Pixels of each label of answers.
        truth_areas: Pixels of each label of objects.
    """

    answers: NDArray[np.int64]
    truths: NDArray[np.int64]
    areas: NDArray[np.int64]
    answer_areas: NDArray[np.int64]
    truth_areas: NDArray[np.int64]


def _painted(items: Iterable[tuple[int, ObjectMask]], size: Size) -> NDArray[np.int32]:
    """(H, W): the label of the last item that has the pixel, 0 where none has."""
    labels = np.zeros(size, dtype=np.int32)
    for label, item in items:
        y, x = item.origin
        height, width = item.crop.shape
        labels[y : y + height, x : x + width][item.crop] = label
    return labels


def _common_areas(
    answer_map: NDArray[np.int32], truth_map: NDArray[np.int32], answers: int, truths: int
) -> _CommonAreas:
    both = answer_map.astype(np.int64) * (truths + 1) + truth_map
    labels, areas = np.unique(both, return_counts=True)
    first, second = np.divmod(labels, truths + 1)
    return _CommonAreas(
        first,
        second,
        areas.astype(np.int64),
        np.bincount(answer_map.ravel(), minlength=answers + 1),
        np.bincount(truth_map.ravel(), minlength=truths + 1),
    )


def _matches(
    common: _CommonAreas, scored: NDArray[np.bool_]
) -> tuple[tuple[float, ...], list[int]]:
    """IoU of each matched pair, and the labels of the answers in them."""
    unions = common.answer_areas[common.answers] + common.truth_areas[common.truths] - common.areas
    ious = common.areas / unions
    kept = (ious > MATCHED) & (common.answers > 0) & scored[common.truths]
    return tuple(ious[kept].tolist()), common.answers[kept].tolist()


def _semantic(
    common: _CommonAreas, scored: NDArray[np.bool_], left_out: NDArray[np.bool_]
) -> Areas:
    answered, true = common.answers > 0, scored[common.truths]
    answered &= ~left_out[common.truths]
    return Areas(*(int(common.areas[which].sum()) for which in (answered & true, answered, true)))
