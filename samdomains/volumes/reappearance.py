"""Finding an object again that was hidden for a while, and telling it from others like it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.recipe import PropagationRecipe
from samdomains.types import Mask, ObjectMask
from samdomains.volumes.appearance import Appearance
from samdomains.volumes.sections import Known, Section
from samdomains.volumes.stopping import Evidence, goes_on

WHOLE = 0.5
"""Share of its largest area from which an object counts as seen whole: its place and speed are
taken from there, not from what sticks out behind something."""

SMALLEST, LARGEST = 0.1, 2.5
"""Areas that an object may come back with, over its largest so far. A part may show first."""

REACH, DRIFT = 0.5, 0.1
"""How far beside its way an object may come back, as shares of its longer side: at once, and more
with each slice. Its way leads from where it was seen whole to where it was heading."""

FASTER = 1.5
"""How much faster than before it may have gone on."""

PLACES = 3
"""Parts of a slice that look like the object and are asked about, the most of them."""

LIKE = 0.55
"""Least likeness to the object, in the prompted slices or when it was last seen whole."""

SURE = 0.5
"""Least predicted IoU, over that in the prompted slices."""

TAKEN = 0.5
"""Share of an answer that another object has, where it is that one's."""

SAME_PLACE = 0.3
"""Share of the smaller of two answers in one slice that both have, where they are of one object."""


