from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from markupsafe import Markup

from samdomains.data.parts import in_parts
from samdomains.recipe import Recipe
from samdomains.reports.volume_figures import VolumePicture
from samdomains.sam.segmenter import SamSegmenter
from samdomains.types import Case
from samdomains.volume_scoring import Open, follow_volumes, score_volumes
from tests.volume_making import Bright, ball, opened, shown

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

SYSTEMS: dict[str, Open] = {"tuned": opened, "blind": partial(opened, segmenter=Bright(2.0))}


def recipe(**values: object) -> Recipe:
    return Recipe.model_validate({"evaluation": values})


class Drawn(list[tuple[int, VolumePicture]]):
    """Remembers what was to be drawn."""

    def __call__(self, place: int, case: Case, picture: VolumePicture) -> Markup:
        assert picture.case == case.id
        self.append((place, picture))
        return Markup(f"<p>{case.id}</p>")


def test_each_system_follows_the_object_to_its_ends() -> None:
    drawn = Drawn()
    (scored,) = score_volumes(SYSTEMS, [ball()], recipe(tolerance_mm=1.5), drawn)
    tuned, blind = scored.scores
    assert (tuned.system, tuned.prompt, tuned.class_name) == ("tuned", "box@middle", "ball")
    assert (tuned.case, tuned.group, tuned.tolerance_mm) == ("ball", "ball", 1.5)
    assert tuned.measures.dice == pytest.approx(1.0)
    assert tuned.measures.hd95_mm == 0.0
    assert tuned.measures.volume_ml == pytest.approx(4 / 3 * math.pi * 0.7**3, rel=0.05)
    assert (blind.system, blind.measures.outcome, blind.measures.dice) == ("blind", "missed", 0.0)
    assert scored.section == "<p>ball</p>"


def test_what_the_first_system_found_is_drawn_beside_the_truth() -> None:
    drawn = Drawn()
    volumes = [ball("a"), ball("b", radius=5.0)]
    score_volumes(SYSTEMS, volumes, recipe(), drawn)
    assert [(place, picture.case) for place, picture in drawn] == [(0, "a"), (1, "b")]
    (one,) = drawn[0][1].objects
    assert one.name == "ball"
    assert one.truth is not None
    assert len(one.prediction) == len(one.truth) == 8
    assert one.prompted == (6,)
    assert one.score is not None
    assert one.score.system == "tuned"


def test_without_a_spacing_nothing_is_in_millimetres() -> None:
    video = replace(ball(), spacing=None)
    (scored,) = score_volumes(SYSTEMS, [video], recipe(), Drawn())
    measures = scored.scores[0].measures
    assert measures.dice == pytest.approx(1.0)
    assert math.isnan(measures.nsd)
    assert math.isnan(measures.hd95_mm)


def test_a_volume_without_an_object_is_not_even_opened() -> None:
    def fail(case: Case) -> None:
        raise AssertionError(case.id)

    empty = replace(ball(), read_objects=tuple)
    (scored,) = score_volumes({"tuned": fail}, [empty], recipe(), Drawn())  # type: ignore[dict-item]
    assert (scored.scores, scored.section) == ((), None)


def test_systems_with_one_encoder_embed_each_window_once(
    miniature: Sam, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    encode = type(miniature.image_encoder).forward

    def counted(*arguments: object) -> object:
        calls.append(1)
        return encode(*arguments)

    monkeypatch.setattr(type(miniature.image_encoder), "forward", counted)
    cases = in_parts([ball()])
    systems = {name: SamSegmenter(miniature) for name in ("tuned", "zero_shot")}
    (scored,) = follow_volumes(systems, cases, shown, recipe(), Drawn())
    assert [score.system for score in scored.scores] == ["tuned", "zero_shot"]
    dice = [score.measures.dice for score in scored.scores]
    np.testing.assert_equal(dice[0], dice[1])
    assert 0 < len(calls) <= 12


def test_it_may_be_switched_off_and_needs_whole_volumes(miniature: Sam) -> None:
    systems, cases = {"tuned": SamSegmenter(miniature)}, in_parts([ball()])
    assert follow_volumes(systems, cases, shown, recipe(volume_objects=0), Drawn()) == []
    assert follow_volumes(systems, cases[1:], shown, recipe(), Drawn()) == []


def test_three_axes_bring_a_doubt_map(miniature: Sam) -> None:
    drawn = Drawn()
    three = Recipe.model_validate({"propagation": {"axes": 3}})
    follow_volumes({"tuned": SamSegmenter(miniature)}, in_parts([ball()]), shown, three, drawn)
    assert drawn[0][1].doubt is not None
