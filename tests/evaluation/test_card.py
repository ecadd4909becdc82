"""The card: paired gain, its interval by group, the verdict and the advice."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samdomains.evaluation.card import Card, case_dice, make_card
from samdomains.evaluation.diagnosis import diagnose
from samdomains.evaluation.interpolation import interpolate
from samdomains.evaluation.results import ObjectScore
from samdomains.files import write_json
from tests.health_making import healthy, retention

CASES = [f"case{index}" for index in range(12)]
OWN_GROUP = {case: case for case in CASES}


def scores(base: float, spread: float = 0.0) -> dict[str, float]:
    """Dice of every case: base, plus or minus spread in turns."""
    return {case: base + spread * (-1) ** index for index, case in enumerate(CASES)}


def card_of(tuned: dict[str, float], zero_shot: dict[str, float], ellipse: float = 0.1) -> Card:
    dice = {
        "tuned": {"box": tuned},
        "zero_shot": {"box": zero_shot},
        "box_ellipse": {"box": scores(ellipse)},
    }
    return make_card(dice, OWN_GROUP, trained_on=40)


def test_a_gain_in_every_case_is_better_and_has_the_closed_form_mean() -> None:
    card = card_of(scores(0.9, 0.02), scores(0.7, 0.02))
    (box,) = card.prompts
    assert card.verdict == "better than zero-shot"
    assert box.gain.mean == pytest.approx(0.2)
    assert box.gain.ci95 == pytest.approx((0.2, 0.2))
    assert (box.tuned, box.zero_shot) == pytest.approx((0.9, 0.7))
    assert (box.cases, box.groups) == (12, 12)
    assert box.gain.p_value == 2 / 2**12
    assert "Use the tuned model" in card.advice


def test_a_loss_in_every_case_is_worse() -> None:
    card = card_of(scores(0.6), scores(0.7))
    assert card.verdict == "worse than zero-shot"
    assert "Keep the zero-shot model" in card.advice
    assert "40 images" in card.advice


def test_differences_that_cancel_are_no_clear_gain() -> None:
    card = card_of(scores(0.7, 0.1), scores(0.7))
    low, high = card.prompts[0].gain.ci95
    assert card.verdict == "no clear gain"
    assert low < 0 < high


@pytest.mark.parametrize("change", [0.0, 1e-7, -1e-7, 9e-4, -9e-4])
def test_a_model_that_is_as_good_as_unchanged_is_no_clear_gain(change: float) -> None:
    assert card_of(scores(0.7 + change), scores(0.7)).verdict == "no clear gain"


def test_a_gain_that_does_not_clear_the_ellipse_is_not_to_be_shipped() -> None:
    card = card_of(scores(0.7), scores(0.5), ellipse=0.75)
    assert card.verdict == "better than zero-shot"
    assert card.prompts[0].clears_ellipse is False
    assert "ellipse" in card.advice


def test_one_prompt_better_and_another_worse_names_both() -> None:
    dice = {
        "tuned": {"box": scores(0.9), "point": scores(0.3)},
        "zero_shot": {"box": scores(0.8), "point": scores(0.5)},
    }
    card = make_card(dice, OWN_GROUP, trained_on=3)
    assert card.verdict == "no clear gain"
    assert card.advice == "Use the tuned model with box prompts only: point prompts got worse."
    assert card.prompts[0].clears_ellipse is None


def test_the_interval_is_by_group_not_by_case() -> None:
    """Forty cases of two patients are two observations: one good, one bad."""
    cases = [f"c{index}" for index in range(40)]
    groups = {case: "good" if index < 20 else "bad" for index, case in enumerate(cases)}
    before = dict.fromkeys(cases, 0.5)
    after = {case: 0.9 if groups[case] == "good" else 0.4 for case in cases}
    card = make_card({"tuned": {"box": after}, "zero_shot": {"box": before}}, groups, trained_on=9)
    assert card.prompts[0].gain.mean == pytest.approx(0.15)
    assert card.prompts[0].gain.ci95 == pytest.approx((-0.1, 0.4))
    assert card.verdict == "no clear gain"
    assert "only 2 independent groups" in card.advice


def test_a_single_group_has_no_interval_and_no_verdict_for_better() -> None:
    dice = {"tuned": {"box": {"a": 0.9, "b": 0.9}}, "zero_shot": {"box": {"a": 0.1, "b": 0.1}}}
    card = make_card(dice, {"a": "p", "b": "p"}, trained_on=1)
    assert card.prompts[0].gain.mean == pytest.approx(0.8)
    assert all(math.isnan(bound) for bound in card.prompts[0].gain.ci95)
    assert card.verdict == "no clear gain"
    assert "only 1 independent group was scored" in card.advice


def test_a_case_without_a_score_is_left_out_of_both_sides_of_the_pair() -> None:
    tuned, zero_shot = scores(0.9), scores(0.7)
    tuned[CASES[0]], zero_shot[CASES[1]] = float("nan"), float("nan")
    box = card_of(tuned, zero_shot).prompts[0]
    assert box.cases == 10
    assert box.gain.mean == pytest.approx(0.2)


def test_nothing_to_score_gives_nan_and_no_clear_gain() -> None:
    card = card_of(dict.fromkeys(CASES, float("nan")), scores(0.5))
    assert card.verdict == "no clear gain"
    assert card.prompts[0].cases == 0
    assert math.isnan(card.prompts[0].gain.mean)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = {case: 0.2 + 0.05 * index for index, case in enumerate(CASES)}
    assert card_of(values, scores(0.5)) == card_of(values, scores(0.5))


def test_the_card_is_written_as_json_with_null_for_nan(tmp_path: Path) -> None:
    dice = {"tuned": {"box": {"a": 0.9}}, "zero_shot": {"box": {"a": 0.1}}}
    write_json(tmp_path / "card.json", make_card(dice, {"a": "p"}, trained_on=1).to_json())
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["prompts"]["box"]["gain"] == {"mean": 0.8, "ci95": [None, None], "p_value": None}
    assert card["prompts"]["box"]["clears_ellipse"] is None
    assert card["verdict"] == "no clear gain"
    assert card["trained_on"] == 1


@pytest.mark.parametrize("ellipse", [0.1, math.nan])
def test_a_card_comes_back_as_it_was_written(ellipse: float, tmp_path: Path) -> None:
    card = card_of(scores(0.9), scores(0.8), ellipse)
    write_json(tmp_path / "card.json", card.to_json())
    again = Card.from_json(json.loads((tmp_path / "card.json").read_text("utf-8")))
    assert repr(again) == repr(card)  # NaN is not equal to itself


def test_a_card_with_health_comes_back_and_says_its_problems_in_words(tmp_path: Path) -> None:
    card = card_of(scores(0.9), scores(0.8))
    assert card.words == "better than zero-shot"
    assert card.to_json()["health"] is None
    healthier = replace(card, health=diagnose(card, healthy()))
    assert healthier.words == "better than zero-shot; ship"
    write_json(tmp_path / "card.json", healthier.to_json())
    content = json.loads((tmp_path / "card.json").read_text("utf-8"))
    assert content["verdict"] == "better than zero-shot"
    assert content["health"]["verdict"] == "ship"
    assert repr(Card.from_json(content)) == repr(healthier)
    forgetful = diagnose(card, replace(healthy(), retention=retention(-0.2)))
    assert replace(card, health=forgetful).words == "better than zero-shot; forgot other domains"
    alike = card_of(scores(0.8), scores(0.8))
    assert replace(alike, health=diagnose(alike, healthy())).words == "no clear gain"


def test_a_card_knows_which_mix_of_weights_it_is_about(tmp_path: Path) -> None:
    card = replace(card_of(scores(0.9), scores(0.8)), interpolation=interpolate(0.6, None, -0.05))
    write_json(tmp_path / "card.json", card.to_json())
    content = json.loads((tmp_path / "card.json").read_text("utf-8"))
    assert content["interpolation"]["share"] == 0.6
    assert repr(Card.from_json(content)) == repr(card)


def test_a_card_of_an_earlier_version_has_no_p_value() -> None:
    content = card_of(scores(0.9), scores(0.8)).to_json()
    del content["health"], content["interpolation"]
    for name in ("gain", "over_ellipse"):
        del content["prompts"]["box"][name]["p_value"]
    gain = Card.from_json(content).prompts[0].gain
    assert gain.mean == pytest.approx(0.1)
    assert math.isnan(gain.p_value)


def object_score(system: str, case: str, dice: float, index: int = 0) -> ObjectScore:
    return ObjectScore(case, f"of {case}", "cell", index, system, "box", dice, dice, 0.5, 9)


def test_objects_are_averaged_within_their_case_without_the_absent_ones() -> None:
    dice, groups = case_dice(
        [
            object_score("tuned", "a", 0.5),
            object_score("tuned", "a", 0.7, index=1),
            object_score("tuned", "a", float("nan"), index=2),
            object_score("tuned", "b", float("nan")),
        ]
    )
    assert dice["tuned"]["box"]["a"] == pytest.approx(0.6)
    assert math.isnan(dice["tuned"]["box"]["b"])
    assert groups == {"a": "of a", "b": "of b"}


def test_a_missing_system_is_refused() -> None:
    with pytest.raises(ValueError, match="zero_shot"):
        make_card({"tuned": {"box": scores(0.5)}}, OWN_GROUP, trained_on=1)


def test_systems_scored_on_other_cases_or_prompts_are_refused() -> None:
    with pytest.raises(ValueError, match="same cases"):
        make_card(
            {"tuned": {"box": {"a": 0.5}}, "zero_shot": {"box": {"b": 0.5}}}, {}, trained_on=1
        )
    with pytest.raises(ValueError, match="same prompts"):
        make_card(
            {"tuned": {"box": scores(0.5)}, "zero_shot": {"point": scores(0.5)}},
            OWN_GROUP,
            trained_on=1,
        )


def test_a_case_without_a_group_is_refused() -> None:
    dice = {"tuned": {"box": {"a": 0.5}}, "zero_shot": {"box": {"a": 0.5}}}
    with pytest.raises(ValueError, match=r"'a'.* have none"):
        make_card(dice, {}, trained_on=1)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=12))
def test_swapping_the_systems_negates_the_gain(pairs: list[tuple[float, float]]) -> None:
    left = {CASES[index]: pair[0] for index, pair in enumerate(pairs)}
    right = {CASES[index]: pair[1] for index, pair in enumerate(pairs)}
    dice = {"tuned": {"box": left}, "zero_shot": {"box": right}}
    swapped = {"tuned": {"box": right}, "zero_shot": {"box": left}}
    there = make_card(dice, OWN_GROUP, trained_on=1, resamples=50).prompts[0].gain
    back = make_card(swapped, OWN_GROUP, trained_on=1, resamples=50).prompts[0].gain
    assert there.mean == pytest.approx(-back.mean)
    low, high = back.ci95
    assert there.ci95 == pytest.approx((-high, -low))


def test_automatic_answers_decide_only_where_nothing_else_was_scored() -> None:
    groups = {name: name for name in "abcdef"}
    low, high = dict.fromkeys(groups, 0.5), dict.fromkeys(groups, 0.7)
    alone = {"tuned": {"auto": high}, "zero_shot": {"auto": low}}
    assert make_card(alone, groups, trained_on=9).verdict == "better than zero-shot"
    with_boxes = {name: {**scores, "box": low} for name, scores in alone.items()}
    card = make_card(with_boxes, groups, trained_on=9)
    assert card.verdict == "no clear gain"
    assert [entry.prompt for entry in card.prompts] == ["auto", "box"]
