from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import ndimage

from samdomains.recipe import PropagationRecipe
from samdomains.types import Image, Prediction, Prompts
from samdomains.volumes.propagation import follow, follow_back, follow_whole
from samdomains.volumes.sections import Section
from tests.volumes.conftest import (
    DARK,
    Threshold,
    Thresholded,
    Volume,
    ball,
    boxed,
    clicked,
    dice,
    extent,
    grey_of,
    planes_in,
    tube,
)

SHAPE = (20, 40, 44)
RECIPE = PropagationRecipe()


def together(sections: Iterable[Section], depth: int = SHAPE[0]) -> Volume:
    found = list(sections)
    assert len({section.index for section in found}) == len(found), "each slice once"
    mask = np.zeros((depth, *found[0].size), dtype=bool)
    for section in found:
        assert section.mask().any()
        assert 0 <= section.confidence <= section.predicted <= 1
        mask[section.index] = section.mask()
    return mask


def followed(
    truth: Volume,
    prompts: Mapping[int, Prompts],
    *,
    grey: np.ndarray | None = None,
    recipe: PropagationRecipe = RECIPE,
    segmenter: Threshold | None = None,
) -> Volume:
    slices = planes_in(grey_of(truth) if grey is None else grey, segmenter)[0]
    return together(follow(slices, prompts, recipe), len(truth))


def test_a_ball_is_found_from_its_middle_to_both_ends() -> None:
    truth = ball(SHAPE, (9, 20, 22), 8)
    assert dice(followed(truth, boxed(truth, 9)), truth) > 0.95


def test_a_noisy_tube_that_bends_is_followed_through_every_slice() -> None:
    truth = tube(SHAPE, [(20 + 6 * np.sin(z / 4), 22 + 8 * np.cos(z / 5)) for z in range(20)], 6)
    found = followed(truth, boxed(truth, 10), grey=grey_of(truth, noise=0.1))
    assert extent(found) == (0, 19)
    assert dice(found, truth) > 0.9


@pytest.mark.parametrize("prompted", [0, 9])
def test_an_object_that_touches_first_and_last_slice_is_found_whole(prompted: int) -> None:
    truth = tube((10, 40, 44), [(20, 22)] * 10, 7)
    assert dice(followed(truth, boxed(truth, prompted)), truth) > 0.99


def test_an_object_ends_where_nothing_follows() -> None:
    truth = tube(SHAPE, [(20, 22)] * 20, 7)
    truth[:5] = truth[14:] = False
    assert extent(followed(truth, boxed(truth, 9))) == (5, 13)


def test_an_object_does_not_leak_into_what_lies_beside_and_behind_it() -> None:
    truth = np.zeros(SHAPE, dtype=bool)
    truth[6:13, 14:26, 16:28] = True
    grey = grey_of(truth)
    neighbour = np.zeros(SHAPE, dtype=bool)
    neighbour[:, 8:32, 4:34] = True
    grey[neighbour & ~truth] = 0.6  # above the threshold, so the segmenter alone would go on
    found = followed(truth, boxed(truth, 9), grey=grey)
    assert extent(found) == (6, 12)
    assert dice(found, truth) > 0.9


def test_two_objects_in_line_are_told_apart_by_the_dip_between_them() -> None:
    truth = tube((13, 40, 44), [(20, 22)] * 13, 6)
    levels = np.array([0.9] * 4 + [0.8, 0.7, 0.6, 0.7, 0.8] + [0.9] * 4)  # blurred along Z
    grey = np.where(truth, levels[:, None, None], DARK).astype(np.float32)
    assert extent(followed(truth, boxed(truth, 1), grey=grey)) == (0, 12)
    apart = PropagationRecipe(dip=0.2)
    assert extent(followed(truth, boxed(truth, 1), grey=grey, recipe=apart)) == (0, 5)
    assert extent(followed(truth, boxed(truth, 11), grey=grey, recipe=apart)) == (7, 12)


def test_both_branches_of_an_object_are_followed() -> None:
    left = tube(SHAPE, [(20, 22 - 0.8 * z) for z in range(20)], 5)
    right = tube(SHAPE, [(20, 22 + 0.8 * z) for z in range(20)], 5)
    truth = left | right
    found = followed(truth, boxed(truth, 0))
    assert dice(found[-1:], truth[-1:]) > 0.8
    assert found[-1, 20, 7]
    assert found[-1, 20, 37]


