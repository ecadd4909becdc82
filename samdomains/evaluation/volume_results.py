"""Scores of whole objects of volumes, and their summary beside that of the slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from samdomains.evaluation.averages import finite_mean, grouped, mean_of
from samdomains.evaluation.surface import VolumeMeasures

MEASURES = ("dice", "iou", "nsd", "hd95_mm", "assd_mm", "volume_difference_ml", "volume_difference")
"""The measures that are averaged, by the names of ``VolumeMeasures``."""


@dataclass(frozen=True, slots=True)
class VolumeScore:
    """How well one system followed one object through a volume.

    Attributes:
        case: Id of the volume.
        group: Patient or specimen of the volume.
        class_name: Class of the object.
        object_index: Place of the object among the volume's objects.
        system: Name of the system, ``tuned`` for example.
        prompt: What it was prompted with, and in which slice, ``box@middle`` for example.
        tolerance_mm: Deviation of the surface that counts as correct in ``measures.nsd``, in mm.
        measures: Overlap, distances and volume.
    """

    case: str
    group: str
    class_name: str
    object_index: int
    system: str
    prompt: str
    tolerance_mm: float
    measures: VolumeMeasures

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> VolumeScore:
        """Read back what ``write_json(asdict(score))`` wrote: null was NaN."""
        return cls(**{**values, "measures": VolumeMeasures.from_json(values["measures"])})


def summarize_volumes(
    scores: Sequence[VolumeScore], *, resamples: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Means and 95 percent intervals: the part ``volumes`` of ``metrics.json``.

    As in the part ``test``, objects are averaged within their volume, then the volumes; a class
    counts in the volumes that show it; intervals resample groups.

    Args:
        scores: Of any systems and prompts, with one tolerance for each prompt of a system.
        resamples: Bootstrap resamples.
        seed: Seeds them.

    Returns:
        ``{system: {prompt: {"tolerance_mm", "dice", "iou", "nsd", "hd95_mm", "assd_mm",
        "volume_difference_ml", "volume_difference", "objects", "missed", "false_alarms",
        "per_class", "per_case"}}}`` with ``{"mean", "ci95": [low, high], "n"}`` for each measure,
        ``n`` in volumes. ``per_class`` has the same for each class. ``per_case`` has the plain
        means of each volume, and of each class in it under ``per_class``. ``objects`` counts those
        that are there, ``missed`` those of them without any answer, which have no distance, and
        ``false_alarms`` answers where nothing is. What cannot be computed is NaN, which
        ``samdomains.files.write_json`` writes as null.

    Raises:
        ValueError: Scores of one system and prompt were made with different tolerances.
    """
    summary: dict[str, dict[str, Any]] = {}
    for (system, prompt), answers in grouped(scores, lambda s: (s.system, s.prompt)).items():
        tolerances = sorted({score.tolerance_mm for score in answers})
        if len(tolerances) > 1:
            raise ValueError(f"one tolerance makes one mean, got {tolerances} mm for {prompt}")
        entry = {"tolerance_mm": tolerances[0], **_intervals(answers, resamples, seed)}
        entry["per_class"] = {
            name: _intervals(own, resamples, seed) for name, own in _by_class(answers)
        }
        entry["per_case"] = {
            case: {
                **_means(own),
                "per_class": {name: _means(part) for name, part in _by_class(own)},
            }
            for case, own in grouped(answers, lambda s: s.case).items()
        }
        summary.setdefault(system, {})[prompt] = entry
    return summary


def _intervals(scores: Sequence[VolumeScore], resamples: int, seed: int) -> dict[str, Any]:
    """Each measure over the volumes, and what was missed."""
    cases = list(grouped(scores, lambda s: s.case).values())
    groups, means = [own[0].group for own in cases], [_means(own) for own in cases]
    measured = {
        name: mean_of([mean[name] for mean in means], groups, resamples=resamples, seed=seed)
        for name in MEASURES
    }
    return {**measured, **_counts(scores)}


def _means(scores: Sequence[VolumeScore]) -> dict[str, float]:
    """Each measure over the objects of one volume, and what was missed."""
    measured = {name: finite_mean(getattr(s.measures, name) for s in scores) for name in MEASURES}
    return {**measured, **_counts(scores)}


def _counts(scores: Sequence[VolumeScore]) -> dict[str, int]:
    outcomes = [score.measures.outcome for score in scores]
    return {
        "objects": outcomes.count("found") + outcomes.count("missed"),
        "missed": outcomes.count("missed"),
        "false_alarms": outcomes.count("false_alarm"),
    }


def _by_class(scores: Sequence[VolumeScore]) -> list[tuple[str, list[VolumeScore]]]:
    return sorted(grouped(scores, lambda s: s.class_name).items())
