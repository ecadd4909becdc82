from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from samdomains.evaluation.instances import Found, ImageScore
from samdomains.evaluation.matching import IGNORED, RIGHT, THRESHOLDS
from samdomains.files import write_json
from tests.object_making import SIZE, compared, rectangle


def test_an_image_is_scored_by_all_of_its_answers() -> None:
    truth, speck = rectangle(0, 0, 10, 10), rectangle(40, 40, 1, 1)
    answer = replace(truth, score=0.9)
    score = compared("a", [truth, speck], [answer, replace(speck, score=0.3)], minimum_area=4)
    assert (score.empty, score.objects, score.segments) == (False, 1, 1)
    assert score.confidences == (0.9, 0.3)
    assert score.outcomes == ((RIGHT, IGNORED),) * len(THRESHOLDS)
    assert (score.matched, score.false_answers) == ((1.0,), 0)
    assert score.areas == (100, 100, 100)
    assert score.areas.overlap == (1.0, 1.0)


def test_only_an_image_without_any_annotation_is_empty() -> None:
    crowd = replace(rectangle(0, 0, 10, 10), crowd=True)
    assert compared("a", [], []).empty
    assert not compared("a", [crowd], []).empty
    assert math.isnan(compared("a", [crowd], []).areas.overlap.dice)


def test_a_score_is_read_back_from_json(tmp_path: Path) -> None:
    truth = rectangle(0, 0, 10, 10)
    kept = compared("a", [truth], [replace(truth, score=0.5)])
    empty = compared("b", [], [])
    write_json(tmp_path / "scores.json", [asdict(kept), asdict(empty)])
    read = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    first, second = (ImageScore.from_json(values) for values in read)
    assert (first, second) == (kept, empty)


@pytest.mark.parametrize("score", [None, math.nan])
def test_answers_without_a_score_cannot_be_put_in_order(score: float | None) -> None:
    with pytest.raises(ValueError, match="needs a score"):
        Found([replace(rectangle(0, 0, 4, 4), score=score)], SIZE)
