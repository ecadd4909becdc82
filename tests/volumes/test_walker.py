from __future__ import annotations

import numpy as np

from samdomains.recipe import PropagationRecipe
from samdomains.volumes.walker import answers_for, ask
from tests.volumes.conftest import (
    Threshold,
    ball,
    clicked,
    grey_of,
    planes_in,
)

SHAPE = (20, 40, 44)
RECIPE = PropagationRecipe()


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
