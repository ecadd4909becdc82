"""Which objects of which volumes are scored as a whole, and what they are prompted with."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from samdomains.data.volumes import slices_of
from samdomains.evaluation.drawn_cases import case_generator
from samdomains.recipe import Recipe
from samdomains.types import Box, Case, ObjectMask, Prompts

PROMPT = "box@middle"
"""The one prompt of an object: its exact box in the middle one of the slices that show it."""

Key: TypeAlias = tuple[int, int]
"""Class and instance: what the cross-sections of one object have in common."""


@dataclass(frozen=True, slots=True, eq=False)
class VolumeTarget:
    """One object of a volume to follow.

    Attributes:
        index: Place among the volume's objects, sorted by class and instance.
        name: What readers call it: its class, and its instance where the class has several.
        class_id: Its class.
        sections: The annotated cross-sections; there may be several in a slice.
        middle: The slice that is prompted.
        prompt: The exact box there.
    """

    index: int
    name: str
    class_id: int
    sections: tuple[ObjectMask, ...]
    middle: int
    prompt: Prompts


def whole_volumes(parts: Sequence[Case]) -> tuple[Case, ...]:
    """The annotated volumes of which every slice is there, in the order of their first slices.

    Where a volume is divided between training and test, no object can be followed to its ends
    without a look at what was trained on. A volume of one slice is a picture.

    Args:
        parts: Images, slices and tiles.
    """
    volumes: dict[str, Case] = {}
    counts: Counter[str] = Counter()
    for part in parts:
        if part.slice_of is not None and part.read_objects is not None:
            volumes.setdefault(part.slice_of.volume.id, part.slice_of.volume)
            counts[part.slice_of.volume.id] += 1
    return tuple(
        volume for name, volume in volumes.items() if 1 < counts[name] == (volume.depth or 0)
    )


def targets_of(volume: Case, recipe: Recipe) -> list[VolumeTarget]:
    """The objects of a volume that are followed, in the order of class and instance.

    All cross-sections of one class and instance are one object. Crowd regions are none, nor is
    what has fewer than ``data.minimum_area`` pixels in the slice that is prompted, the middle one
    of those that show it. Of more than ``evaluation.volume_objects`` a subset is drawn, from all
    classes by turns; it depends on the seed and the volume's id alone.

    The annotation is read slice by slice, and only what is followed is kept.

    Args:
        volume: An annotated case with a ``depth``.
        recipe: Gives the values above.

    Raises:
        DataError: The annotation cannot be read.
    """
    areas: defaultdict[Key, Counter[int]] = defaultdict(Counter)
    for index, item in _sections(volume):
        areas[_key(item)][index] += item.area
    middles = {key: sorted(slices)[len(slices) // 2] for key, slices in sorted(areas.items())}
    least = recipe.data.minimum_area
    large = [key for key, middle in middles.items() if areas[key][middle] >= least]
    rng = case_generator(recipe.seed, volume.id)
    kept: dict[Key, list[ObjectMask]] = {
        key: [] for key in _drawn(large, recipe.evaluation.volume_objects, rng)
    }
    for index, item in _sections(volume):
        if _key(item) in kept:
            kept[_key(item)].append(replace(item, slice_index=index))
    members = Counter(class_id for class_id, _ in middles)
    return [
        VolumeTarget(
            index=place,
            name=volume.classes[key[0]] + f" {key[1]}" * (members[key[0]] > 1),
            class_id=key[0],
            sections=tuple(kept[key]),
            middle=middle,
            prompt=Prompts(box=_box([s for s in kept[key] if s.slice_index == middle])),
        )
        for place, (key, middle) in enumerate(middles.items())
        if key in kept
    ]


def _sections(volume: Case) -> Iterator[tuple[int, ObjectMask]]:
    """Every cross-section, and its slice."""
    for index, part in enumerate(slices_of(volume)):
        for item in part.read_objects() if part.read_objects is not None else ():
            if not item.crowd:
                yield index, item


def _key(item: ObjectMask) -> Key:
    return item.class_id, item.instance


def _drawn(keys: Sequence[Key], most: int, rng: np.random.Generator) -> list[Key]:
    """At most so many of the keys, from each class in turn."""
    turns: defaultdict[int, int] = defaultdict(int)
    ranked: list[tuple[int, int, Key]] = []
    for place in rng.permutation(len(keys)).tolist():
        class_id = keys[place][0]
        ranked.append((turns[class_id], len(ranked), keys[place]))
        turns[class_id] += 1
    return [key for _, _, key in sorted(ranked)[:most]]


def _box(sections: Sequence[ObjectMask]) -> Box:
    """The box around all cross-sections in one slice."""
    boxes = np.array([item.box for item in sections])
    return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
