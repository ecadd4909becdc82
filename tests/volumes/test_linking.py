from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samdomains.data.duplicates import iou
from samdomains.types import ObjectMask
from samdomains.volumes.linking import BRIDGED, FEWEST, SAME, linked

SIZE = (24, 32)


def section(x: int, y: int = 4, side: int = 8, class_id: int = 1) -> ObjectMask:
    mask = np.zeros(SIZE, dtype=bool)
    mask[y : y + side, x : x + side] = True
    return ObjectMask.from_mask(mask, class_id=class_id)


def instances(found: list[ObjectMask]) -> list[tuple[int, int, int]]:
    return [(item.instance, item.slice_index or 0, item.origin[1]) for item in found]


def test_sections_above_each_other_are_one_object() -> None:
    slices = [(z, [section(2 + z), section(20 - z)]) for z in range(3)]
    assert instances(linked(slices, 3)) == [
        (1, 0, 2),
        (1, 1, 3),
        (1, 2, 4),
        (2, 0, 20),
        (2, 1, 19),
        (2, 2, 18),
    ]


def test_what_one_slice_alone_shows_is_left_out_of_a_volume_but_kept_of_one_slice() -> None:
    slices = [(0, [section(2)]), (1, [section(2), section(20)]), (2, [section(2)])]
    assert {x for _, _, x in instances(linked(slices, 3))} == {2}
    assert instances(linked([(0, [section(2), section(20)])], 1)) == [(1, 0, 2), (2, 0, 20)]


def test_a_missed_slice_is_bridged_and_a_longer_gap_ends_the_object() -> None:
    short = [(0, [section(2)]), (1, [section(2)]), (2, []), (3, [section(2)]), (4, [section(2)])]
    assert {item.instance for item in linked(short, 5)} == {1}
    long = [(0, [section(2)]), (1, [section(2)]), (4, [section(2)]), (5, [section(2)])]
    assert BRIDGED + 1 < 4 - 1
    assert [item.instance for item in linked(long, 6)] == [1, 1, 2, 2]


def test_each_section_goes_to_the_object_that_it_covers_best() -> None:
    slices = [(0, [section(4), section(9)]), (1, [section(10), section(5)])]
    assert instances(linked(slices, 2)) == [(1, 0, 4), (1, 1, 5), (2, 0, 9), (2, 1, 10)]


def test_sections_that_hardly_cover_each_other_are_different_objects() -> None:
    slices = [(0, [section(2)]), (1, [section(2), section(8)]), (2, [section(8)])]
    assert [item.instance for item in linked(slices, 3)] == [1, 1, 2, 2]


def test_nothing_found_is_no_object() -> None:
    assert linked([], 0) == []
    assert linked([(0, []), (1, [])], 2) == []


places = st.tuples(st.integers(0, 24), st.integers(0, 16), st.integers(2, 8))
volumes = st.lists(st.lists(places, max_size=4), min_size=1, max_size=6)


@given(volumes)
def test_no_section_is_changed_or_counted_twice_and_no_slice_shows_an_object_twice(
    volume: list[list[tuple[int, int, int]]],
) -> None:
    slices = [(z, [section(*place) for place in found]) for z, found in enumerate(volume)]
    result = linked(slices, len(volume))
    crops = [id(item.crop) for item in result]
    assert len(set(crops)) == len(crops)
    assert set(crops) <= {id(item.crop) for _, found in slices for item in found}
    by_instance = defaultdict(list)
    for item in result:
        by_instance[item.instance].append(item)
    assert sorted(by_instance) == list(range(1, len(by_instance) + 1))
    for members in by_instance.values():
        numbers = [item.slice_index or 0 for item in members]
        assert len(members) >= min(FEWEST, len(volume))
        steps = np.diff(numbers)
        assert (steps >= 1).all()
        assert (steps <= BRIDGED + 1).all()
        for a, b in pairwise(members):
            assert iou(a, b) >= SAME
    starts = [members[0].slice_index or 0 for _, members in sorted(by_instance.items())]
    assert starts == sorted(starts)


@pytest.mark.parametrize("depth", [1, 4])
def test_class_and_score_stay(depth: int) -> None:
    slices = [(z, [section(3, class_id=5)]) for z in range(depth)]
    assert {item.class_id for item in linked(slices, depth)} == {5}
