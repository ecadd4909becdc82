from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samdomains.data.splits import CaseSplits, split_cases, with_fewer_images
from samdomains.errors import DataError, UsageError
from samdomains.recipe import DataRecipe
from samdomains.types import Case, ObjectMask, SliceOf, Split

DATA = DataRecipe(validation_fraction=0.15, test_fraction=0.2)


def case(name: str, group: str | None = None, split: Split | None = None) -> Case:
    return Case(
        id=name,
        group=name if group is None else group,
        read_pixels=lambda: np.zeros((1, 2, 2)),
        read_objects=None,
        classes={},
        split=split,
        files=(Path(f"images/{name}.png"),),
    )


def ids(cases: Iterable[Case]) -> list[str]:
    return [case.id for case in cases]


def groups(cases: Iterable[Case]) -> set[str]:
    return {case.group for case in cases}


def parts(splits: CaseSplits) -> tuple[tuple[Case, ...], ...]:
    return splits.train, splits.val, splits.test


grouped_cases = st.lists(st.integers(1, 4), min_size=3, max_size=20).map(
    lambda sizes: [
        case(f"{group}-{index}", f"patient {group}")
        for group, size in enumerate(sizes)
        for index in range(size)
    ]
)
recipes = st.tuples(st.floats(0, 0.49), st.floats(0, 0.49)).map(
    lambda fractions: DataRecipe(validation_fraction=fractions[0], test_fraction=fractions[1])
)


@given(grouped_cases, recipes, st.integers(0, 2**32 - 1))
def test_a_seeded_split_is_a_partition_by_whole_groups(
    cases: list[Case], data: DataRecipe, seed: int
) -> None:
    splits = split_cases(cases, data, seed)
    assert sorted(ids(splits.train + splits.val + splits.test)) == sorted(ids(cases))
    assert all(parts(splits))
    train, val, test = (groups(part) for part in parts(splits))
    assert len(train) + len(val) + len(test) == len(groups(cases))


@given(grouped_cases.flatmap(lambda cases: st.tuples(st.just(cases), st.permutations(cases))))
def test_the_order_of_the_cases_does_not_matter(both: tuple[list[Case], list[Case]]) -> None:
    cases, shuffled = both
    assert split_cases(cases, DATA, 3).to_json() == split_cases(shuffled, DATA, 3).to_json()


def test_a_seed_always_gives_the_same_split() -> None:
    cases = [case(f"{index:02}") for index in range(20)]
    splits = split_cases(cases, DATA, 0)
    assert splits.to_json() == split_cases(cases, DATA, 0).to_json()
    assert ids(splits.val) == ["01", "10", "17"]
    assert ids(splits.test) == ["04", "07", "15", "18"]
    assert splits.how == (
        "20 groups were divided at random with seed 0: 13 train, 3 validation, 4 test."
    )


def test_another_seed_gives_another_split() -> None:
    cases = [case(f"{index:02}") for index in range(20)]
    assert len({str(split_cases(cases, DATA, seed).to_json()) for seed in range(5)}) == 5


