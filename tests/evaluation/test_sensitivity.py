"""Systems whose habits are known, asked what the health card asks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samdomains.evaluation.drawn_cases import DrawnCase
from samdomains.evaluation.sensitivity import (
    CLICKS,
    JITTERS,
    PromptSensitivity,
    make_questions,
    prompt_sensitivity,
)
from samdomains.types import (
    Case,
    CaseStatistics,
    Image,
    Mask,
    ObjectMask,
    Prediction,
    Prompts,
    RawImage,
)
from tests.object_making import SIZE, random_truths, rectangle

LEFT, RIGHT = rectangle(4, 4, 12, 12), rectangle(24, 40, 12, 12)
Answer = Callable[[Prompts], Mask]


@dataclass
class System:
    """Answers each prompt with a mask that a function makes of it."""

    answer: Answer
    asked: list[Prompts] = field(default_factory=list)

    def encode(self, _: Image) -> System:
        return self

    def predict(self, prompts: Sequence[Prompts], *, multimask: bool) -> list[Prediction]:
        self.asked.extend(prompts)
        return [
            Prediction(
                logits=np.where(self.answer(prompt), 1, -1).astype(np.float32),
                origin=(0, 0),
                image_size=SIZE,
                low_resolution=np.zeros((4, 4), dtype=np.float32),
                predicted_iou=0.5 + multimask,
            )
            for prompt in prompts
        ]


def obedient(prompt: Prompts) -> Mask:
    """The object under the prompt, or nothing."""
    touched = np.zeros(SIZE, dtype=bool)
    if prompt.box is not None:
        x0, y0, x1, y1 = prompt.box.round().astype(int)
        touched[y0:y1, x0:x1] = True
    for x, y in prompt.points.astype(int):
        touched[y, x] = True
    found = np.zeros(SIZE, dtype=bool)
    for item in (LEFT, RIGHT):
        if (item.mask() & touched).any():
            found |= item.mask()
    return found


def habitual(_: Prompts) -> Mask:
    return LEFT.mask()


def box_filler(prompt: Prompts) -> Mask:
    filled = np.zeros(SIZE, dtype=bool)
    if prompt.box is not None:
        x0, y0, x1, y1 = prompt.box.round().astype(int)
        filled[y0:y1, x0:x1] = True
    return filled


def drawn(objects: Sequence[ObjectMask], name: str = "a") -> DrawnCase:
    case = Case(name, name, lambda: np.zeros((1, *SIZE)), lambda: tuple(objects), {1: "object"})
    return DrawnCase(case, tuple(objects), tuple(range(len(objects))))


def grey(pixels: RawImage, statistics: CaseStatistics) -> Image:
    return np.repeat(pixels, 3, axis=0).astype(np.float32)


def measured(*answers: Answer, objects: Sequence[ObjectMask] = (LEFT, RIGHT)) -> PromptSensitivity:
    systems = {answer.__name__: System(answer) for answer in answers}
    return prompt_sensitivity(systems, [drawn(objects)], normalizer=grey, minimum_area=4, seed=0)


def test_who_follows_the_prompt_returns_nothing_else() -> None:
    found = measured(obedient)
    assert (found.images, found.objects) == (1, 2)
    assert found.answers == {
        "background_points": 2,
        "empty_boxes": 2,
        "other_objects": 4,
        "answer_overlap": 2,
    }
    own = found.systems["obedient"]
    assert own.box_jitter == dict.fromkeys(JITTERS, 1.0)
    assert own.clicks == dict.fromkeys(CLICKS, 1.0)
    wrong = (own.background_points, own.empty_boxes, own.other_objects, own.answer_overlap)
    assert wrong == (0, 0, 0, 0)


def test_who_always_returns_one_object_is_found_out() -> None:
    own = measured(habitual).systems["habitual"]
    assert (own.background_points, own.empty_boxes) == (1, 1)
    assert own.other_objects == 0.5  # of the prompts on the right object, box and point
    assert own.answer_overlap == 1
    assert own.box_jitter == dict.fromkeys(JITTERS, 0.5)


def test_who_fills_the_box_suffers_from_its_error() -> None:
    own = measured(box_filler).systems["box_filler"]
    dice = list(own.box_jitter.values())
    assert dice[0] == 1
    assert dice == sorted(dice, reverse=True)
    assert dice[-1] < 0.95
    assert own.empty_boxes == 0


def test_every_system_gets_the_same_prompts() -> None:
    systems = {"first": System(obedient), "second": System(habitual)}
    prompt_sensitivity(
        systems, [drawn((LEFT, RIGHT))], normalizer=grey, minimum_area=4, seed=0, progress=print
    )
    first, second = ([repr(p) for p in systems[name].asked] for name in ("first", "second"))
    assert first == second


def test_one_object_alone_has_no_other_to_be_taken_for() -> None:
    own = measured(habitual, objects=[LEFT]).systems["habitual"]
    assert math.isnan(own.other_objects)
    assert math.isnan(own.answer_overlap)
    assert own.background_points == 1


def test_an_object_within_another_is_no_other() -> None:
    own = measured(habitual, objects=[LEFT, rectangle(6, 6, 4, 4)]).systems["habitual"]
    assert math.isnan(own.other_objects)


def test_an_image_without_background_asks_for_none() -> None:
    found = measured(habitual, objects=[rectangle(0, 0, *SIZE)])
    assert set(found.answers.values()) == {0}
    assert math.isnan(found.systems["habitual"].empty_boxes)


def test_answers_of_nothing_have_nothing_in_common() -> None:
    def nothing(_: Prompts) -> Mask:
        return np.zeros(SIZE, dtype=bool)

    assert measured(nothing).systems["nothing"].answer_overlap == 0


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_points_are_on_the_object_and_background_is_background(seed: int, count: int) -> None:
    objects = random_truths(np.random.default_rng(seed), count)
    questions = make_questions(drawn(objects), 1, seed)
    occupied = np.logical_or.reduce([item.mask() for item in objects])
    for target, prompt in zip(questions.targets, questions.points[max(CLICKS)], strict=True):
        assert all(target.mask()[int(y), int(x)] for x, y in prompt.points)
    for prompt in questions.background:
        x, y = prompt.points[0].astype(int)
        assert not occupied[y, x]
    for prompt in questions.empty:
        assert prompt.box is not None
        x0, y0, x1, y1 = prompt.box.astype(int)
        assert not occupied[y0:y1, x0:x1].any()
        assert (y1 - y0, x1 - x0) in {item.crop.shape for item in objects}
        assert 0 <= x0 < x1 <= SIZE[1]
        assert 0 <= y0 < y1 <= SIZE[0]


def test_the_seed_and_the_image_alone_decide() -> None:
    def boxes(name: str, seed: int) -> list[list[float]]:
        asked = make_questions(drawn((LEFT, RIGHT), name), 1, seed).boxes[0.2]
        return [p.box.tolist() for p in asked if p.box is not None]

    assert boxes("a", 0) == boxes("a", 0)
    assert boxes("a", 0) != boxes("b", 0)
    assert boxes("a", 0) != boxes("a", 1)
    exact = make_questions(drawn((LEFT, RIGHT)), 1, 0).boxes[0.0]
    assert [p.box.tolist() for p in exact if p.box is not None] == [
        pytest.approx(item.box.tolist()) for item in (LEFT, RIGHT)
    ]
