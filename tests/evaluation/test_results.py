from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from samdomains.evaluation.results import (
    MEASURES,
    ObjectScore,
    clearly_better,
    dice_by_case,
    summarize,
    validation_dice,
)
from samdomains.files import write_json
from samdomains.types import PromptName


def scored(
    case: str,
    dice: float,
    *,
    group: str | None = None,
    class_name: str = "cell",
    system: str = "tuned",
    prompt: PromptName = "box",
) -> ObjectScore:
    iou = dice / (2 - dice)
    group = case if group is None else group
    return ObjectScore(case, group, class_name, 0, system, prompt, dice, iou, 0.9, 100)


def test_objects_are_averaged_within_their_case_first() -> None:
    scores = [scored("many", 0.2) for _ in range(99)] + [scored("one", 1.0)]
    dice = summarize(scores, resamples=100, seed=0)["test"]["tuned"]["box"]["dice"]
    assert dice["mean"] == pytest.approx(0.6)
    assert dice["n"] == 2


def test_the_summary_has_the_structure_of_the_contract() -> None:
    answered: list[tuple[str, PromptName]] = [
        ("tuned", "box"),
        ("tuned", "point"),
        ("box_ellipse", "box"),
    ]
    scores = [
        scored(case, dice, system=system, prompt=prompt, class_name=name)
        for case, dice, name in (("a", 0.5, "cell"), ("b", 0.8, "cell"), ("b", 0.4, "debris"))
        for system, prompt in answered
    ]
    summary = summarize(scores, resamples=100, seed=0, cases=5)
    assert set(summary) == {"schema", "prompt_source", "test", "empty_cases"}
    assert (summary["schema"], summary["prompt_source"]) == (1, "ground_truth")
    assert summary["empty_cases"] == 3
    assert {name: set(prompts) for name, prompts in summary["test"].items()} == {
        "tuned": {"box", "point"},
        "box_ellipse": {"box"},
    }
    metrics = summary["test"]["tuned"]["point"]
    assert set(metrics) == {*MEASURES, "objects", "missed", "per_class"}
    assert metrics["dice"]["mean"] == pytest.approx((0.5 + 0.6) / 2)
    low, high = metrics["dice"]["ci95"]
    assert (low, high) == pytest.approx((0.5, 0.6))
    per_class = metrics["per_class"]
    assert list(per_class) == ["cell", "debris"]
    assert per_class["cell"]["dice"]["mean"] == pytest.approx(0.65)
    assert per_class["debris"]["iou"]["mean"] == pytest.approx(0.25)
    assert per_class["debris"]["dice"]["n"] == 1


def test_a_structure_scored_nan_does_not_move_the_mean() -> None:
    scores = [scored("a", 0.5), scored("a", math.nan), scored("b", math.nan), scored("c", 0.7)]
    dice = summarize(scores, resamples=100, seed=0)["test"]["tuned"]["box"]["dice"]
    assert dice["mean"] == pytest.approx(0.6)
    assert dice["n"] == 2


def test_cases_of_one_patient_give_no_interval(tmp_path: Path) -> None:
    scores = [scored("a", 0.5, group="patient"), scored("b", 0.7, group="patient")]
    write_json(tmp_path / "metrics.json", summarize(scores, resamples=100, seed=0))
    written = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    dice = written["test"]["tuned"]["box"]["dice"]
    assert dice == {"mean": pytest.approx(0.6), "ci95": [None, None], "n": 2}


def test_boundaries_are_averaged_and_missed_objects_counted() -> None:
    found = replace(scored("a", 0.9), boundary_f=0.8, nsd=0.6, hd95_px=3.0)
    missed = replace(scored("a", 0.0), boundary_f=0.0, nsd=0.0)
    elsewhere = replace(scored("b", 0.0), boundary_f=0.0, nsd=0.0, hd95_px=40.0)
    entry = summarize([found, missed, elsewhere], resamples=10, seed=0)["test"]["tuned"]["box"]
    assert entry["boundary_f"]["mean"] == pytest.approx((0.4 + 0) / 2)
    assert entry["nsd"]["mean"] == pytest.approx((0.3 + 0) / 2)
    assert entry["hd95_px"]["mean"] == pytest.approx((3 + 40) / 2)
    assert (entry["objects"], entry["missed"]) == (3, 1)
    assert entry["per_class"]["cell"]["missed"] == 1


def test_without_boundaries_nothing_is_said_of_them() -> None:
    entry = summarize([scored("a", 0.0)], resamples=10, seed=0)["test"]["tuned"]["box"]
    assert (entry["nsd"]["n"], entry["missed"]) == (0, 0)


def test_without_scores_the_test_is_empty() -> None:
    assert summarize([], resamples=10, seed=0, cases=2) == {
        "schema": 1,
        "prompt_source": "ground_truth",
        "test": {},
        "empty_cases": 2,
    }


def test_validation_dice_weighs_every_prompt_alike() -> None:
    scores = [scored("a", 0.8), scored("b", 0.6), scored("a", 0.3, prompt="point")]
    assert validation_dice(scores) == pytest.approx((0.7 + 0.3) / 2)


def test_validation_dice_of_nothing_is_nan() -> None:
    assert math.isnan(validation_dice([]))


def test_validation_dice_refuses_to_mix_systems() -> None:
    with pytest.raises(ValueError, match="one system"):
        validation_dice([scored("a", 0.8), scored("a", 0.8, system="zero_shot")])


def test_the_dice_of_a_case_weighs_every_prompt_alike() -> None:
    scores = [scored("a", 0.8), scored("a", 0.6), scored("a", 0.3, prompt="point")]
    found = dice_by_case([*scores, scored("b", float("nan"))])
    assert found == {"a": pytest.approx((0.7 + 0.3) / 2)}


def test_one_case_shows_nothing() -> None:
    assert not clearly_better({"a": 0.9}, {"a": 0.1})
    assert not clearly_better({"a": 0.5, "b": 0.5}, {"a": 0.5, "b": 0.5})
    assert clearly_better({"a": 0.5, "b": 0.6, "c": 0.55}, {"a": 0.4, "b": 0.5, "c": 0.45})
