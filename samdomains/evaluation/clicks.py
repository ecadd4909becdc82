"""Counting clicks: how many it takes until an object is segmented well enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from samdomains.evaluation.averages import finite_mean, grouped, mean_of

TARGETS: Mapping[str, float] = {"85": 0.85, "90": 0.90}
"""IoUs that are to be reached, by what they are called (arXiv:2102.06583)."""


@dataclass(frozen=True, slots=True)
class ClickScore:
    """How well one system did on one object after each click.

    Attributes:
        case: Id of the case.
        group: Patient, scene or slide of the case.
        class_name: Class of the object.
        object_index: Place of the object among the case's objects.
        system: Name of the system.
        ious: IoU after the first click, after the second, and so on.
    """

    case: str
    group: str
    class_name: str
    object_index: int
    system: str
    ious: tuple[float, ...]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ClickScore:
        """Read back what ``write_json(asdict(score))`` wrote."""
        return cls(**{**values, "ious": tuple(values["ious"])})

    def clicks_to(self, target: float) -> int | None:
        """Number of clicks after which the IoU first is ``target`` or more; None if it never is.

        Example:
            >>> score = ClickScore("a", "a", "cell", 0, "tuned", (0.5, 0.9, 0.8))
            >>> score.clicks_to(0.85), score.clicks_to(0.95)
            (2, None)
        """
        return next((n for n, iou in enumerate(self.ious, start=1) if iou >= target), None)


def summarize_clicks(
    scores: Sequence[ClickScore], *, resamples: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Means and 95 percent intervals: the part ``clicks`` of ``metrics.json``.

    Objects are averaged within their case, then the cases, as in the part ``test``.

    Args:
        scores: Of any systems, each with the same number of clicks.
        resamples: Bootstrap resamples.
        seed: Seeds them.

    Returns:
        ``{system: {"noc85", "noc90", "not_reached85", "not_reached90", "objects", "most",
        "iou_after"}}``: the number of clicks to reach an IoU of 0.85 and 0.90 as ``{"mean",
        "ci95", "n"}``, where an object that never reaches it counts the most clicks; how many
        objects did not reach it, of how many; the most clicks; and the mean IoU after each click.

    Raises:
        ValueError: Objects of one system got different numbers of clicks.
    """
    summary: dict[str, dict[str, Any]] = {}
    for system, own in grouped(scores, lambda s: s.system).items():
        given = sorted({len(score.ious) for score in own})
        if len(given) > 1:
            raise ValueError(f"every object of a system gets as many clicks, got {given}")
        cases = list(grouped(own, lambda s: s.case).values())
        groups = [case[0].group for case in cases]
        entry: dict[str, Any] = {}
        for name, target in TARGETS.items():
            counts = [finite_mean(s.clicks_to(target) or given[0] for s in case) for case in cases]
            entry[f"noc{name}"] = mean_of(counts, groups, resamples=resamples, seed=seed)
        for name, target in TARGETS.items():
            entry[f"not_reached{name}"] = sum(s.clicks_to(target) is None for s in own)
        entry |= {"objects": len(own), "most": given[0]}
        entry["iou_after"] = [
            finite_mean(finite_mean(s.ious[click] for s in case) for case in cases)
            for click in range(given[0])
        ]
        summary[system] = entry
    return summary
