"""Summaries of what systems found by themselves: AP, PQ, semantic overlap and false alarms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samdomains.evaluation.averages import finite_mean, grouped, mean_of
from samdomains.evaluation.bootstrap import resampled_groups
from samdomains.evaluation.instances import ImageScore
from samdomains.evaluation.matching import FALSE, RIGHT, THRESHOLDS
from samdomains.evaluation.metrics import Areas

RECALLS = np.linspace(0.0, 1.0, 101)
"""Recalls at which COCO reads the precision."""

POOLED = ("ap", "ap50", "ap75", "pq", "sq", "rq", "precision50", "recall50", "f1_50")
"""Measures over all images together, by their names in ``metrics.json``."""

Floats = NDArray[np.float64]


def summarize_instances(
    scores: Sequence[ImageScore], *, resamples: int, seed: int
) -> dict[str, dict[str, Any]]:
    """The part ``instances`` of ``metrics.json``; classes are not told apart.

    ``ap`` is COCO's: the area below precision over recall, read at 101 recalls, for all answers of
    all images by their predicted IoU, without a limit to their number; the mean over IoU
    thresholds from 0.50 to 0.95. ``ap50`` and ``ap75`` are those at one threshold.
    ``precision50``, ``recall50`` and ``f1_50`` take every answer, matched as for ``ap50``.
    ``pq`` is the panoptic quality, the product of ``sq`` (mean IoU of the matched pairs) and
    ``rq`` (F1 of finding, at an IoU above 0.5), where a pixel of several answers goes to the
    surest. ``dsb_ap`` is another AP, that of the Data Science Bowl 2018: TP / (TP + FP + FN) of an
    image, the mean over the same thresholds, then over the images with an object.

    Args:
        scores: Of any systems.
        resamples: Bootstrap resamples of groups; each is pooled anew.
        seed: Seeds them.

    Returns:
        ``{system: {"ap", "ap50", "ap75", "pq", "sq", "rq", "precision50", "recall50", "f1_50",
        "dsb_ap", "per_threshold", "objects", "answers", "n", "empty"}}``: each measure as
        ``{"mean", "ci95", "n"}`` with ``n`` in images, ``per_threshold`` the AP at each threshold,
        and ``empty`` about the images without any object: ``{"images", "with_false_alarms",
        "false_alarms_per_image", "false_pixels"}``, the share of them that got an answer, answers
        an image, and the share of their pixels that was answered. What cannot be computed is NaN.

    Reference:
        Lin et al. 2014, arXiv:1405.0312, and pycocotools; Kirillov et al. 2019, arXiv:1801.00868;
        Caicedo et al. 2019, doi:10.1038/s41592-019-0612-7.
    """
    summary = {}
    for system, images in grouped(scores, lambda s: s.system).items():
        pool = _Pool.of(images)
        everything = pool.measures(np.ones((1, pool.groups), dtype=np.int64))
        entry = _with_intervals(pool, everything, len(images), resamples, seed)
        entry["dsb_ap"] = mean_of(
            [_dsb_ap(image) for image in images],
            [image.group for image in images],
            resamples=resamples,
            seed=seed,
        )
        entry["per_threshold"] = {
            f"{threshold:.2f}": float(value)
            for threshold, value in zip(THRESHOLDS, pool.precisions, strict=True)
        }
        entry["objects"] = sum(image.objects for image in images)
        entry["answers"] = sum(len(image.confidences) for image in images)
        entry["n"] = len(images)
        entry["empty"] = _false_alarms([image for image in images if image.empty])
        summary[system] = entry
    return summary


def summarize_semantic(
    scores: Sequence[ImageScore], *, resamples: int, seed: int
) -> dict[str, dict[str, Any]]:
    """The part ``semantic`` of ``metrics.json``: all answers together against all objects together.

    Returns:
        ``{system: {"dice", "iou"}}``, each ``{"mean", "ci95", "n"}`` over the images and volumes
        that have an object.
    """
    summary: dict[str, dict[str, Any]] = {}
    for system, own in grouped(semantic_overlaps(scores), lambda o: o.system).items():
        groups = [item.group for item in own]
        summary[system] = {
            "dice": mean_of([o.dice for o in own], groups, resamples=resamples, seed=seed),
            "iou": mean_of([o.iou for o in own], groups, resamples=resamples, seed=seed),
        }
    return summary


@dataclass(frozen=True, slots=True)
class SemanticOverlap:
    """All answers together against all objects together, in one image or volume.

    Attributes:
        system: That answered.
        whole: Id of the image or volume.
        group: Its patient, scene or slide.
        dice: NaN without an object.
        iou: The same.
    """

    system: str
    whole: str
    group: str
    dice: float
    iou: float


def semantic_overlaps(scores: Sequence[ImageScore]) -> list[SemanticOverlap]:
    """The overlap in each image; slices of a volume, empty ones too, are taken together."""
    overlaps = []
    for (system, whole), parts in grouped(scores, lambda s: (s.system, s.whole)).items():
        overlap = Areas(
            *(sum(areas) for areas in zip(*(p.areas for p in parts), strict=True))
        ).overlap
        overlaps.append(SemanticOverlap(system, whole, parts[0].group, overlap.dice, overlap.iou))
    return overlaps


def average_precision(found: Floats, answered: Floats, objects: Floats) -> Floats:
    """COCO's average precision at one threshold, in several resamples at once.

    Precision is read where recall rises, and that is at the answers that are right: there are K.

    Args:
        found: (R, K), number of right answers up to each of them, the surest first.
        answered: (R, K), number of all answers up to each of them, without those ignored.
        objects: (R,), number of objects.

    Returns:
        (R,): in [0, 1], or NaN where there is no object.
    """
    precision = found / (answered + np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    areas = np.full(len(objects), math.nan)
    for row in np.flatnonzero(objects > 0):
        places = np.searchsorted(found[row] / objects[row], RECALLS, side="left")
        reached = places[places < found.shape[1]]
        areas[row] = precision[row, reached].sum() / len(RECALLS)
    return areas


@dataclass(frozen=True, slots=True, eq=False)
class _Pool:
    """All answers to all images, the surest first, and what else is added up by group.

    Attributes:
        group: (N,), number of the group that each answer's image belongs to.
        outcomes: (T, N), what becomes of each answer at each threshold.
        sums: (5, G): objects; segments, matched segments, their IoUs, and false answers.
    """

    group: NDArray[np.int64]
    outcomes: NDArray[np.int64]
    sums: Floats

    @classmethod
    def of(cls, images: Sequence[ImageScore]) -> _Pool:
        names, member = np.unique([image.group for image in images], return_inverse=True)
        confidences = np.array([c for image in images for c in image.confidences])
        order = np.argsort(-confidences, kind="stable")
        answers = [len(image.confidences) for image in images]
        outcomes = np.concatenate(
            [
                np.array(image.outcomes, dtype=np.int64).reshape(len(THRESHOLDS), -1)
                for image in images
            ],
            axis=1,
        )
        sums = np.zeros((5, len(names)))
        for group, image in zip(member, images, strict=True):
            found, false = len(image.matched), image.false_answers
            sums[:, group] += (image.objects, image.segments, found, sum(image.matched), false)
        return cls(np.repeat(member, answers)[order], outcomes[:, order], sums)

    @property
    def groups(self) -> int:
        """How many there are."""
        return int(self.sums.shape[1])

    @property
    def precisions(self) -> Floats:
        """(T,): the average precision at each threshold."""
        return self._precisions(np.ones((1, self.groups), dtype=np.int64))[:, 0]

    def measures(self, drawn: NDArray[np.int64]) -> dict[str, Floats]:
        """Each of ``POOLED`` in each resample: (R,).

        Args:
            drawn: (R, G), how often each group was drawn.
        """
        precisions = self._precisions(drawn)
        objects, segments, matched, ious, false = self.sums @ drawn.T
        counts = drawn[:, self.group]
        right = counts @ (self.outcomes[0] == RIGHT)
        wrong = counts @ (self.outcomes[0] == FALSE)
        with np.errstate(invalid="ignore", divide="ignore"):
            missed = segments - matched
            return {
                "ap": precisions.mean(axis=0),
                "ap50": precisions[0],
                "ap75": precisions[5],
                "pq": ious / (matched + (false + missed) / 2),
                "sq": ious / matched,
                "rq": matched / (matched + (false + missed) / 2),
                "precision50": right / (right + wrong),
                "recall50": right / objects,
                "f1_50": 2 * right / (right + wrong + objects),
            }

    def _precisions(self, drawn: NDArray[np.int64]) -> Floats:
        """(T, R)."""
        objects = (self.sums[0] @ drawn.T).astype(np.float64)
        counts = drawn[:, self.group].astype(np.float64)
        answered, before, rows = np.cumsum(counts, axis=1), None, []
        for outcomes in self.outcomes:
            counted, right = outcomes >= FALSE, outcomes == RIGHT
            # Few thresholds differ in what is ignored.
            if not (counted.all() if before is None else np.array_equal(counted, before)):
                answered, before = np.cumsum(counts * counted, axis=1), counted
            found = np.cumsum(counts[:, right], axis=1)
            rows.append(average_precision(found, answered[:, right], objects))
        return np.array(rows)


def _with_intervals(
    pool: _Pool, everything: dict[str, Floats], images: int, resamples: int, seed: int
) -> dict[str, Any]:
    """Each measure with its interval; a single group says nothing about the spread of groups."""
    drawn: list[dict[str, Floats]] = []
    if pool.groups > 1:
        draws = resampled_groups(pool.groups, resamples=resamples, seed=seed)
        drawn = [pool.measures(draw) for draw in draws]
    entry: dict[str, Any] = {}
    for name in POOLED:
        values = np.concatenate([part[name] for part in drawn]) if drawn else np.zeros(0)
        values = values[np.isfinite(values)]
        ends = np.percentile(values, [2.5, 97.5]).tolist() if len(values) else [math.nan] * 2
        entry[name] = {"mean": float(everything[name][0]), "ci95": ends, "n": images}
    return entry


def _dsb_ap(image: ImageScore) -> float:
    """TP / (TP + FP + FN), the mean over the thresholds; NaN without an object."""
    if not image.segments:
        return math.nan
    total = image.segments + image.false_answers + len(image.matched)
    found = [sum(iou > threshold for iou in image.matched) for threshold in THRESHOLDS]
    return finite_mean(right / (total - right) for right in found)


def _false_alarms(images: Sequence[ImageScore]) -> dict[str, float]:
    answers = [len(image.confidences) for image in images]
    return {
        "images": len(images),
        "with_false_alarms": finite_mean(float(count > 0) for count in answers),
        "false_alarms_per_image": finite_mean(answers),
        "false_pixels": finite_mean(image.answered for image in images),
    }
