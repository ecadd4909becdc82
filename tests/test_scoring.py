from __future__ import annotations

import math
from pathlib import Path

import pytest

from samdomains.errors import RunDirectoryError
from samdomains.evaluation.results import ObjectScore
from samdomains.evaluation.scores import Scores
from samdomains.files import write_json
from samdomains.recipe import Recipe
from samdomains.scoring import read_kept, summarized


def score(system: str, case: str, dice: float) -> ObjectScore:
    return ObjectScore(
        case=case,
        group=case,
        class_name="cell",
        object_index=0,
        system=system,
        prompt="box",
        dice=dice,
        iou=dice,
        predicted_iou=math.nan,
        area=9,
    )


SCORES = Scores(
    tuple(
        score(system, case, dice + gain)
        for system, gain in (("tuned", 0.1), ("zero_shot", 0.0))
        for case, dice in (("a", 0.5), ("b", 0.7))
    )
)


def test_metrics_hold_scores_their_tolerance_and_the_comparison_of_systems() -> None:
    metrics = summarized(SCORES, (), Recipe(), ())
    assert metrics["test"]["tuned"]["box"]["dice"]["mean"] == pytest.approx(0.7)
    assert metrics["tolerance_px"] == Recipe().evaluation.tolerance_px
    (entry,) = metrics["comparisons"]["box"].values()
    assert entry["mean"] == pytest.approx(0.1)
    assert "volumes" not in metrics


def test_scores_that_an_interrupted_run_kept_come_back(tmp_path: Path) -> None:
    write_json(tmp_path / "kept.json", SCORES.to_json())
    kept = read_kept(tmp_path / "kept.json")
    assert [score.dice for score in kept.objects] == [score.dice for score in SCORES.objects]


@pytest.mark.parametrize("content", ["[]", "{", '{"objects": [{}]}'])
def test_kept_scores_of_another_version_say_what_to_do(content: str, tmp_path: Path) -> None:
    (tmp_path / "kept.json").write_text(content)
    with pytest.raises(RunDirectoryError, match=r"of another version of samdomains\. Remove it"):
        read_kept(tmp_path / "kept.json")