class Steps(Protocol):
    """Goes from slice to slice, as ``propagation`` does."""

    @property
    def recipe(self) -> PropagationRecipe:
        """How."""
        ...

    @property
    def others(self) -> Mapping[int, Sequence[ObjectMask]]:
        """By slice, what is known to be another object."""
        ...

    def step(self, before: Section, index: int, known: Known) -> tuple[Section, Evidence] | None:
        """Find an object of one slice in the next."""
        ...

    def look(
        self, index: int, expected: Mask, known: Known, recent: Appearance
    ) -> tuple[Section, Evidence] | None:
        """Find an object where it should be."""
        ...

    def pixels(self, index: int) -> NDArray[np.float32]:
        """What a slice looks like."""
        ...

    def signs(self, pixels: NDArray[np.float32], appearance: Appearance) -> NDArray[np.float32]:
        """How far each pixel looks like the object."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Trail:
    """Where an object was so far.

    Attributes:
        last: What was found last.
        whole: The last one that showed it whole.
        area: The largest so far, in pixels.
        speed: (2,) way down and to the right in each slice, while it was seen whole.
    """

    last: Section
    whole: Section
    area: int
    speed: NDArray[np.float64]

    @classmethod
    def of(cls, seed: Section) -> Trail:
        """Where it begins."""
        return cls(seed, seed, _area(seed), np.zeros(2))

    def then(self, section: Section) -> Trail:
        """And then it was there."""
        area = _area(section)
        if area < WHOLE * self.area:
            return replace(self, last=section)
        way = _centre(section.mask()) - _centre(self.whole.mask())
        speed = way / abs(section.index - self.whole.index)
        return Trail(section, section, max(area, self.area), (self.speed + speed) / 2)

    def may_reach(self, section: Section) -> bool:
        """Whether it may have come to the place of what was found in another slice."""
        slices = abs(section.index - self.whole.index)
        way = FASTER * slices * self.speed
        to = _centre(section.mask()) - _centre(self.whole.mask())
        share = np.clip(way @ to / max(float(way @ way), 1e-6), 0.0, 1.0)
        room = max(self.whole.crop.shape) * (REACH + DRIFT * slices)
        return bool(np.hypot(*(to - share * way)) <= room)


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """Looks for one object that was lost, slice by slice.

    It may be where it was, where it was heading, and where a slice looks like it. What is found
    there must be like it in appearance, size and the model's confidence, and where it is followed
    back, it must come to an end where the object was hidden or meet it where it was lost. What was
    beside the object while that was still seen is something else.

    Attributes:
        steps: Looks into slices.
        trail: Where it was.
        known: From the prompts.
        recent: What it looked like when it was last seen whole.
        strangers: What was found and is something else, in the slice before.
    """

    steps: Steps
    trail: Trail
    known: Known
    recent: Appearance
    strangers: list[Section] = field(default_factory=list)

    @classmethod
    def of(cls, steps: Steps, trail: Trail, known: Known) -> Search:
        """Begin where it was lost."""
        whole = trail.whole
        return cls(steps, trail, known, Appearance.of(steps.pixels(whole.index), whole.mask()))

    def at(self, index: int) -> list[Section]:
        """Look into one slice, beyond those that were looked into.

        Returns:
            The object in that slice, the last, and in those before that show it too; nothing where
            it is not there.
        """
        before = [stranger.mask() for stranger in self.strangers]
        self.strangers.clear()
        for section in self._alike(index):
            strange = any(_meet(section.mask(), mask) for mask in before)
            back = None if strange else self._way_back(section)
            if back is not None:
                return back
            self.strangers.append(section)
        return []

    def _alike(self, index: int) -> list[Section]:
        """What is like the object in a slice, the most likely first."""
        appearance = Appearance.mean([self.known.appearance, self.recent])
        signs = self.steps.signs(self.steps.pixels(index), appearance)
        found: list[tuple[float, Section]] = []
        for place in places(self.trail, index, signs):
            answer = self.steps.look(index, place, self.known, self.recent)
            if answer is not None and self._is_like(*answer):
                found.append((goes_on(answer[1]), answer[0]))
        kept: list[Section] = []
        for _, section in sorted(found, key=lambda pair: -pair[0]):
            if not any(_meet(section.mask(), other.mask()) for other in kept):
                kept.append(section)
        return kept

    def _is_like(self, section: Section, evidence: Evidence) -> bool:
        """Whether an answer is like the object, from its slice alone."""
        mask, area = section.mask(), self.trail.area
        if not SMALLEST * area <= np.count_nonzero(mask) <= LARGEST * area:
            return False
        if any(_covers(other, mask) for other in self.steps.others.get(section.index, ())):
            return False
        look = Appearance.of(self.steps.pixels(section.index), mask)
        return bool(
            goes_on(evidence) >= self.steps.recipe.stop
            and evidence.predicted >= SURE
            and self.trail.may_reach(section)
            and max(map(look.likeness, (self.known.appearance, self.recent))) >= LIKE
        )

    def _way_back(self, found: Section) -> list[Section] | None:
        """The sections up to what was found; None where they lead past the object."""
        back, last = [found], self.trail.last
        step = 1 if last.index > found.index else -1
        for index in range(found.index + step, last.index + step, step):
            answer = self.steps.step(back[-1], index, self.known)
            if answer is None or goes_on(answer[1]) < self.steps.recipe.stop:
                break
            if index == last.index:
                return back[::-1] if _meet(answer[0].mask(), last.mask()) else None
            back.append(answer[0])
        return back[::-1]


def places(trail: Trail, index: int, signs: NDArray[np.float32]) -> list[Mask]:
    """Where an object may have come back.

    Args:
        trail: Where it was.
        index: Of the slice.
        signs: (H, W), how far its pixels look like the object; positive where they do.
    """
    whole = trail.whole.mask()
    ahead = trail.speed * abs(index - trail.whole.index)
    guesses = [whole, _shifted(whole, ahead)]
    likely = [place for place in guesses if place.any() and signs[place].mean() > 0]
    parts, count = ndimage.label(ndimage.gaussian_filter(signs, 1.0) > 0)
    numbers = np.arange(1, count + 1)
    areas = ndimage.sum_labels(np.ones_like(signs), parts, numbers)
    sums = ndimage.sum_labels(signs, parts, numbers)
    fitting = (areas >= SMALLEST * trail.area) & (areas <= LARGEST * trail.area)
    order = [int(n) for n in numbers[np.argsort(-sums)] if fitting[n - 1]][:PLACES]
    return likely + [np.asarray(parts == number) for number in order]


def by_slice(objects: Iterable[ObjectMask]) -> Mapping[int, Sequence[ObjectMask]]:
    """Cross-sections under the number of their slice."""
    found = defaultdict(list)
    for item in objects:
        found[item.slice_index or 0].append(item)
    return found


def _covers(other: ObjectMask, mask: Mask) -> bool:
    """Whether another object has more than ``TAKEN`` of a mask."""
    (y, x), (height, width) = other.origin, other.crop.shape
    common = np.count_nonzero(mask[y : y + height, x : x + width] & other.crop)
    return bool(common > TAKEN * np.count_nonzero(mask))


def _meet(a: Mask, b: Mask) -> bool:
    common = np.count_nonzero(a & b)
    return bool(common > SAME_PLACE * min(np.count_nonzero(a), np.count_nonzero(b)))


def _shifted(mask: Mask, way: NDArray[np.float64]) -> Mask:
    """(H, W), moved down and to the right; what leaves the picture is gone."""
    moved = ndimage.shift(mask.astype(np.float32), np.round(way), order=0, cval=0.0)
    return np.asarray(moved > 0.5)


def _centre(mask: Mask) -> NDArray[np.float64]:
    """(y, x)."""
    return np.asarray(np.argwhere(mask).mean(axis=0))


def _area(section: Section) -> int:
    return int(np.count_nonzero(section.crop > 0))