@given(grouped_cases, st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_a_smaller_training_set_is_part_of_a_larger_one_and_the_test_stays(
    cases: list[Case], count: int, seed: int
) -> None:
    splits = split_cases(cases, DATA, seed)
    small, large = (with_fewer_images(splits, n, seed) for n in (count, count + 1))
    assert len(small.train) == min(count, len(splits.train))
    assert len(small.val) == min(len(small.train), len(splits.val)) or count >= len(splits.train)
    assert small.test == large.test == splits.test
    assert set(ids(small.train)) <= set(ids(large.train)) <= set(ids(splits.train))


def test_a_smaller_training_set_is_drawn_among_the_images_that_show_an_object() -> None:
    splits = split_cases([case(f"{index:02}") for index in range(20)], DATA, 0)
    empty = ids(splits.train)[:6]
    small = with_fewer_images(splits, 5, 0, empty=empty)
    assert len(small.train) == 5
    assert not set(ids(small.train)) & set(empty)
    assert small.how.endswith("Of these, 5 train and 3 validation images are used.")
    assert with_fewer_images(splits, 7, 0, empty=empty) == splits


def test_fractions_count_groups_and_not_cases() -> None:
    cases = [case(f"{group}-{index}", str(group)) for group in range(10) for index in range(group)]
    cases.append(case("0-0", "0"))
    splits = split_cases(cases, DataRecipe(validation_fraction=0.1, test_fraction=0.3), 1)
    assert [len(groups(part)) for part in parts(splits)] == [6, 1, 3]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_groups_say_how_many_are_needed(count: int) -> None:
    cases = [case(f"{group}-{index}", str(group)) for group in range(count) for index in range(9)]
    with pytest.raises(UsageError, match=f"has {count} of the 3 groups"):
        split_cases(cases, DATA, 0)


def test_the_split_of_the_data_set_is_honoured_exactly() -> None:
    cases = [case("d", split="test"), case("b", split="train"), case("c", split="val")]
    splits = split_cases([*cases, case("a", split="train")], DATA, 0)
    assert splits.to_json() == {"train": ["a", "b"], "val": ["c"], "test": ["d"]}
    assert splits.how == "Train, validation and test are as the data set gives them."


def test_cases_without_a_split_among_others_with_one_are_named() -> None:
    cases = [case("a", split="train"), case("b", split="test"), case("d"), case("c")]
    with pytest.raises(DataError, match=r"c\.png: 2 of 4 cases .*: c, d\..*splits\.json"):
        split_cases(cases, DATA, 0)


def test_a_group_in_two_given_parts_is_refused_with_its_cases() -> None:
    cases = [
        case("a", "patient 1", "train"),
        case("b", "patient 1", "test"),
        case("c", "patient 2", "val"),
    ]
    with pytest.raises(DataError, match=r"'patient 1' .*: a \(train\), b \(test\)"):
        split_cases(cases, DATA, 0)


def test_a_missing_validation_part_is_carved_out_of_the_training_groups() -> None:
    train = [case(f"{group}-{index}", str(group), "train") for group in range(10) for index in "ab"]
    test = [case(f"test {index}", split="test") for index in range(5)]
    splits = split_cases(test + train, DATA, 0)
    assert ids(splits.test) == ids(test)
    assert sorted(ids(splits.train + splits.val)) == sorted(ids(train))
    assert len(groups(splits.val)) == 2
    assert not groups(splits.train) & groups(splits.val)
    assert "2 of 10 training groups were set aside for validation" in splits.how


def test_validation_cannot_be_carved_out_of_one_group() -> None:
    cases = [case("a", "p", "train"), case("b", "p", "train"), case("c", split="test")]
    with pytest.raises(UsageError, match="at least 2 training groups"):
        split_cases(cases, DATA, 0)


@pytest.mark.parametrize("missing", ["train", "test"])
def test_a_given_split_without_training_or_test_cases_is_refused(missing: str) -> None:
    everything = [case("a", split="train"), case("b", split="val"), case("c", split="test")]
    with pytest.raises(UsageError, match=f"no case in '{missing}'"):
        split_cases([one for one in everything if one.split != missing], DATA, 0)


def slices(name: str, count: int, shown: range, group: str | None = None) -> list[Case]:
    """The slices of one volume, of which some show an object."""
    item, whole = ObjectMask.from_mask(np.ones((2, 2), dtype=bool)), case(name, group)
    return [
        replace(
            case(f"{name}@{z:02d}", group or name),
            read_objects=partial(tuple, [item] if z in shown else []),
            slice_of=SliceOf(whole, z),
        )
        for z in range(count)
    ]


@given(st.integers(3, 30), st.integers(0, 5), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_slices_of_one_volume_are_divided_in_blocks_that_all_show_objects(
    shown: int, before: int, after: int, seed: int
) -> None:
    cases = slices("scan", before + shown + after, range(before, before + shown))
    splits = split_cases(cases, DATA, seed)
    assert sorted(ids(splits.train + splits.val + splits.test)) == ids(cases)
    order = [part for part in "abc" for _ in parts(splits)["abc".index(part)]]
    numbers = [int(name[-2:]) for part in parts(splits) for name in ids(part)]
    by_place = "".join(part for _, part in sorted(zip(numbers, order, strict=True)))
    assert by_place in (
        "".join(order),
        "".join(reversed(order)),
    ), "train and test are kept apart by validation"
    assert all(any(c.read_objects and c.read_objects() for c in part) for part in parts(splits))
    assert "flatters the scores" in splits.how


def test_two_volumes_are_each_divided_and_three_go_whole() -> None:
    two = [*slices("a", 10, range(10)), *slices("b", 10, range(10))]
    assert {len(part) for part in parts(split_cases(two, DATA, 0))} == {12, 4}
    three = [*two, *slices("c", 10, range(10))]
    assert [len(part) for part in parts(split_cases(three, DATA, 0))] == [10, 10, 10]


def test_a_volume_that_shows_objects_in_two_slices_cannot_be_divided() -> None:
    with pytest.raises(DataError, match=r"2 of its slices show an object.*Label more slices"):
        split_cases(slices("a", 10, range(4, 6)), DATA, 0)


def test_each_part_gets_its_share_of_the_images_without_objects() -> None:
    cases = [case(f"good{i:02d}") for i in range(40)] + [case(f"crack{i:02d}") for i in range(10)]
    good = [one.id for one in cases if one.id.startswith("good")]
    data = DataRecipe(validation_fraction=0.1, test_fraction=0.2)
    splits = split_cases(cases, data, 0, empty=good)
    counts = [
        (sum(one.id in good for one in part), sum(one.id not in good for one in part))
        for part in parts(splits)
    ]
    assert counts == [(28, 7), (4, 1), (8, 2)]
    assert "So were the 40 groups without any object: 28, 4, 8." in splits.how
    assert split_cases(cases, data, 0, empty=[one.id for one in cases]).how.startswith("50 groups")
