from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from samdomains.evaluation.clicks import ClickScore, summarize_clicks
from samdomains.files import write_json


def clicked(case: str, *ious: float, system: str = "tuned") -> ClickScore:
    return ClickScore(case, case, "cell", 0, system, ious)


def test_the_first_click_that_reaches_the_target_counts() -> None:
    score = clicked("a", 0.5, 0.85, 0.8, 0.95)
    assert score.clicks_to(0.85) == 2
    assert score.clicks_to(0.90) == 4
    assert score.clicks_to(0.96) is None


def test_an_object_that_is_not_reached_counts_the_most_clicks() -> None:
    scores = [clicked("a", 0.9, 0.9, 0.9), clicked("b", 0.1, 0.2, 0.3)]
    entry = summarize_clicks(scores, resamples=50, seed=0)["tuned"]
    assert entry["noc85"] == {"mean": 2.0, "ci95": [1.0, 3.0], "n": 2}
    assert (entry["not_reached85"], entry["not_reached90"]) == (1, 1)
    assert (entry["objects"], entry["most"]) == (2, 3)
    assert entry["iou_after"] == pytest.approx([0.5, 0.55, 0.6])


def test_objects_are_averaged_within_their_case_first() -> None:
    scores = [clicked("many", 0.0, 0.9) for _ in range(9)] + [clicked("one", 0.9, 0.9)]
    entry = summarize_clicks(scores, resamples=10, seed=0)["tuned"]
    assert entry["noc90"]["mean"] == pytest.approx(1.5)
    assert entry["iou_after"][0] == pytest.approx(0.45)


def test_each_system_has_its_own_entry() -> None:
    scores = [clicked("a", 0.9), clicked("a", 0.1, system="zero_shot")]
    summary = summarize_clicks(scores, resamples=10, seed=0)
    assert {name: entry["not_reached85"] for name, entry in summary.items()} == {
        "tuned": 0,
        "zero_shot": 1,
    }


def test_different_numbers_of_clicks_make_no_mean() -> None:
    with pytest.raises(ValueError, match=r"\[1, 2\]"):
        summarize_clicks([clicked("a", 0.5), clicked("b", 0.5, 0.6)], resamples=10, seed=0)


def test_a_score_is_read_back_from_json(tmp_path: Path) -> None:
    score = clicked("a", 0.5, 0.6)
    write_json(tmp_path / "score.json", asdict(score))
    read = json.loads((tmp_path / "score.json").read_text(encoding="utf-8"))
    assert ClickScore.from_json(read) == score
