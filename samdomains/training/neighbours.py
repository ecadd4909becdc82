"""Objects from one slice of a volume to the next: how they go on, where they have ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from samdomains.data.scenes import clipped
from samdomains.prompts.masks import coarse_mask
from samdomains.prompts.propagated import propagated_prompt, roomy_box
from samdomains.recipe import PropagationRecipe
from samdomains.types import Box, Case, Mask, ObjectMask, Prompts, Window

SPOILT_SHARE = 0.5
"""Share of the neighbours' masks that are spoilt, since a model's answer is right now and then."""

REACH = 3
"""Slices after its last in which an object counts as ended: a model that overlooks the end once is
asked again in the next slice. In a volume of thin slices few objects end from one to the next."""

GOING_ON = 2
"""Objects that go on for each that has ended, in training: so often that the end is learnt, and not
so often that the model expects it."""


@dataclass(frozen=True, slots=True)
class Followed:
    """Cross-sections of one object in a neighbouring slice, and what this slice shows of them.

    Attributes:
        case: Index of the neighbouring slice's case; of an ended object, of a slice that had it.
        before: Indices of the cross-sections among its objects.
        after: Indices of the object's cross-sections in this slice that overlap them; none where
            the object has ended.
        extent: The pixels that the prompt made of ``before`` and the object itself lie in.
    """

    case: int
    before: tuple[int, ...]
    after: tuple[int, ...]
    extent: Window


@dataclass(frozen=True, slots=True)
class NeighbourPrompts:
    """Simulates the prompts that follow objects from slice to slice.

    Attributes:
        share: How many of the objects are asked for in this way too; ``prompts.neighbour``.
        recipe: What the prompt is made of.
    """

    share: float
    recipe: PropagationRecipe

    def choose(
        self, followed: Sequence[Followed], objects: Sequence[int], rng: np.random.Generator
    ) -> list[Followed]:
        """What is asked for beside a view's objects.

        Args:
            followed: What the view shows of neighbouring slices.
            objects: Indices of the objects that a user asks for.
            rng: The only source of randomness.
        """
        chosen = []
        for index in objects:
            ways = [item for item in followed if index in item.after]
            if ways and rng.random() < self.share:
                chosen.append(ways[rng.integers(len(ways))])
        ended = [item for item in followed if not item.after]
        count = int(len(chosen) / GOING_ON + rng.random())
        return chosen + [ended[i] for i in rng.permutation(len(ended))[:count]]

    def most(self, objects: int) -> int:
        """How many objects a sample has at most, of which a user asks for ``objects``."""
        return objects if self.share == 0 else 2 * objects + objects // GOING_ON + 1

    def __call__(self, neighbour: Mask, rng: np.random.Generator) -> Prompts:
        """Prompt for an object where a neighbouring slice has it, as a model would have found it.

        Args:
            neighbour: (H, W), the object in the neighbouring slice; not empty.
            rng: The only source of randomness.
        """
        if rng.random() < SPOILT_SHARE:
            neighbour = coarse_mask(neighbour, rng)
        return propagated_prompt(neighbour, self.recipe)


class Neighbours:
    """Says what goes on, or has ended, from the slices beside a slice.

    Only slices among the given cases count: those of validation and test stay unseen.

    Args:
        cases: With annotation; those that are no slices have no neighbours.
        minimum_area: Cross-sections with fewer pixels are no prompts and are not prompted for.
        margin: Room around a prompt's box; ``propagation.margin``.
    """

    def __init__(self, cases: Sequence[Case], minimum_area: int, margin: float) -> None:
        self._cases, self._minimum_area, self._margin = cases, minimum_area, margin
        self._numbers = {
            (case.slice_of.volume.id, case.slice_of.index): number
            for number, case in enumerate(cases)
            if case.slice_of is not None
        }

    def followed(self, number: int) -> tuple[Followed, ...]:
        """Objects of the slices around a case's, as far as their volume numbers them."""
        place = self._cases[number].slice_of
        if place is None:
            return ()
        here, found = objects_of(self._cases[number]), list[Followed]()
        for step in (sign * distance for distance in range(1, REACH + 1) for sign in (-1, 1)):
            other = self._numbers.get((place.volume.id, place.index + step))
            if other is not None:
                become = self._between(other, here)
                found += [item for item in become if abs(step) == 1 or not item.after]
        return tuple(found)

    def _between(self, number: int, here: Sequence[ObjectMask]) -> Iterator[Followed]:
        """What becomes of another slice's objects in this one."""
        there, own = objects_of(self._cases[number]), _by_instance(here)
        usable = [j for j, item in enumerate(there) if self._counts(item)]
        shown = {
            j: [i for i in own.get(_instance(there[j]), ()) if _overlap(here[i], there[j])]
            for j in usable
        }
        for before, after in self._going_on(shown, here):
            extents = [there[j].box for j in before], [here[i].box for i in after]
            yield Followed(number, before, after, self._extent(*extents, there[0].image_size))
        for j in (j for j in usable if not shown[j]):
            extent = self._extent([there[j].box], [], there[j].image_size)
            # What moves on beside its old place has not ended, and is not followed either.
            if not any(clipped(here[i], extent) for i in own.get(_instance(there[j]), ())):
                yield Followed(number, (j,), (), extent)

    def _going_on(
        self, shown: Mapping[int, Sequence[int]], here: Sequence[ObjectMask]
    ) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        """All that one prompt asks for: of a branch, the others that its neighbour shows too."""
        groups: dict[tuple[tuple[int, ...], tuple[int, ...]], None] = {}
        for i in (i for i, item in enumerate(here) if self._counts(item)):
            before = tuple(j for j, after in shown.items() if i in after)
            if before:
                groups[before, tuple(sorted({k for j in before for k in shown[j]}))] = None
        yield from groups

    def _counts(self, item: ObjectMask) -> bool:
        return item.instance > 0 and not item.crowd and item.area >= self._minimum_area

    def _extent(
        self, before: Sequence[Box], after: Sequence[Box], image_size: tuple[int, int]
    ) -> Window:
        prompt = roomy_box(_around(before), self._margin, image_size)
        x0, y0, x1, y1 = _around([prompt, *after])
        return Window(int(y0), int(x0), int(np.ceil(y1)), int(np.ceil(x1)))


def objects_of(case: Case) -> tuple[ObjectMask, ...]:
    """The annotated objects of a case; none without an annotation."""
    return case.read_objects() if case.read_objects else ()


def _around(boxes: Sequence[Box]) -> Box:
    """The smallest box around boxes."""
    corners = np.stack(boxes)
    return np.concatenate([corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)])


def _instance(item: ObjectMask) -> tuple[int, int]:
    return item.class_id, item.instance


def _by_instance(objects: Sequence[ObjectMask]) -> Mapping[tuple[int, int], Sequence[int]]:
    """Indices of the cross-sections of each object."""
    members: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for index, item in enumerate(objects):
        members[_instance(item)].append(index)
    return members


def _overlap(one: ObjectMask, other: ObjectMask) -> bool:
    """Whether two objects have a pixel in common."""
    (y, x), (height, width) = other.origin, other.crop.shape
    part = clipped(one, Window(y, x, y + height, x + width))
    return part is not None and bool((part.mask() & other.crop).any())
