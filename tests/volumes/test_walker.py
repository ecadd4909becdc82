from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from samdomains.prompts.boxes import box_of
from samdomains.recipe import PropagationRecipe
from samdomains.types import Image, Prediction, Prompts
from samdomains.volumes.propagation import follow
from samdomains.volumes.walker import answers_for, ask
from tests.volumes.conftest import (
    Threshold,
    Thresholded,
    ball,
    clicked,
    grey_of,
    planes_in,
    tube,
)

SHAPE = (20, 40, 44)
RECIPE = PropagationRecipe(points=1)


def test_clicks_of_a_user_are_added_to_what_is_asked() -> None:
    truth = ball(SHAPE, (9, 20, 22), 8)
    segmenter = Threshold()
    slices = planes_in(grey_of(truth), segmenter)[0]
    answers_for(slices, 10, truth[9], RECIPE, clicked((1, 2, 0)))
    (box_alone, _), (everything, _) = segmenter.asked
    assert box_alone.points.tolist() == [[1, 2]]
    assert box_alone.prior is None
    assert everything.points[-1].tolist() == [1, 2]
    assert everything.point_labels.tolist() == [1, 0]
    assert everything.prior is not None


def test_two_ways_of_asking_are_averaged() -> None:
    truth = ball(SHAPE, (9, 20, 22), 8)
    slices = planes_in(grey_of(truth))[0]
    logits = ask(slices, 9, truth[9], PropagationRecipe(margin=0, mask=False))
    assert np.array_equal(logits > 0, truth[9])
    assert set(np.unique(logits)) == {-8.0, 8.0}


@dataclass(frozen=True)
class Stubborn(Threshold):
    """Answers as if nobody had clicked."""

    def encode(self, image: Image) -> Deaf:
        return Deaf(image[0] > self.value, self.asked)


@dataclass(frozen=True, eq=False)
class Deaf(Thresholded):
    def predict(self, prompts: Sequence[Prompts], *, multimask: bool) -> list[Prediction]:
        alone = [Prompts(box=prompt.box, source="automatic") for prompt in prompts]
        return super().predict(alone, multimask=multimask)


def test_an_object_ends_where_the_user_says_that_it_is_something_else() -> None:
    truth = tube(SHAPE, [(20, 22)] * SHAPE[0], 6)
    slices = planes_in(grey_of(truth), Stubborn())[0]
    box = Prompts(box=box_of(truth[4]), source="user")
    found = follow(slices, {4: box, 9: clicked((22, 20, 0))}, RECIPE)
    assert sorted(section.index for section in found) == list(range(9))
