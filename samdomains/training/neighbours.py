"""Objects from one slice of a volume to the next: how they go on, where they have ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samdomains.data.scenes import clipped
from samdomains.prompts.masks import coarse_mask
from samdomains.prompts.propagated import propagated_prompt, roomy_box
from samdomains.recipe import PropagationRecipe
from samdomains.types import Box, Case, Mask, ObjectMask, Prompts, Size, SliceOf, Window

SPOILT_SHARE = 0.5
"""Share of the neighbours' masks that are spoilt, since a model's answer is right now and then."""

REACH = 3
"""Slices after its last in which an object counts as ended: a model that overlooks the end once is
asked again in the next slice. In a volume of thin slices few objects end from one to the next."""

GOING_ON = 4
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
        self._sections = _sections(cases)

    def followed(self, number: int) -> tuple[Followed, ...]:
        """Objects of the slices around a case's, as far as their volume numbers them."""
        place = self._cases[number].slice_of
        if place is None:
            return ()
        here, found = objects_of(self._cases[number]), list[Followed]()
        for step in (sign * distance for distance in range(1, REACH + 1) for sign in (-1, 1)):
            other = self._numbers.get((place.volume.id, place.index + step))
            if other is None:
                continue
            there = objects_of(self._cases[other])
            shown = self._shown(there, here)
            if abs(step) == 1:
                found += self._going_on(other, there, here, shown)
            found += self._ended(other, there, [j for j in shown if not shown[j]], place)
        return tuple(found)

    def _shown(
        self, there: Sequence[ObjectMask], here: Sequence[ObjectMask]
    ) -> dict[int, list[int]]:
        """What overlaps each object of another slice in this one."""
        own: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        for i, item in enumerate(here):
            own[_instance(item)].append(i)
        return {
            j: [i for i in own[_instance(item)] if _overlap(here[i], item)]
            for j, item in enumerate(there)
            if self._counts(item)
        }

    def _going_on(
        self,
        number: int,
        there: Sequence[ObjectMask],
        here: Sequence[ObjectMask],
        shown: Mapping[int, Sequence[int]],
    ) -> Iterator[Followed]:
        """All that one prompt asks for: of a branch, the others that its neighbour shows too."""
        groups: dict[tuple[tuple[int, ...], tuple[int, ...]], None] = {}
        for i in (i for i, item in enumerate(here) if self._counts(item)):
            before = tuple(j for j, after in shown.items() if i in after)
            if before:
                groups[before, tuple(sorted({k for j in before for k in shown[j]}))] = None
        for before, after in groups:
            prompt = self._prompt_box([there[j].box for j in before], there[0].image_size)
            extent = _around([prompt, *(here[i].box for i in after)])
            yield Followed(number, before, after, _window(extent))

    def _ended(
        self, number: int, there: Sequence[ObjectMask], candidates: Sequence[int], place: SliceOf
    ) -> Iterator[Followed]:
        """Objects that are not where they were, here or in any slice farther on.

        What moves on beside its old place has not ended, and is not followed either. What comes
        back may have been there all the time, where not every slice is annotated.
        """
        origin = self._cases[number].slice_of
        assert origin is not None
        for j in candidates:
            extent = _window(self._prompt_box([there[j].box], there[j].image_size))
            sections = self._sections[(place.volume.id, *_instance(there[j]))]
            onward = np.sign(place.index - origin.index) * (sections[:, 0] - place.index) >= 0
            if not _meet(sections[onward, 1:], extent).any():
                yield Followed(number, (j,), (), extent)

    def _prompt_box(self, boxes: Sequence[Box], image_size: Size) -> Box:
        return roomy_box(_around(boxes), self._margin, image_size)

    def _counts(self, item: ObjectMask) -> bool:
        return item.instance > 0 and not item.crowd and item.area >= self._minimum_area


def objects_of(case: Case) -> tuple[ObjectMask, ...]:
    """The annotated objects of a case; none without an annotation."""
    return case.read_objects() if case.read_objects else ()


def _sections(cases: Sequence[Case]) -> Mapping[tuple[str, int, int], NDArray[np.int32]]:
    """Volume, class and instance → (n, 5): slice and box of each of its cross-sections."""
    sections: defaultdict[tuple[str, int, int], list[tuple[int, ...]]] = defaultdict(list)
    for case in cases:
        if case.slice_of is not None:
            for item in objects_of(case):
                key = case.slice_of.volume.id, *_instance(item)
                sections[key].append((case.slice_of.index, *map(int, item.box)))
    return {key: np.array(rows, dtype=np.int32) for key, rows in sections.items()}


def _around(boxes: Sequence[Box]) -> Box:
    """The smallest box around boxes."""
    corners = np.stack(boxes)
    return np.concatenate([corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)])


def _window(box: Box) -> Window:
    """The pixels that a box touches."""
    (x0, y0), (x1, y1) = np.floor(box[:2]).astype(int), np.ceil(box[2:]).astype(int)
    return Window(int(y0), int(x0), int(y1), int(x1))


def _meet(boxes: NDArray[np.int32], window: Window) -> NDArray[np.bool_]:
    """(n,): which of (n, 4) boxes have a pixel in common with a window."""
    x0, y0, x1, y1 = boxes.T
    meeting: NDArray[np.bool_] = (
        (x0 < window.x1) & (x1 > window.x0) & (y0 < window.y1) & (y1 > window.y0)
    )
    return meeting


def _instance(item: ObjectMask) -> tuple[int, int]:
    return item.class_id, item.instance


def _overlap(one: ObjectMask, other: ObjectMask) -> bool:
    """Whether two objects have a pixel in common."""
    (y, x), (height, width) = other.origin, other.crop.shape
    part = clipped(one, Window(y, x, y + height, x + width))
    return part is not None and bool((part.mask() & other.crop).any())
