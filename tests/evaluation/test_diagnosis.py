from __future__ import annotations

import math
from dataclasses import replace

import pytest

from samdomains.evaluation.card import Card, make_card
from samdomains.evaluation.diagnosis import diagnose
from samdomains.evaluation.health import Findings
from tests.health_making import healthy, overfitting, prompts, retention, sensitivity


def card(gain: float = 0.2, *, groups: int = 8, ellipse: float = 0.1) -> Card:
    names = [f"c{index}" for index in range(groups)]
    dice = {
        "tuned": {"box": dict.fromkeys(names, 0.6 + gain)},
        "zero_shot": {"box": dict.fromkeys(names, 0.6)},
        "box_ellipse": {"box": dict.fromkeys(names, ellipse)},
    }
    return make_card(dice, {name: name for name in names}, trained_on=9)


def named(of: Card, findings: Findings) -> list[str]:
    return [problem.name for problem in diagnose(of, findings).problems]


def test_a_model_without_a_problem_may_be_shipped() -> None:
    health = diagnose(card(), healthy())
    assert (health.verdict, health.problems) == ("ship", ())
    assert health.retention == healthy().retention


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (card(-0.1), "worse than zero-shot"),
        (card(0.0), "no clear gain"),
        (card(groups=4), "more data"),
        (card(ellipse=0.9), "more data"),
    ],
)
def test_what_the_test_scores_say_stays_a_problem(of: Card, expected: str) -> None:
    health = diagnose(of, healthy())
    assert health.verdict == expected
    assert health.problems[0].remedy == of.advice


@pytest.mark.parametrize(
    "name", ["background_points", "empty_boxes", "other_objects", "answer_overlap"]
)
def test_any_habit_that_the_base_has_not_is_named_with_its_number(name: str) -> None:
    base = sensitivity(other_objects=0.1)
    spoilt = replace(healthy(), prompt_sensitivity=prompts(sensitivity(**{name: 0.7}), base))
    (problem,) = diagnose(card(), spoilt).problems
    assert problem.name == "ignores prompts"
    assert problem.value == pytest.approx(0.7 - getattr(base, name))
    habit = sensitivity(**{name: 0.7})
    assert named(card(), replace(healthy(), prompt_sensitivity=prompts(habit, habit))) == []


def test_a_share_of_a_handful_of_answers_accuses_nobody() -> None:
    spoilt = sensitivity(empty_boxes=1.0)
    few = replace(healthy(), prompt_sensitivity=prompts(spoilt, sensitivity(), answers=7))
    assert named(card(), few) == []


@pytest.mark.parametrize(
    ("train", "test", "found"),
    [(0.3, 0.05, True), (0.3, 0.25, False), (0.4, 0.25, False), (0.06, 0.0, False)],
)
def test_over_fitted_is_who_carries_little_of_a_large_gain_over(
    train: float, test: float, found: bool
) -> None:
    spoilt = replace(healthy(), overfitting=overfitting(train, test))
    assert named(card(), spoilt) == (["over-fitted"] if found else [])


@pytest.mark.parametrize(
    ("train", "kept", "found"), [(0.3, 0.87, True), (0.3, 0.89, False), (-0.1, 0.87, False)]
)
def test_over_fitted_is_who_was_trained_past_its_best_epoch(
    train: float, kept: float, found: bool
) -> None:
    spoilt = replace(healthy(), overfitting=overfitting(train, train, kept))
    assert named(card(), spoilt) == (["over-fitted"] if found else [])


def test_forgetting_is_a_problem_from_its_threshold_on() -> None:
    assert named(card(), replace(healthy(), retention=retention(-0.049))) == []
    (problem,) = diagnose(card(), replace(healthy(), retention=retention(-0.2))).problems
    assert (problem.name, problem.value, problem.threshold) == ("forgot other domains", -0.2, -0.05)


def test_what_does_not_exist_is_no_problem() -> None:
    unknown = replace(
        healthy(), retention=retention(math.nan), overfitting=overfitting(math.nan, math.nan)
    )
    assert named(card(), unknown) == []


def test_several_problems_are_all_named_the_gravest_first() -> None:
    spoilt = replace(
        healthy(),
        retention=retention(-0.3),
        overfitting=overfitting(0.4, -0.1),
        prompt_sensitivity=prompts(sensitivity(empty_boxes=1.0), sensitivity()),
    )
    assert named(card(-0.1, groups=4), spoilt) == [
        "worse than zero-shot",
        "ignores prompts",
        "over-fitted",
        "more data",
        "forgot other domains",
    ]
