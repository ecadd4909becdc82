from __future__ import annotations

import pickle
import signal
from copy import deepcopy
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from segment_anything.modeling import Sam

from samdomains.data.parts import in_parts
from samdomains.errors import TrainingInterrupted
from samdomains.recipe import PropagationRecipe
from samdomains.training.engine import train
from samdomains.training.neighbours import GOING_ON, REACH, Followed, NeighbourPrompts, Neighbours
from samdomains.training.task import Task
from samdomains.types import Case, Logits, Mask, Prompts, Window

from .conftest import disc, make_volume, task

SIZE = (64, 64)


def square(y: int, x: int, side: int) -> Mask:
    mask = np.zeros(SIZE, dtype=bool)
    mask[y : y + side, x : x + side] = True
    return mask


def slices(*sections: list[tuple[int, Mask]]) -> tuple[Case, ...]:
    return in_parts([make_volume("v", SIZE, sections)])


def found(
    cases: tuple[Case, ...], number: int
) -> list[tuple[int, tuple[int, ...], tuple[int, ...]]]:
    neighbours = Neighbours(cases, minimum_area=4, margin=0.0)
    return [(item.case, item.before, item.after) for item in neighbours.followed(number)]


def test_an_object_goes_on_from_both_sides() -> None:
    cases = slices([(1, square(10, 10, 9))], [(1, square(11, 11, 9))], [(1, square(12, 12, 9))])
    assert found(cases, 1) == [(0, (0,), (0,)), (2, (0,), (0,))]


def test_another_object_in_the_same_place_is_not_the_same() -> None:
    cases = slices([(1, square(10, 10, 9))], [(2, square(10, 10, 9))])
    assert found(cases, 1) == [(0, (0,), ())]


def test_an_object_has_ended_for_a_few_slices() -> None:
    cases = slices([(1, square(10, 10, 9))], *[[] for _ in range(REACH + 1)])
    assert [found(cases, number) for number in range(1, len(cases))] == [
        *[[(0, (0,), ())]] * REACH,
        [],
    ]


def test_what_comes_back_has_not_ended() -> None:
    cases = slices([(1, square(10, 10, 9))], [], [], [], [], [(1, square(12, 12, 9))], [])
    assert [len(found(cases, number)) for number in range(7)] == [0, 0, 0, 0, 0, 0, 1]


def test_what_moves_out_of_its_mask_but_not_out_of_its_box_is_neither() -> None:
    corner = square(10, 10, 9) & ~square(14, 14, 9)
    cases = slices([(1, corner)], [(1, square(15, 15, 3))])
    assert found(cases, 1) == []


def test_branches_of_one_cross_section_are_asked_for_together() -> None:
    cases = slices(
        [(1, square(10, 10, 20))],
        [(1, square(10, 10, 5)), (1, square(24, 24, 5)), (1, square(50, 50, 5))],
    )
    assert found(cases, 1) == [(0, (0,), (0, 1))]


def test_only_given_slices_are_neighbours() -> None:
    cases = slices(*[[(1, square(10, 10, 9))]] * 3)
    assert found((cases[0], cases[2]), 0) == []


def test_specks_crowds_and_objects_without_a_number_are_not_followed() -> None:
    speck = slices([(1, square(10, 10, 1))], [(1, square(10, 10, 9))])
    nameless = slices([(0, square(10, 10, 9))], [(0, square(10, 10, 9))])
    assert found(speck, 1) == found(nameless, 1) == []
    assert found((replace(speck[0], slice_of=None), speck[1]), 0) == []


def test_the_extent_has_room_for_the_prompt_and_holds_the_object() -> None:
    cases = slices([(1, square(10, 10, 10))], [(1, square(15, 15, 10))])
    (item,) = Neighbours(cases, minimum_area=4, margin=0.2).followed(1)
    assert item.extent.slices == (slice(8, 25), slice(8, 25))


@pytest.mark.parametrize("points", [0, 1])
def test_prompts_are_the_neighbour_or_a_spoilt_one(points: int) -> None:
    prompts = NeighbourPrompts(0.5, PropagationRecipe(points=points, margin=0.0))
    mask = disc(SIZE, 30, 30, 12)
    made = [prompts(mask, np.random.default_rng(seed)) for seed in range(20)]
    boxes = {tuple(prompt.box.tolist()) for prompt in made if prompt.box is not None}
    assert (18, 18, 43, 43) in boxes
    assert len(boxes) > 3
    assert all(len(prompt.points) == points and prompt.prior is not None for prompt in made)
    assert pickle.loads(pickle.dumps(prompts)) == prompts


def test_of_what_a_view_follows_some_is_asked_for_and_an_end_for_every_four() -> None:
    going_on = [Followed(0, (i,), (i,), Window(0, 0, 9, 9)) for i in range(8)]
    ended = [Followed(0, (i,), (), Window(0, 0, 9, 9)) for i in range(8, 30)]
    always, rng = NeighbourPrompts(1.0, PropagationRecipe()), np.random.default_rng(0)
    chosen = always.choose([*going_on, *ended], range(6), rng)
    assert chosen[:6] == going_on[:6]
    assert len(chosen) in (6 + 6 // GOING_ON, 7 + 6 // GOING_ON)
    assert len(chosen) <= always.most(6)
    assert all(not item.after for item in chosen[6:])
    never = NeighbourPrompts(0.0, PropagationRecipe())
    assert never.choose(going_on, range(8), rng) == []
    assert never.most(8) == 8


def test_a_training_that_follows_objects_ends_bit_identical_when_resumed(
    miniature: Sam, cases: list[Case], tmp_path: Path
) -> None:
    moving = [(1, disc(SIZE, 20, 20 + 4 * index, 9)) for index in range(4)]
    ending = (2, disc(SIZE, 45, 40, 8))
    volume = slices([moving[0], ending], [moving[1], ending], [moving[2]], [moving[3]])

    def work(out: str) -> Task:
        made = task(deepcopy(miniature), [*volume, *cases[4:]], tmp_path / out, "decoder")
        prompts = made.recipe.prompts.model_copy(update={"neighbour": 1.0})
        return replace(made, recipe=made.recipe.model_copy(update={"prompts": prompts}))

    def press_ctrl_c(mask: Mask, rng: np.random.Generator, previous: Logits | None) -> Prompts:
        if next(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return whole.sampler(mask, rng, previous)

    whole, again, calls = work("whole"), work("cut"), count()
    train(whole)
    with pytest.raises(TrainingInterrupted):
        train(replace(work("cut"), sampler=press_ctrl_c))
    train(again, resume=True)
    for name, value in again.sam.state_dict().items():
        assert torch.equal(value, whole.sam.state_dict()[name]), name
