"""Dividing a data set into train, validation and test, always by whole groups.

Slices of one patient, tiles of one scene or crops of one slide resemble each other; on both sides
of a split they would make a model look better than it is.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from samdomains.data.naming import image_file, name_some
from samdomains.data.parts import whole_of
from samdomains.errors import DataError, UsageError
from samdomains.recipe import DataRecipe
from samdomains.types import Case, Split


@dataclass(frozen=True)
class CaseSplits:
    """The three parts of a data set, each sorted by case id.

    Attributes:
        train: Cases to learn from.
        val: Cases that choose the best checkpoint.
        test: Cases that are scored once, at the end.
        how: One sentence for the report: who divided the cases, and by what rule.
    """

    train: tuple[Case, ...]
    val: tuple[Case, ...]
    test: tuple[Case, ...]
    how: str

    def to_json(self) -> dict[str, list[str]]:
        """Case ids by part, in the form of a data folder's ``splits.json``."""
        return {
            "train": [case.id for case in self.train],
            "val": [case.id for case in self.val],
            "test": [case.id for case in self.test],
        }


def split_cases(
    cases: Sequence[Case], data: DataRecipe, seed: int, *, empty: Collection[str] = ()
) -> CaseSplits:
    """Divide cases as their data set says, or by seeded groups where it says nothing.

    The result depends on the seed, on the group names and on the fractions, and not on the order
    of ``cases``, the machine or the version of a library.

    Slices of fewer than three volumes are divided in blocks along each volume, since there is no
    other way; ``how`` says so.

    Args:
        cases: The whole data set. A ``split`` that cases bring with them is honoured exactly; a
            data set that gives no validation cases gets some of its training groups as such.
        data: The shares of the groups for validation and test. A share is rounded to whole
            groups, and each part gets one group at least.
        seed: Decides which groups go where.
        empty: Ids of the cases without objects. Groups of nothing else are divided by themselves,
            so that each part gets its share of them, and of the others.

    Raises:
        DataError: Some cases have a given split and others have none, or the given splits divide
            a group.
        UsageError: There are too few groups, or the given splits hold no case to train on or to
            test with.
    """
    if any(case.split is not None for case in cases):
        return _given(cases, data, seed)
    groups, known = _shuffled_groups(cases, seed), set(empty)
    blank = [group for group in groups if all(case.id in known for case in group)]
    if len(blank) == len(groups):
        blank = []
    else:
        groups = [group for group in groups if any(case.id not in known for case in group)]
    if 0 < len(groups) < 3 and all(whole_of(case) is not case for case in cases):
        return _blocks(cases, data, seed)
    if len(groups) < 3:
        raise UsageError(
            f"the data set has {len(groups)} of the 3 groups (patients, scenes, slides) that "
            "train, validation and test need at least. Add images of other groups; a group is "
            "never divided."
        )
    test_count = _share(data.test_fraction, len(groups), leave=2)
    val_count = _share(data.validation_fraction, len(groups), leave=1 + test_count)
    test, val, train = _divided(groups, test_count, val_count)
    how = (
        f"{len(groups)} groups were divided at random with seed {seed}: "
        f"{len(train)} train, {len(val)} validation, {len(test)} test."
    )
    if blank:
        tested, validated = data.test_fraction * len(blank), data.validation_fraction * len(blank)
        others = _divided(blank, round(tested), round(validated))
        test, val, train = (a + b for a, b in zip((test, val, train), others, strict=True))
        counts = ", ".join(str(len(part)) for part in reversed(others))
        how += f" So were the {len(blank)} groups without any object: {counts}."
    return CaseSplits(_flat(train), _flat(val), _flat(test), how)


def with_fewer_images(
    splits: CaseSplits, count: int, seed: int, *, empty: Collection[str] = ()
) -> CaseSplits:
    """Leave ``count`` images to train on, and no more than that to validate with.

    They are drawn among the images that show an object. What a smaller count leaves is a part of
    what a larger one leaves, so that a learning curve compares like with like.

    Args:
        splits: All images; the test part stays.
        count: At least 1. A part that has no more stays as it is, its empty images included.
        seed: Decides which.
        empty: Ids of the cases without objects.
    """
    known = set(empty)
    shown = [case for case in splits.train if case.id not in known]
    if count >= len(shown):
        return splits
    train, val = (
        sorted(_flat([part]), key=lambda case: _rank(case.id, seed))[:count]
        for part in (shown, [case for case in splits.val if case.id not in known])
    )
    how = f"{splits.how} Of these, {len(train)} train and {len(val)} validation images are used."
    return replace(splits, train=_flat([train]), val=_flat([val]), how=how)


def _divided(
    groups: list[list[Case]], test: int, val: int
) -> tuple[list[list[Case]], list[list[Case]], list[list[Case]]]:
    """Test, validation and train."""
    return groups[:test], groups[test : test + val], groups[test + val :]


