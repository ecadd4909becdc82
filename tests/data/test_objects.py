"""From mask values to objects."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from samdomains.data.objects import MaskMeaning, ObjectRule, crops_by_value, objects_from_mask
from samdomains.types import ObjectMask

ONE_CLASS = {1: "object"}


def find(
    values: object,
    meaning: MaskMeaning,
    objects: ObjectRule = "whole",
    threshold: int = 0,
    classes: dict[int, str] = ONE_CLASS,
) -> tuple[ObjectMask, ...]:
    return objects_from_mask(
        np.asarray(values, dtype=np.int64),
        meaning=meaning,
        objects=objects,
        threshold=threshold,
        classes=classes,
    )


def test_a_binary_mask_is_one_object_even_in_parts_and_with_holes() -> None:
    values = [[1, 1, 1, 0, 0], [1, 0, 1, 0, 255], [1, 1, 1, 0, 0]]
    (only,) = find(values, "binary")
    np.testing.assert_array_equal(only.mask(), np.array(values) != 0)
    assert only.class_id == 1


def test_components_touch_at_corners() -> None:
    values = [[1, 0, 0, 0], [0, 1, 0, 2], [0, 0, 0, 2]]
    first, second = find(values, "binary", "components")
    assert (first.area, second.area) == (2, 2)
    assert second.box.tolist() == [3, 1, 4, 3]


@pytest.mark.parametrize(("threshold", "area"), [(0, 3), (1, 3), (128, 2), (129, 1), (255, 1)])
def test_the_threshold_belongs_to_the_foreground(threshold: int, area: int) -> None:
    (found,) = find([[0, 1, 128, 255]], "binary", threshold=threshold)
    assert found.area == area


def test_the_class_of_a_binary_mask_is_the_one_given() -> None:
    (found,) = find([[0, 1]], "binary", classes={255: "prostate"})
    assert found.class_id == 255
    with pytest.raises(ValueError, match="has one class"):
        find([[0, 1]], "binary", classes={1: "a", 2: "b"})


def test_an_instance_is_one_object_even_in_parts_whatever_the_rule() -> None:
    values = [[5, 0, 5], [0, 9, 0], [5, 0, 0]]
    for objects in ("whole", "components"):
        first, second = find(values, "instances", objects)
        assert first.area == 3
        assert second.box.tolist() == [1, 1, 2, 2]


def test_ids_may_be_huge_sparse_or_negative() -> None:
    values = [[0, 2**40, -3], [70_000, 0, -3]]
    found = find(values, "instances")
    assert [obj.area for obj in found] == [2, 1, 1]
    assert sorted(value for value, _, _ in crops_by_value(np.array(values))) == [-3, 70_000, 2**40]


def test_class_values_that_are_background_or_unnamed_are_no_objects() -> None:
    values = [[0, 128, 255], [0, 131, 255]]
    found = find(values, "classes", classes={0: "background", 128: "cytoplasm", 255: "nucleus"})
    assert [(obj.class_id, obj.area) for obj in found] == [(128, 1), (255, 2)]


def test_class_components_come_class_by_class() -> None:
    values = [[2, 0, 1, 0, 2], [0, 0, 0, 0, 2]]
    found = find(values, "classes", "components", classes={1: "a", 2: "b"})
    assert [(obj.class_id, obj.box.tolist()) for obj in found] == [
        (1, [2, 0, 3, 1]),
        (2, [0, 0, 1, 1]),
        (2, [4, 0, 5, 2]),
    ]


@pytest.mark.parametrize("meaning", ["binary", "instances", "classes"])
def test_an_empty_mask_has_no_objects(meaning: MaskMeaning) -> None:
    assert find(np.zeros((3, 4)), meaning, "components") == ()
    assert find(np.zeros((0, 4)), meaning) == ()


@given(
    arrays.arrays(
        np.int64,
        st.tuples(st.integers(1, 12), st.integers(1, 12)),
        elements=st.sampled_from([0, 1, 2, 3, 100_000]),
    ),
    st.sampled_from(["whole", "components"]),
)
def test_objects_partition_the_foreground(values: NDArray[np.int64], rule: ObjectRule) -> None:
    for meaning in ("binary", "instances", "classes"):
        classes = {1: "a"} if meaning != "classes" else {1: "a", 2: "b", 3: "c", 100_000: "d"}
        found = find(values, meaning, rule, classes=classes)
        covered = sum((obj.mask().astype(int) for obj in found), start=np.zeros(values.shape, int))
        np.testing.assert_array_equal(covered, (values != 0).astype(int))
        for obj in found:
            again = ObjectMask.from_mask(obj.mask())
            assert again.origin == obj.origin
            np.testing.assert_array_equal(again.crop, obj.crop)


def test_thousands_of_objects_take_a_moment() -> None:
    values = np.zeros((1000, 1000), dtype=np.int64)
    values[::10, ::10] = np.arange(1, 10_001).reshape(100, 100)
    start = time.perf_counter()
    assert len(find(values, "instances")) == 10_000
    assert len(find(values * 1000, "binary", "components")) == 10_000
    assert time.perf_counter() - start < 3  # a full-size mask for each would take a minute
