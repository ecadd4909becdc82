from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from samdomains.evaluation.clicks import ClickScore
from samdomains.evaluation.results import ObjectScore, summarize
from samdomains.evaluation.scores import Score, Scores, summarize_scores
from samdomains.files import write_json
from tests.object_making import compared, rectangle


def every_kind(system: str = "tuned") -> list[Score]:
    truth = rectangle(0, 0, 10, 10)
    image = compared("a", [truth], [replace(truth, score=0.5)], system=system)
    clicks = ClickScore("a", "a", "cell", 0, system, (0.5, 0.9))
    return [clicks, image, ObjectScore("a", "a", "cell", 0, system, "auto", 1.0, 1.0, 0.5, 100)]


def test_scores_are_sorted_by_what_they_are_of() -> None:
    click, image, item = every_kind()
    scores = Scores.of([click, image, item])
    assert (scores.objects, scores.images, scores.clicks) == ((item,), (image,), (click,))


def test_scores_of_other_systems_are_added() -> None:
    both = Scores.of(every_kind()) + Scores.of(every_kind("zero_shot"))
    assert both == Scores.of([*every_kind(), *every_kind("zero_shot")])


def test_scores_are_read_back_from_json(tmp_path: Path) -> None:
    scores = Scores.of(every_kind())
    write_json(tmp_path / "scores.json", scores.to_json())
    read = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert Scores.from_json(read) == scores


def test_the_summary_has_a_part_for_each_kind() -> None:
    scores = Scores.of(every_kind())
    summary = summarize_scores(scores, resamples=10, seed=0, cases=1)
    assert list(summary["test"]["tuned"]) == ["auto"]
    for part in ("instances", "semantic", "clicks"):
        assert list(summary[part]) == ["tuned"]


def test_without_images_and_clicks_the_summary_is_that_of_the_objects() -> None:
    scores = Scores(objects=Scores.of(every_kind()).objects)
    summary = summarize_scores(scores, resamples=10, seed=0)
    assert set(summary) == set(summarize(scores.objects, resamples=10, seed=0))
