"""The scorer where systems find objects by themselves, and where clicks are counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from samdomains.evaluation.baselines import BoxEllipse
from samdomains.evaluation.scorer import Asked, score
from samdomains.evaluation.scores import Scores
from samdomains.processes import Processes
from samdomains.protocols import Normalizer, PromptedImage
from samdomains.types import Image, Mask, ObjectMask, Prediction, Prompts
from tests.evaluation.test_scorer import Make, noise, oracle, run, run_all, squares


@dataclass(frozen=True)
class FindingReader:
    """A fake system that finds the objects of a label map by itself, and may be prompted too."""

    reader: Any
    answers: Callable[[Mask], list[Mask]]

    def encode(self, image: Image) -> FindingImage:
        return FindingImage(self.reader.encode(image), self.answers)


@dataclass(frozen=True)
class FindingImage:
    encoded: Any
    answers: Callable[[Mask], list[Mask]]

    def predict(self, prompts: Sequence[Prompts], *, multimask: bool) -> list[Prediction]:
        found: list[Prediction] = self.encoded.predict(prompts, multimask=multimask)
        return found

    def objects(self) -> list[Prediction]:
        labels = self.encoded.labels
        masks = [m for v in np.unique(labels[labels > 0]) for m in self.answers(labels == v)]
        return [as_prediction(mask, 0.9 - 0.1 * i) for i, mask in enumerate(masks)]


def as_prediction(mask: Mask, iou: float) -> Prediction:
    logits = np.where(mask, 2, -2).astype(np.float32)
    return Prediction(logits, (0, 0), (40, 60), np.zeros((0, 0), np.float32), iou)


def test_a_system_that_finds_objects_is_scored_without_prompts(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    reader = make_reader(oracle)
    system = FindingReader(reader, lambda truth: [truth])
    scores = run_all(
        {"s": system, "box_ellipse": BoxEllipse()},
        [make_case("a", squares())],
        normalizer,
        prompts=("auto",),
    )
    assert [(s.object_index, s.prompt, s.dice) for s in scores.objects] == [
        (0, "auto", 1.0),
        (1, "auto", 1.0),
        (2, "auto", 1.0),
    ]
    assert [s.predicted_iou for s in scores.objects] == pytest.approx([0.9, 0.8, 0.7])
    (image,) = scores.images
    assert (image.system, image.matched, image.false_answers) == ("s", (1.0,) * 3, 0)
    assert reader.asked == []


def test_an_object_that_is_not_found_scores_zero_and_an_answer_counts_once(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    labels = squares(2)
    both = labels > 0

    def first_only(truth: Mask) -> list[Mask]:
        return [both, np.zeros_like(truth)] if truth[2, 2] else []

    system = FindingReader(make_reader(oracle), first_only)
    cases = [make_case("a", labels)]
    first, second = run({"s": system}, cases, normalizer, prompts=("auto",))
    assert (first.iou, second.iou) == (0.5, 0.0)
    assert math.isnan(second.predicted_iou)


def test_systems_that_need_prompts_find_objects_with_the_finder(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    seen: list[tuple[int, ...]] = []

    def find(encoded: PromptedImage, image: Image) -> list[ObjectMask]:
        seen.append(image.shape)
        point = Prompts(points=np.array([[4, 4]], np.float32), point_labels=np.ones(1, np.int64))
        return [ObjectMask.from_prediction(a) for a in encoded.predict([point], multimask=True)]

    cases = [make_case("a", squares(2))]
    scores = run({"s": make_reader(oracle)}, cases, normalizer, prompts=("auto",), find=find)
    assert [s.iou for s in scores] == [1.0, 0.0]
    assert seen == [(3, 40, 60)]


def test_without_a_finder_a_system_must_find_objects_itself(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    with pytest.raises(TypeError, match="s does not find objects by itself"):
        run({"s": make_reader(oracle)}, [make_case("a", squares())], normalizer, prompts=("auto",))


def test_an_empty_case_is_looked_at_where_answers_are_automatic(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    scores = run_all(
        {"s": make_reader(oracle)},
        [make_case("a", squares(0))],
        normalizer,
        prompts=("box", "auto"),
        find=lambda *_: [ObjectMask.from_prediction(as_prediction(squares(1) > 0, 0.5))],
    )
    assert scores.objects == ()
    (image,) = scores.images
    assert (image.empty, image.false_answers) == (True, 1)
    assert image.answered == pytest.approx(36 / 2400)


def test_clicks_are_the_point_and_its_corrections_asked_once(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    reader = make_reader(noise)
    scores = run_all(
        {"s": reader, "box_ellipse": BoxEllipse()},
        [make_case("a", squares(1))],
        normalizer,
        prompts=("point", "point+3"),
        clicks=6,
    )
    assert [len(prompt.points) for prompt, _ in reader.asked] == [1, 2, 3, 4, 5, 6]
    (clicks,) = scores.clicks
    assert len(clicks.ious) == 6
    by_prompt = {s.prompt: s.iou for s in scores.objects}
    assert by_prompt == {"point": clicks.ious[0], "point+3": clicks.ious[3]}


def test_fewer_clicks_than_corrections_leave_the_corrections_as_they_are(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    cases = [make_case("a", squares(2))]
    plain = run({"s": make_reader(noise)}, cases, normalizer)
    scores = run_all({"s": make_reader(noise)}, cases, normalizer, clicks=2)
    assert scores.objects == plain
    assert [len(s.ious) for s in scores.clicks] == [2, 2]


def test_an_answer_without_error_keeps_its_score_for_all_clicks(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    reader = make_reader(oracle)
    cases = [make_case("a", squares(1))]
    (clicks,) = run_all({"s": reader}, cases, normalizer, prompts=("box",), clicks=5).clicks
    assert clicks.ious == (1.0,) * 5
    assert len(reader.asked) == 2  # the box and one point


def test_processes_that_share_the_cases_come_to_the_scores_of_one(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    cases = [make_case(name, squares(count)) for name, count in zip("abcde", range(5), strict=True)]
    board: list[Any] = [None, None]
    both_done = Barrier(2)

    class Member(Processes):
        def gather(self, make: Callable[[], Any]) -> list[Any]:
            board[self.index] = make()
            both_done.wait()
            return list(board)

    def work(processes: Processes) -> Scores:
        system = FindingReader(make_reader(noise), lambda truth: [np.roll(truth, 1), truth])
        asked = Asked(("box", "auto"), minimum_area=1, clicks=2)
        return score({"s": system}, cases, normalizer=normalizer, asked=asked, processes=processes)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(work, (Member(0, 2), Member(1, 2)))
    assert [image.case for image in first.images] == list("abcde")
    for together in (first, second):
        for kind in ("objects", "clicks"):
            assert getattr(together, kind) == getattr(work(Processes()), kind)
        assert [i.outcomes for i in together.images] == [i.outcomes for i in first.images]
