from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from segment_anything.modeling import Sam

from samdomains.evaluation.scorer import Asked, score
from samdomains.processes import ALONE
from samdomains.training.validation import validate
from samdomains.types import Case, PromptName

from .conftest import task


def carry_on() -> None:
    pass


@pytest.mark.parametrize(
    ("evaluated", "used"),
    [
        (("box", "point+3"), ("box",)),
        (("point+3",), ("point+3",)),
        (("point", "box"), ("box", "point")),
        (("point+3", "auto"), ("point+3",)),
        (("auto",), ("box", "point")),
    ],
)
def test_validation_uses_the_prompts_that_are_evaluated(
    miniature: Sam,
    cases: list[Case],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    evaluated: tuple[PromptName, ...],
    used: tuple[PromptName, ...],
) -> None:
    seen: list[tuple[str, ...]] = []

    def spy(*arguments: Any, asked: Asked, **rest: Any) -> Any:
        seen.append(tuple(asked.prompts))
        return score(*arguments, asked=asked, **rest)

    monkeypatch.setattr("samdomains.training.validation.score", spy)
    work = task(miniature, cases, tmp_path)
    evaluation = work.recipe.evaluation.model_copy(update={"prompts": evaluated})
    recipe = work.recipe.model_copy(update={"evaluation": evaluation})
    validate(replace(work, recipe=recipe), ALONE, carry_on)
    assert seen == [used]


def test_the_mean_is_over_the_validation_cases(
    miniature: Sam, cases: list[Case], tmp_path: Path
) -> None:
    dice, by_case = validate(task(miniature, cases, tmp_path), ALONE, carry_on)
    assert set(by_case) == {"case4", "case5"}
    assert dice == pytest.approx(sum(by_case.values()) / 2)


def test_it_may_be_stopped_after_each_case(
    miniature: Sam, cases: list[Case], tmp_path: Path
) -> None:
    calls = count(1)

    def stop() -> None:
        if next(calls) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        validate(task(miniature, cases, tmp_path), ALONE, stop)
    assert next(calls) == 2
