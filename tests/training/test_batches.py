from __future__ import annotations

from dataclasses import replace

import pytest

from samdomains.recipe import ModelRecipe
from samdomains.training.batches import EpochBatches, fingerprint
from samdomains.training.dataset import View, list_views
from samdomains.training.neighbours import Followed
from samdomains.types import Case, Window

from .conftest import make_case

WHOLE = ModelRecipe(zoom=None)


@pytest.mark.parametrize("first", [0, 1, 2])
def test_an_epoch_shows_each_case_once_and_can_start_in_the_middle(first: int) -> None:
    window = list_views([make_case(0)], WHOLE, 4)[0].window
    views = [View(case, window, (0,)) for case in (0, 0, 0, 1, 2, 2, 3, 4)]
    whole = list(EpochBatches(views, 2, seed=1, epoch=4))
    chosen = sorted(views[index].case for batch in whole for index, _ in batch)
    assert chosen == [0, 1, 2, 3, 4]
    assert list(EpochBatches(views, 2, seed=1, epoch=4, first=first)) == whole[first:]
    assert list(EpochBatches(views, 2, seed=1, epoch=5)) != whole


def test_an_epoch_shows_windows_of_each_size_as_often() -> None:
    near = [View(0, Window(0, 64 * i, 64, 64 * i + 64), (0,)) for i in range(20)]
    views = [*near, View(0, Window(0, 0, 1280, 1280), (0,))]
    epochs = [next(iter(EpochBatches(views, 1, seed=0, epoch=epoch))) for epoch in range(200)]
    whole = sum(index == 20 for ((index, _),) in epochs)
    assert 70 < whole < 130


def test_the_fingerprint_tells_other_objects_and_other_windows(cases: list[Case]) -> None:
    views = list_views(cases, WHOLE, 4)
    fewer = [replace(views[0], objects=()), *views[1:]]
    cut = [replace(views[0], window=Window(0, 0, 8, 8)), *views[1:]]
    assert len({fingerprint(cases, v) for v in (views, fewer, cut)}) == 3
    assert fingerprint(cases, views) == fingerprint(cases, list_views(cases, WHOLE, 4))


def test_the_fingerprint_depends_on_what_is_followed_from_neighbouring_slices() -> None:
    case, window = make_case(0), Window(0, 0, 64, 64)
    plain = View(0, window, (0,))
    followed = replace(plain, followed=(Followed(1, (0,), (0,), window),))
    ended = replace(plain, followed=(Followed(1, (0,), (), window),))
    assert len({fingerprint([case], [view]) for view in (plain, followed, ended)}) == 3
