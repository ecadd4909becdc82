from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

import pytest

from samdomains.evaluation.surface import VolumeMeasures
from samdomains.evaluation.volume_results import MEASURES, VolumeScore, summarize_volumes
from samdomains.files import write_json

MISSED = VolumeMeasures("missed", 0.0, 0.0, 0.0, volume_ml=2.0, volume_difference_ml=-2.0)


def found(dice: float, hd95_mm: float = 3.0) -> VolumeMeasures:
    return VolumeMeasures("found", dice, dice / (2 - dice), 0.9, hd95_mm, 1.0, 10.0, -0.5, -0.05)


def scored(
    case: str,
    measures: VolumeMeasures,
    *,
    name: str = "liver",
    system: str = "tuned",
    prompt: str = "box@middle",
    tolerance: float = 2.0,
) -> VolumeScore:
    return VolumeScore(case, f"patient {case}", name, 0, system, prompt, tolerance, measures)


def test_the_summary_has_the_structure_of_the_contract() -> None:
    scores = [
        scored(case, found(dice), name=name, system=system)
        for case, dice, name in (("a", 0.5, "liver"), ("b", 0.8, "liver"), ("b", 0.4, "spleen"))
        for system in ("tuned", "zero_shot")
    ]
    summary = summarize_volumes(scores, resamples=100, seed=0)
    assert {system: set(prompts) for system, prompts in summary.items()} == {
        "tuned": {"box@middle"},
        "zero_shot": {"box@middle"},
    }
    entry = summary["tuned"]["box@middle"]
    counts = {"objects", "missed", "false_alarms"}
    assert set(entry) == {*MEASURES, *counts, "tolerance_mm", "per_class", "per_case"}
    assert entry["tolerance_mm"] == 2.0
    for part in (entry, *entry["per_class"].values()):
        assert all(set(part[name]) == {"mean", "ci95", "n"} for name in MEASURES)
    assert list(entry["per_class"]) == ["liver", "spleen"]
    assert set(entry["per_case"]["b"]) == {*MEASURES, *counts, "per_class"}
    assert entry["per_case"]["b"]["per_class"]["spleen"]["dice"] == pytest.approx(0.4)
    json.dumps(summary)


def test_objects_are_averaged_within_their_volume_first() -> None:
    scores = [scored("many", found(0.2)) for _ in range(9)] + [scored("one", found(1.0))]
    dice = summarize_volumes(scores, resamples=100, seed=0)["tuned"]["box@middle"]["dice"]
    assert dice["mean"] == pytest.approx(0.6)
    assert dice["n"] == 2
    assert 0.2 <= dice["ci95"][0] <= 0.6 <= dice["ci95"][1] <= 1.0


def test_a_missed_object_lowers_dice_and_is_counted_where_distances_leave_it_out() -> None:
    scores = [scored("a", found(0.8, 4.0)), scored("a", MISSED), scored("b", MISSED)]
    entry = summarize_volumes(scores, resamples=100, seed=0)["tuned"]["box@middle"]
    assert entry["dice"]["mean"] == pytest.approx(0.2)
    assert (entry["objects"], entry["missed"]) == (3, 2)
    assert (entry["hd95_mm"]["mean"], entry["hd95_mm"]["n"]) == (4.0, 1)
    assert math.isnan(entry["per_case"]["b"]["hd95_mm"])


def test_absent_structures_count_in_no_mean_and_answers_to_them_are_false_alarms() -> None:
    scores = [
        scored("a", found(0.8)),
        scored("a", VolumeMeasures("false_alarm"), name="spleen"),
        scored("b", VolumeMeasures("absent"), name="spleen"),
    ]
    entry = summarize_volumes(scores, resamples=100, seed=0)["tuned"]["box@middle"]
    assert (entry["dice"]["mean"], entry["dice"]["n"]) == (0.8, 1)
    assert (entry["objects"], entry["missed"], entry["false_alarms"]) == (1, 0, 1)
    assert entry["per_class"]["spleen"]["dice"]["n"] == 0


def test_surface_dice_of_different_tolerances_is_not_averaged() -> None:
    scores = [scored("a", found(0.8)), scored("b", found(0.8), tolerance=3.0)]
    with pytest.raises(ValueError, match=r"\[2.0, 3.0\] mm for box@middle"):
        summarize_volumes(scores, resamples=100, seed=0)
    summary = summarize_volumes(
        [scores[0], scored("a", found(0.8), prompt="points@middle", tolerance=3.0)],
        resamples=100,
        seed=0,
    )
    assert summary["tuned"]["points@middle"]["tolerance_mm"] == 3.0


def test_scores_come_back_from_json(tmp_path: Path) -> None:
    score = scored("a", MISSED)
    write_json(tmp_path / "a.json", asdict(score))
    again = VolumeScore.from_json(json.loads((tmp_path / "a.json").read_text()))
    assert again.measures.outcome == "missed"
    assert asdict(again.measures) == pytest.approx(asdict(score.measures), nan_ok=True)
    assert {**asdict(again), "measures": None} == {**asdict(score), "measures": None}
