from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from samdomains.data.parts import in_parts
from samdomains.evaluation.volume_targets import targets_of, whole_volumes
from samdomains.recipe import Recipe
from samdomains.types import Case, ObjectMask

DEPTH = 9


@dataclass(frozen=True)
class Objects:
    """What is annotated; hashed by its identity, as a plugin's is by its file."""

    sections: tuple[ObjectMask, ...]

    def __call__(self) -> tuple[ObjectMask, ...]:
        return self.sections


def block(
    slices: Sequence[int], *, x: int = 2, width: int = 4, class_id: int = 1, instance: int = 0
) -> list[ObjectMask]:
    """Cross-sections of 3 x ``width`` pixels in slices of 20 x 30."""
    mask = np.ones((3, width), dtype=bool)
    return [
        ObjectMask(mask, (5, x), (20, 30), class_id, slice_index=z, instance=instance)
        for z in slices
    ]


def volume(*objects: Sequence[ObjectMask], depth: int = DEPTH, name: str = "scan") -> Case:
    sections = tuple(item for own in objects for item in own)
    return Case(
        id=name,
        group="patient",
        read_pixels=lambda: np.zeros((1, depth, 20, 30), dtype=np.uint8),
        read_objects=Objects(sections),
        classes={1: "liver", 2: "vessel"},
        depth=depth,
    )


def recipe(*, most: int = 8, minimum_area: int = 4, seed: int = 0) -> Recipe:
    return Recipe.model_validate(
        {
            "seed": seed,
            "data": {"minimum_area": minimum_area},
            "evaluation": {"volume_objects": most},
        }
    )


def test_a_volume_is_whole_where_every_slice_is_there() -> None:
    whole, part, flat, bare = (
        volume(block([0]), name="whole"),
        volume(block([0]), name="part"),
        volume(block([0]), name="flat", depth=1),
        replace(volume(name="bare"), read_objects=None),
    )
    image = replace(volume(block([0]), name="image"), depth=None)
    parts = [case for case in in_parts([image, part, whole, flat, bare]) if case.id != "part@4"]
    assert [case.id for case in whole_volumes(parts)] == ["whole"]
    assert whole_volumes([]) == ()


def test_cross_sections_of_one_class_and_instance_are_one_object() -> None:
    first, second = block([2, 3, 4], instance=1), block([3, 4, 5, 6], instance=2, x=20)
    vessel = block([0, 1, 2, 3, 8], class_id=2)
    found = targets_of(volume(first, second, vessel), recipe())
    assert [(t.name, t.index, t.class_id, t.middle) for t in found] == [
        ("liver 1", 0, 1, 3),
        ("liver 2", 1, 1, 5),
        ("vessel", 2, 2, 2),
    ]
    assert [len(target.sections) for target in found] == [3, 4, 5]
    assert found[1].prompt.box is not None
    assert found[1].prompt.box.tolist() == [20, 5, 24, 8]


def test_the_box_is_around_all_parts_of_the_middle_slice() -> None:
    branches = [*block([2, 3, 4]), *block([3], x=12), *block([4], x=24)]
    (target,) = targets_of(volume(branches), recipe())
    assert target.prompt.box is not None
    assert target.prompt.box.tolist() == [2, 5, 16, 8]
    assert len(target.sections) == 5


def test_crowds_and_what_is_too_small_where_it_is_prompted_are_left_out() -> None:
    crowd = [replace(item, crowd=True) for item in block([2, 3, 4], instance=1)]
    small = [*block([1, 5], instance=2), *block([3], instance=2, width=1)]
    kept = block([1, 5], instance=3, width=2) + block([3], instance=3, width=3)
    found = targets_of(volume(crowd, small, kept), recipe(minimum_area=9))
    assert [(target.name, target.index) for target in found] == [("liver 3", 1)]


def test_of_many_objects_some_of_every_class_are_drawn_and_always_the_same() -> None:
    livers = [block([1, 2, 3], instance=number) for number in range(30)]
    case = volume(*livers, block([4, 5, 6], class_id=2))
    found = targets_of(case, recipe(most=4))
    assert [target.class_id for target in found] == [1, 1, 1, 2]
    assert [t.index for t in found] == [t.index for t in targets_of(case, recipe(most=4))]
    others = {
        tuple(t.index for t in targets_of(case, recipe(most=4, seed=seed))) for seed in range(5)
    }
    assert len(others) > 1


@pytest.mark.parametrize("sections", [[], block([])])
def test_a_volume_without_objects_has_none_to_follow(sections: list[ObjectMask]) -> None:
    assert targets_of(volume(sections), recipe()) == []
