from __future__ import annotations

from dataclasses import replace

import numpy as np

from samdomains.evaluation.drawn_cases import case_generator, draw_cases, draw_objects
from samdomains.types import Case, ObjectMask
from tests.object_making import rectangle


def case(name: str, objects: tuple[ObjectMask, ...]) -> Case:
    return Case(name, name, lambda: np.zeros((1, 48, 64)), lambda: objects, {1: "object"})


SQUARES = tuple(rectangle(2, 8 * place, 6, 6) for place in range(6))
CROWD = replace(SQUARES[0], crowd=True)


def test_neither_crowds_nor_small_objects_are_drawn() -> None:
    objects = [CROWD, rectangle(0, 0, 1, 1), *SQUARES]
    assert draw_objects(objects, 4, None, case_generator(0, "a")) == (2, 3, 4, 5, 6, 7)
    few = draw_objects(objects, 4, 3, case_generator(0, "a"))
    assert few == draw_objects(objects, 4, 3, case_generator(0, "a"))
    assert len(few) == 3
    assert list(few) == sorted(few)
    assert min(few) >= 2


def test_cases_without_an_object_are_passed_over_and_the_order_stays() -> None:
    cases = [case(f"c{index}", SQUARES if index % 2 else (CROWD,)) for index in range(10)]
    drawn = draw_cases(cases, 3, objects=2, minimum_area=4, seed=1)
    names = [item.case.id for item in drawn]
    assert len(names) == 3
    assert names == sorted(names)
    assert all(int(name[1:]) % 2 for name in names)
    assert all(len(item.targets) == 2 for item in drawn)
    everything = draw_cases(cases, 99, objects=2, minimum_area=4, seed=1)
    assert [item.case.id for item in everything] == ["c1", "c3", "c5", "c7", "c9"]


def test_the_seed_decides_and_unlabelled_cases_do_not_matter() -> None:
    cases = [case(f"c{index}", SQUARES) for index in range(30)]
    drawn = [
        [item.case.id for item in draw_cases(cases, 4, objects=2, minimum_area=4, seed=seed)]
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    unlabelled = [replace(item, read_objects=None) for item in cases]
    assert draw_cases(unlabelled, 4, objects=2, minimum_area=4, seed=0) == []
