from __future__ import annotations

import numpy as np
import pytest
from segment_anything.modeling import Sam

from samdomains.evaluation.baselines import BoxEllipse
from samdomains.prompts.grid import PointGrid
from samdomains.recipe import AutoRecipe, Recipe
from samdomains.sam.automatic import (
    AutomaticObjects,
    answers_in_turn,
    certain_objects,
    stability,
)
from samdomains.sam.segmenter import SamSegmenter
from samdomains.types import Prediction, Prompts

SURE = Recipe(auto=AutoRecipe(minimum_iou=0.8, minimum_stability=0.9, largest=0.4))


def answer(x: int, width: int, *, iou: float = 0.9, edge: float = 5.0) -> Prediction:
    """An object of ten rows from column ``x``; ``edge`` is the logit of its last column."""
    logits = np.full((20, 40), -8, dtype=np.float32)
    logits[5:15, x : x + width] = 8
    if width:
        logits[5:15, x + width - 1] = edge
    return Prediction(logits, (0, 0), (20, 40), np.zeros((4, 4), np.float32), iou)


def test_an_object_has_its_place_and_the_predicted_iou_as_its_score() -> None:
    (found,) = certain_objects([answer(4, 6)], SURE)
    assert found.box.tolist() == [4, 5, 10, 15]
    assert found.score == pytest.approx(0.9)


@pytest.mark.parametrize(
    "doubtful",
    [answer(4, 6, iou=0.7), answer(4, 6, edge=0.5), answer(4, 0), answer(0, 40)],
    ids=["low predicted IoU", "unstable", "empty", "the whole"],
)
def test_what_the_model_doubts_is_no_object(doubtful: Prediction) -> None:
    assert certain_objects([doubtful], SURE) == []


def test_one_object_is_listed_once_by_its_surest_answer() -> None:
    found = certain_objects([answer(4, 10, iou=0.85), answer(4, 11, iou=0.95)], SURE)
    assert [item.score for item in found] == [0.95]


def test_stability_is_the_share_of_what_is_possible_that_is_sure() -> None:
    assert stability(answer(4, 5, edge=0.5)) == pytest.approx(0.8)
    assert stability(answer(4, 0)) == 0


IMAGE = np.random.default_rng(0).random((3, 32, 48), dtype=np.float32)


def test_what_is_proposed_is_answered_and_sifted(miniature: Sam) -> None:
    encoded = SamSegmenter(miniature).encode(IMAGE)
    everything = Recipe(auto=AutoRecipe(minimum_iou=0.0, minimum_stability=0.0, largest=1.0))
    grid = PointGrid(3)
    answers = [answer for _, answer in answers_in_turn(encoded, grid(IMAGE))]
    expected = certain_objects(answers, everything)
    found = AutomaticObjects(grid, everything)(encoded, IMAGE)
    assert [item.box.tolist() for item in found] == [item.box.tolist() for item in expected]
    assert AutomaticObjects(grid, SURE)(encoded, IMAGE) == certain_objects(answers, SURE)


def test_points_choose_among_three_masks_and_boxes_take_the_one(miniature: Sam) -> None:
    encoded = SamSegmenter(miniature).encode(IMAGE)
    point = PointGrid(1)(IMAGE)[0]
    box = Prompts(box=np.array([4, 4, 20, 20], np.float32))
    answers = dict(answers_in_turn(encoded, [box, point]))
    for number, prompt, multimask in ((0, box, False), (1, point, True)):
        (expected,) = encoded.predict([prompt], multimask=multimask)
        assert answers[number].predicted_iou == pytest.approx(expected.predicted_iou)


def test_only_a_sam_is_prompted_automatically() -> None:
    ellipse = BoxEllipse().encode(IMAGE)
    with pytest.raises(TypeError, match="got a EllipseImage"):
        AutomaticObjects(PointGrid(1), SURE)(ellipse, IMAGE)