def _blocks(cases: Sequence[Case], data: DataRecipe, seed: int) -> CaseSplits:
    """Train, validation and test from one end of each volume or scene to the other.

    Shares count the slices or tiles that show an object; validation keeps the other two apart.
    """
    parts: dict[str, list[Case]] = {"train": [], "validation": [], "test": []}
    wholes: defaultdict[str, list[Case]] = defaultdict(list)
    for case in cases:
        wholes[whole_of(case).id].append(case)
    whole, part = ("volume", "slice") if cases[0].slice_of is not None else ("scene", "tile")
    for name, slices in sorted(wholes.items()):
        slices.sort(key=lambda case: case.id, reverse=_rank(name, seed)[0] % 2 == 1)
        shown = [
            index for index, case in enumerate(slices) if case.read_objects and case.read_objects()
        ]
        if len(shown) < 3:
            raise DataError(
                image_file(slices[0]),
                f"{len(shown)} of its {part}s show an object, and train, validation and test need "
                "one each",
                f"Label more {part}s, or add {whole}s.",
            )
        tested = _share(data.test_fraction, len(shown), leave=2)
        validated = _share(data.validation_fraction, len(shown), leave=1 + tested)
        first, second = shown[-tested - validated], shown[-tested]
        parts["train"] += slices[:first]
        parts["validation"] += slices[first:second]
        parts["test"] += slices[second:]
    counted = ", ".join(f"{len(kept)} {name}" for name, kept in parts.items())
    how = (
        f"There are fewer than 3 {whole}s, so each was divided into blocks of {part}s: {counted}. "
        f"Test {part}s belong to {whole}s that were trained on, which flatters the scores; add "
        f"{whole}s of other {'patients' if whole == 'volume' else 'places'} for honest ones."
    )
    train, validation, test = (_flat([part]) for part in parts.values())
    return CaseSplits(train, validation, test, how)


def _given(cases: Sequence[Case], data: DataRecipe, seed: int) -> CaseSplits:
    """The division that the data set brings with it."""
    _require_every_split(cases)
    _require_whole_groups(cases)
    parts: dict[Split, list[Case]] = {"train": [], "val": [], "test": []}
    for case in cases:
        if case.split is not None:
            parts[case.split].append(case)
    for needed in ("train", "test"):
        if not parts[needed]:
            raise UsageError(
                f"the data set's own split has no case in '{needed}': it needs at least one. Name "
                f"some under '{needed}' in splits.json, or remove the file for a seeded split."
            )
    if parts["val"]:
        how = "Train, validation and test are as the data set gives them."
        return CaseSplits(
            _flat([parts["train"]]), _flat([parts["val"]]), _flat([parts["test"]]), how
        )
    groups = _shuffled_groups(parts["train"], seed)
    if len(groups) < 2:
        raise UsageError(
            f"the data set's own split has no case in 'val' and {len(groups)} group in 'train': "
            "at least 2 training groups are needed to set one aside for validation. Name cases "
            "under 'val' in splits.json, or add images of another patient, scene or slide."
        )
    count = _share(data.validation_fraction, len(groups), leave=1)
    how = (
        f"Train and test are as the data set gives them; {count} of {len(groups)} training groups "
        f"were set aside for validation at random with seed {seed}."
    )
    return CaseSplits(_flat(groups[count:]), _flat(groups[:count]), _flat([parts["test"]]), how)


def _require_every_split(cases: Sequence[Case]) -> None:
    without = sorted((case for case in cases if case.split is None), key=lambda case: case.id)
    if without:
        raise DataError(
            image_file(without[0]),
            f"{len(without)} of {len(cases)} cases are in no part of the data set's own split: "
            f"{name_some([case.id for case in without])}",
            "Name each under 'train', 'val' or 'test' in splits.json, or remove its image.",
        )


def _require_whole_groups(cases: Sequence[Case]) -> None:
    for name, group in sorted(_by_group(cases).items()):
        if len({case.split for case in group}) > 1:
            members = name_some([f"{case.id} ({case.split})" for case in group])
            raise DataError(
                image_file(group[0]),
                f"group '{name}' is in several parts of the data set's own split: {members}",
                "Move all its cases into one part, since near-copies of training images in the "
                "test make the scores too good.",
            )


def _by_group(cases: Sequence[Case]) -> dict[str, list[Case]]:
    groups: defaultdict[str, list[Case]] = defaultdict(list)
    for case in sorted(cases, key=lambda case: case.id):
        groups[case.group].append(case)
    return dict(groups)


def _shuffled_groups(cases: Sequence[Case], seed: int) -> list[list[Case]]:
    """The cases of each group, groups in the order of a hash of seed and name.

    A hash, unlike a random generator's stream, is promised to stay the same in every version.
    """
    groups = _by_group(cases)
    return [groups[name] for name in sorted(groups, key=lambda name: _rank(name, seed))]


def _rank(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{name}".encode("utf-8", "surrogatepass")).digest()


def _share(fraction: float, groups: int, *, leave: int) -> int:
    """``fraction`` of the groups in whole groups, at least one, with ``leave`` left for others."""
    return min(max(1, round(fraction * groups)), groups - leave)


def _flat(groups: Sequence[Sequence[Case]]) -> tuple[Case, ...]:
    return tuple(sorted((case for group in groups for case in group), key=lambda case: case.id))