def test_branches_that_meet_are_one_object_from_there_on() -> None:
    path = [(20, 22 - 0.8 * z) for z in range(20)]
    left, right = tube(SHAPE, path, 5), tube(SHAPE, [(y, 44 - x) for y, x in path], 5)
    truth = left | right
    found = followed(truth, boxed(left, 19))
    assert found[0, 20, 22]
    assert dice(found[:3], truth[:3]) > 0.85


def test_a_gap_between_two_prompts_is_filled_from_both_sides() -> None:
    truth = tube((12, 40, 44), [(20, 10 + 2 * z) for z in range(12)], 6)
    prompts = boxed(truth, 1, 10)
    found = followed(truth, prompts)
    assert dice(found, truth) > 0.9
    assert found[1:11].any(axis=(1, 2)).all()


def test_a_gap_in_which_nothing_can_be_seen_takes_what_comes_from_either_side() -> None:
    truth = tube(SHAPE, [(20, 22)] * 20, 6)
    truth[8:11] = False
    found = followed(truth, boxed(truth, 3, 16))
    assert not found[8:11].any()
    assert dice(found, truth) > 0.95


def test_prompts_in_every_slice_are_answered_as_they_are() -> None:
    truth = ball((6, 30, 30), (3, 15, 15), 8)
    assert np.array_equal(followed(truth, boxed(truth, *range(6))), truth)


def test_a_prompt_at_each_end_is_taken_as_it_is_whatever_the_order() -> None:
    truth = ball((8, 40, 44), (4, 20, 22), 8)
    forward, backward = boxed(truth, 1, 6), boxed(truth, 6, 1)
    assert np.array_equal(followed(truth, forward), followed(truth, backward))


@pytest.mark.parametrize(
    "prompts",
    [
        Prompts(box=np.array([2, 2, 9, 9], dtype=np.float32), source="user"),
        clicked((3, 3, 1)),
        clicked((3, 3, 1), (5, 5, 0)),
    ],
)
def test_a_prompt_on_an_empty_slice_gives_nothing(prompts: Prompts) -> None:
    truth = ball(SHAPE, (9, 20, 22), 5)
    slices = planes_in(grey_of(truth))[0]
    assert list(follow(slices, {0: prompts}, RECIPE)) == []


def test_a_prompt_on_an_empty_slice_beside_one_on_the_object_does_no_harm() -> None:
    truth = ball(SHAPE, (9, 20, 22), 8)
    empty = {19: Prompts(box=np.array([2, 2, 9, 9], dtype=np.float32), source="user")}
    alone, both = boxed(truth, 9), boxed(truth, 9) | empty
    assert np.array_equal(followed(truth, both), followed(truth, alone))


def test_a_volume_of_one_slice_gives_the_answer_to_the_prompt() -> None:
    truth = ball((1, 30, 30), (0, 15, 15), 8)
    assert np.array_equal(followed(truth, boxed(truth, 0)), truth)


def test_one_point_starts_an_object_and_it_alone_is_ambiguous() -> None:
    truth = ball(SHAPE, (9, 20, 22), 8)
    segmenter = Threshold()
    found = followed(truth, {9: clicked((22, 20, 1))}, segmenter=segmenter)
    assert dice(found, truth) > 0.95
    assert [multimask for _, multimask in segmenter.asked[:2]] == [True, False]


def test_a_click_on_the_background_takes_away_what_it_hits_in_its_slice_alone() -> None:
    main, other = tube(SHAPE, [(20, 14)] * 20, 6), tube(SHAPE, [(20, 32)] * 20, 6)
    truth = main | other
    found = followed(truth, boxed(truth, 9) | {12: clicked((32, 20, 0))})
    assert not found[12, 20, 32]
    assert found[12, 20, 14]
    assert found[11, 20, 32]


