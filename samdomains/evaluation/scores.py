"""All that the scorer says about systems: objects they were asked for, found, and clicked on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from samdomains.evaluation.clicks import ClickScore, summarize_clicks
from samdomains.evaluation.instance_results import summarize_instances, summarize_semantic
from samdomains.evaluation.instances import ImageScore
from samdomains.evaluation.results import ObjectScore, summarize

Score: TypeAlias = ObjectScore | ImageScore | ClickScore
"""Of one object, of one image, or of the clicks on one object."""


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of systems.

    Attributes:
        objects: One for each system, way of prompting and object.
        images: One for each system and image, where they segmented without prompts.
        clicks: One for each system and object, where clicks were counted.
    """

    objects: tuple[ObjectScore, ...] = ()
    images: tuple[ImageScore, ...] = ()
    clicks: tuple[ClickScore, ...] = ()

    @classmethod
    def of(cls, scores: Iterable[Score]) -> Scores:
        """Sort scores by what they are of, each kind in the order given."""
        every = tuple(scores)
        return cls(
            tuple(score for score in every if isinstance(score, ObjectScore)),
            tuple(score for score in every if isinstance(score, ImageScore)),
            tuple(score for score in every if isinstance(score, ClickScore)),
        )

    def __add__(self, other: Scores) -> Scores:
        """These, then those of other systems."""
        return Scores(
            self.objects + other.objects, self.images + other.images, self.clicks + other.clicks
        )

    def to_json(self) -> dict[str, Any]:
        """All of them, for a file that ``from_json`` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Scores:
        """Read back what ``write_json(scores.to_json())`` wrote: null was NaN."""
        return cls(
            tuple(ObjectScore.from_json(score) for score in values["objects"]),
            tuple(ImageScore.from_json(score) for score in values["images"]),
            tuple(ClickScore.from_json(score) for score in values["clicks"]),
        )


def summarize_scores(
    scores: Scores, *, resamples: int, seed: int, cases: int | None = None
) -> dict[str, Any]:
    """The content of ``metrics.json`` without volumes.

    Args:
        scores: From ``samdomains.evaluation.scorer.score``.
        resamples: Bootstrap resamples.
        seed: Seeds them.
        cases: Number of cases that were given to the scorer.

    Returns:
        What ``summarize`` gives; with scores of images also ``instances`` and ``semantic``, and
        with those of clicks ``clicks``.
    """
    summary = summarize(scores.objects, resamples=resamples, seed=seed, cases=cases)
    if scores.images:
        summary["instances"] = summarize_instances(scores.images, resamples=resamples, seed=seed)
        summary["semantic"] = summarize_semantic(scores.images, resamples=resamples, seed=seed)
    if scores.clicks:
        summary["clicks"] = summarize_clicks(scores.clicks, resamples=resamples, seed=seed)
    return summary
