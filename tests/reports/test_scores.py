"""Reading the numbers of ``metrics.json``."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from samdomains.files import write_json
from samdomains.reports.scores import (
    Score,
    best,
    class_names,
    class_score,
    prompt_name,
    prompts,
    score,
    system_name,
    systems,
)

NAN = float("nan")


def test_systems_and_prompts_come_in_the_order_of_the_report(metrics: dict[str, Any]) -> None:
    assert systems(metrics) == ["tuned", "zero_shot", "box_ellipse"]
    assert prompts(metrics) == ["box", "point"]


def test_an_unknown_system_or_prompt_is_kept_at_the_end_under_its_own_name() -> None:
    metrics: dict[str, Any] = {"test": {"mine": {"scribble": {}}, "tuned": {"point+3": {}}}}
    assert systems(metrics) == ["tuned", "mine"]
    assert prompts(metrics) == ["point+3", "scribble"]
    assert (system_name("mine"), prompt_name("scribble")) == ("mine", "scribble")


def test_a_score_has_its_mean_interval_and_number_of_cases(metrics: dict[str, Any]) -> None:
    found = score(metrics, "tuned", "box", "dice")
    assert found == Score(0.91, 0.91 - 0.02, 0.91 + 0.03, 40)
    assert found.has_interval


def test_what_was_not_scored_is_none(metrics: dict[str, Any]) -> None:
    assert score(metrics, "box_ellipse", "point", "dice") is None
    assert score(metrics, "nobody", "box", "iou") is None
    assert class_score(metrics, "tuned", "box", "dice", "absent") is None


def test_nan_and_the_null_that_it_becomes_in_json_read_alike(tmp_path: Path) -> None:
    dice = {"mean": NAN, "ci95": [NAN, NAN], "n": 0}
    iou = {"mean": 0.5, "ci95": [NAN, NAN], "n": 1}
    metrics = {"test": {"tuned": {"box": {"dice": dice, "iou": iou}}}}
    write_json(tmp_path / "metrics.json", metrics)
    for source in (metrics, json.loads((tmp_path / "metrics.json").read_text())):
        assert score(source, "tuned", "box", "dice") is None
        found = score(source, "tuned", "box", "iou")
        assert found is not None
        assert math.isnan(found.low)
        assert not found.has_interval


def test_classes_are_listed_once(metrics: dict[str, Any]) -> None:
    assert class_names(metrics) == ["membrane", "nucleus"]


def test_the_best_is_chosen_as_it_is_shown_and_ties_share_it() -> None:
    scores = [Score(mean, NAN, NAN, 1) for mean in (0.90001, 0.90004, 0.8)]
    assert best([*scores, None]) == [True, True, False, False]
    assert best([None, None]) == [False, False]