def test_where_ways_of_asking_disagree_confidence_is_lower() -> None:
    truth = tube((3, 40, 44), [(20, 22)] * 3, 7)
    larger = tube((3, 40, 44), [(20, 22)] * 3, 12)  # the box with room around it shows more
    sure, doubted = (
        {section.index: section for section in follow(slices, boxed(truth, 1), RECIPE)}
        for slices in (planes_in(grey_of(part))[0] for part in (truth, larger))
    )
    assert sure[1].confidence == sure[1].predicted == pytest.approx(0.9)
    assert sure[2].confidence == pytest.approx(0.9)
    assert doubted[2].confidence < 0.85
    assert doubted[2].predicted == pytest.approx(0.9)


def test_what_comes_back_from_the_ends_agrees_with_the_way_there() -> None:
    truth = tube((12, 40, 44), [(20, 14 + 1.2 * z) for z in range(12)], 6)
    slices, prompts = planes_in(grey_of(truth))[0], boxed(truth, 4, 7)
    forth = list(follow(slices, prompts, RECIPE))
    back = list(follow_back(slices, forth, prompts, RECIPE))
    assert dice(together(back, 12), together(forth, 12)) > 0.95
    assert {s.index for s in back} == {s.index for s in forth}


def test_of_an_object_in_the_prompted_slice_alone_there_is_no_way_back() -> None:
    truth = ball(SHAPE, (9, 20, 22), 8)
    truth[:9] = truth[10:] = False
    slices, prompts = planes_in(grey_of(truth))[0], boxed(truth, 9)
    forth = list(follow(slices, prompts, RECIPE))
    assert [s.index for s in forth] == [9]
    assert list(follow_back(slices, forth, prompts, RECIPE)) == forth


def test_what_was_found_before_an_interruption_was_given_already() -> None:
    truth = tube(SHAPE, [(20, 22)] * 20, 7)
    slices = planes_in(grey_of(truth))[0]
    sections = follow(slices, boxed(truth, 4), RECIPE)
    given = [next(sections).index for _ in range(5)]
    assert sorted(given) == [0, 1, 2, 3, 4]
    assert max(slices._recent) == 4  # no slice beyond was looked at


def test_grey_levels_and_shape_may_count_nothing() -> None:
    truth = ball(SHAPE, (9, 20, 22), 8)
    plain = PropagationRecipe(appearance=0, shape=0)
    assert dice(followed(truth, boxed(truth, 9), recipe=plain), truth) > 0.9


@dataclass(frozen=True)
class Overflowing(Threshold):
    """Answers with all that hangs together with what is in the box, as SAM may."""

    def encode(self, image: Image) -> Beyond:
        return Beyond(image[0] > self.value, self.asked)


@dataclass(frozen=True, eq=False)
class Beyond(Thresholded):
    def predict(self, prompts: Sequence[Prompts], *, multimask: bool) -> list[Prediction]:
        return [self._beyond(prompt, multimask=multimask) for prompt in prompts]

    def _beyond(self, prompt: Prompts, *, multimask: bool) -> Prediction:
        (inside,) = super().predict([prompt], multimask=multimask)
        parts = ndimage.label(self.bright)[0]
        kept = np.isin(parts, np.unique(parts[inside.logits > 0]))
        return replace(inside, logits=np.where(kept, 8, -8).astype(np.float32))


def an_arch() -> Volume:
    """Two legs that meet in the last slices."""
    left, right = tube(SHAPE, [(20, 12)] * SHAPE[0], 5), tube(SHAPE, [(20, 32)] * SHAPE[0], 5)
    arch = left | right
    arch[-3:, 15:26, 12:33] = True
    return arch


@pytest.mark.parametrize(("branches", "share"), [(True, 1.0), (False, 0.55)])
def test_the_other_leg_of_an_arch_is_entered_where_the_recipe_wants_it(
    branches: bool, share: float
) -> None:
    truth = an_arch()
    recipe = PropagationRecipe(branches=branches, shape=0.1)
    box = Prompts(box=np.array([6, 14, 19, 27], dtype=np.float32), source="user")
    planes = planes_in(grey_of(truth), Overflowing())[0]
    found = together(follow_whole(planes, {4: box}, recipe))
    assert (found & truth).sum() / truth.sum() == pytest.approx(share, abs=0.12)
    assert not (found & ~truth).any()
