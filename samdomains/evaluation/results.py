"""Scores of single objects, and their summary as `metrics.json` holds it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from samdomains.evaluation.averages import finite_mean, grouped, mean_of
from samdomains.types import PromptName

SCHEMA = 1
"""Version of the structure of ``metrics.json``."""

MEASURES = ("dice", "iou", "boundary_f", "nsd", "hd95_px")
"""Fields of an ``ObjectScore`` that are averaged, under the same names in ``metrics.json``."""


@dataclass(frozen=True, slots=True)
class ObjectScore:
    """How well one system answered one prompt for one object.

    Attributes:
        case: Id of the case.
        group: Patient, scene or slide of the case.
        class_name: Class of the object.
        object_index: Place of the object among the case's objects.
        system: Name of the system: ``tuned``, ``zero_shot``, ``box_ellipse``.
        prompt: How it was prompted.
        dice: In [0, 1], or NaN.
        iou: In [0, 1], or NaN.
        predicted_iou: The system's own estimate of its IoU; NaN where it makes none.
        area: Pixels of the annotated object.
        boundary_f: Boundary F-measure, in [0, 1]; NaN, as in the next two, where the scorer was not
            asked for boundaries.
        nsd: Normalised surface distance, in [0, 1], or NaN.
        hd95_px: 95 percent Hausdorff distance in pixels; NaN, too, where the object was missed.
    """

    case: str
    group: str
    class_name: str
    object_index: int
    system: str
    prompt: PromptName
    dice: float
    iou: float
    predicted_iou: float
    area: int
    boundary_f: float = math.nan
    nsd: float = math.nan
    hd95_px: float = math.nan

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ObjectScore:
        """Read back what ``write_json(asdict(score))`` wrote: null was NaN."""
        read: dict[str, Any] = {k: math.nan if v is None else v for k, v in values.items()}
        return cls(**read)

    @property
    def missed(self) -> bool:
        """Whether the object was answered with nothing, as far as its boundary was looked at."""
        return self.boundary_f == 0 and math.isnan(self.hd95_px)


def summarize(
    scores: Sequence[ObjectScore], *, resamples: int, seed: int, cases: int | None = None
) -> dict[str, Any]:
    """Means and 95 percent intervals, in the structure of ``metrics.json``.

    Objects are averaged within their case, then the cases, so that an image with a thousand
    objects does not outweigh the others; intervals resample groups. A class counts in the cases
    that show it. All systems and prompts are resampled alike.

    Args:
        scores: From ``samdomains.evaluation.scorer.score``.
        resamples: Bootstrap resamples.
        seed: Seeds them.
        cases: Number of cases that were given to the scorer. With it, ``empty_cases`` counts the
            ones without an object to score.

    Returns:
        ``{"schema", "prompt_source", "test": {system: {prompt: {"dice", "iou", "boundary_f", "nsd",
        "hd95_px", "objects", "missed", "per_class"}}}}`` with ``{"mean", "ci95": [low, high],
        "n"}`` for each metric, ``n`` in cases. What cannot be computed is NaN, which
        ``samdomains.files.write_json`` writes as null.
    """
    test: dict[str, dict[str, Any]] = {}
    for (system, prompt), answers in grouped(scores, lambda s: (s.system, s.prompt)).items():
        metrics = _metrics(answers, resamples, seed)
        classes = sorted(grouped(answers, lambda s: s.class_name).items())
        metrics["per_class"] = {name: _metrics(own, resamples, seed) for name, own in classes}
        test.setdefault(system, {})[prompt] = metrics
    summary = {"schema": SCHEMA, "prompt_source": "ground_truth", "test": test}
    if cases is not None:
        summary["empty_cases"] = cases - len({score.case for score in scores})
    return summary


def validation_dice(scores: Sequence[ObjectScore]) -> float:
    """One number to compare checkpoints by: mean Dice over cases, then over kinds of prompt.

    Args:
        scores: Of a single system.

    Returns:
        In [0, 1], or NaN without any score.

    Raises:
        ValueError: The scores come from several systems.
    """
    systems = {score.system for score in scores}
    if len(systems) > 1:
        raise ValueError(f"scores of one system are compared, got {sorted(systems)}")
    by_prompt = grouped(scores, lambda s: s.prompt).values()
    return finite_mean(
        finite_mean(finite_mean(s.dice for s in own) for own in _by_case(answers))
        for answers in by_prompt
    )


def dice_by_case(scores: Sequence[ObjectScore]) -> dict[str, float]:
    """Id of each case → mean over kinds of prompt of its mean Dice; cases without a score left out.

    Args:
        scores: Of a single system.
    """
    found = {}
    for own in _by_case(scores):
        kinds = grouped(own, lambda s: s.prompt).values()
        mean = finite_mean(finite_mean(s.dice for s in kind) for kind in kinds)
        if math.isfinite(mean):
            found[own[0].case] = mean
    return found


def clearly_better(first: Mapping[str, float], second: Mapping[str, float]) -> bool:
    """Whether one is better than the other by more than chance would make it on these cases.

    By more than one standard error of the difference over the cases, as the one-standard-error
    rule has it (Breiman et al. 1984, Classification and Regression Trees, section 3.4.3). One case
    alone shows nothing.

    Args:
        first: Case → score.
        second: The same of another system.

    Example:
        >>> clearly_better({"a": 0.9, "b": 0.8}, {"a": 0.8, "b": 0.71})
        True
        >>> clearly_better({"a": 0.9, "b": 0.7}, {"a": 0.6, "b": 0.8})
        False
    """
    gains = np.array([first[case] - second[case] for case in first if case in second])
    if len(gains) < 2:
        return False
    return bool(gains.mean() > gains.std(ddof=1) / math.sqrt(len(gains)))


def _metrics(scores: Sequence[ObjectScore], resamples: int, seed: int) -> dict[str, Any]:
    """Every measure over cases, and the counts of objects."""
    cases = _by_case(scores)
    groups = [own[0].group for own in cases]
    means = {
        name: mean_of(
            [finite_mean(getattr(s, name) for s in own) for own in cases],
            groups,
            resamples=resamples,
            seed=seed,
        )
        for name in MEASURES
    }
    return means | {"objects": len(scores), "missed": sum(s.missed for s in scores)}


def _by_case(scores: Iterable[ObjectScore]) -> list[list[ObjectScore]]:
    return list(grouped(scores, lambda s: s.case).values())
