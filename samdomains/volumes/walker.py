"""Steps from slice to slice: what of an object is found in the next one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.prompts.boxes import box_of, window_of
from samdomains.prompts.propagated import propagated_prompt
from samdomains.recipe import PropagationRecipe
from samdomains.sam.decode import is_ambiguous
from samdomains.types import Logits, Mask, ObjectMask, Prediction, Prompts
from samdomains.volumes.appearance import Appearance
from samdomains.volumes.motion import moved
from samdomains.volumes.planes import Planes
from samdomains.volumes.reappearance import Search, Trail
from samdomains.volumes.sections import BACKGROUND, Known, Section
from samdomains.volumes.stopping import Evidence, before_dip, contrast, goes_on, iou, relative

SHAPE_CELL = 0.1
"""Share of the square root of its area by which an object may grow from slice to slice before its
shape speaks against it."""

NOVEL = 0.5
"""Share of what is around an object that may look like anything, in photos and wherever things
pass in front of each other: what hides an object is not taken for it."""

FARTHEST = 6.0
"""Distance outside of a shape, in such units, beyond which it speaks no more against a pixel."""

DEEPEST = 3.0
"""The same inside, beyond which it speaks no more for one."""


@dataclass(frozen=True, slots=True, eq=False)
class Walker:
    """Follows one object from slice to slice.

    Attributes:
        planes: The slices.
        recipe: How.
        clicks: By slice: the user's clicks on the background, where nothing else is said.
        others: By slice: cross-sections of other objects.
    """

    planes: Planes
    recipe: PropagationRecipe
    clicks: Mapping[int, Prompts]
    others: Mapping[int, Sequence[ObjectMask]]

    def seed(self, index: int, prompts: Prompts) -> Section | None:
        """The answer to a user's own prompt."""
        encoded = self.planes.encoded(index)
        answer = encoded.predict([prompts], multimask=is_ambiguous(prompts))[0]
        logits = _full(answer)
        if not (logits > 0).any():
            return None
        return Section.of(index, logits, answer.predicted_iou, answer.predicted_iou)

    def know(self, seeds: Sequence[Section]) -> Known:
        """What the prompted slices tell of the object."""
        shown = [(self.pixels(seed.index), seed.mask()) for seed in seeds]
        return Known(
            Appearance.mean([Appearance.of(pixels, mask) for pixels, mask in shown]),
            np.mean([contrast(pixels, mask) for pixels, mask in shown], axis=0),
            float(np.mean([seed.predicted for seed in seeds])),
            float(np.mean([np.count_nonzero(mask) for _, mask in shown])),
        )

    def outward(self, seed: Section, step: int, known: Known) -> Iterator[Section]:
        """Go on from a slice until the object ends."""
        indices = range(seed.index + 1, len(self.planes)) if step > 0 else range(seed.index)[::-1]
        return self.walk(seed, indices, known)

    def walk(self, seed: Section, indices: Sequence[int], known: Known) -> Iterator[Section]:
        """Go on into these slices until the object ends, or is hidden for too long."""
        held: list[Section] = []
        contrasts: list[float] = []
        trail, search = Trail.of(seed), None
        for index in indices:
            found = None if search else self.step(trail.last, index, known)
            if found is not None and goes_on(found[1]) >= self.recipe.stop:
                trail = trail.then(found[0])
                if self.recipe.dip is None:
                    yield found[0]
                    continue
                held.append(found[0])
                contrasts.append(found[1].contrast)
                kept = before_dip(contrasts, self.recipe.dip)
                if kept < len(held):
                    held = held[:kept]
                    break
                continue
            if abs(index - trail.last.index) > self.recipe.patience:
                break
            yield from held
            held, contrasts = [], []
            search = search or Search.of(self, trail, known)
            for section in search.at(index):
                trail, search = trail.then(section), None
                yield section
        yield from held

    def between(self, first: Section, second: Section, known: Known) -> Iterator[Section]:
        """Fill a gap between two prompted slices from both of its sides."""
        inner = range(first.index + 1, second.index)
        go = self.walk if self.recipe.patience else self.through  # hidden for a while, or there
        forth = {s.index: s for s in go(first, inner, known)}
        back = {s.index: s for s in go(second, inner[::-1], known)}
        for index in inner:
            share = (index - first.index) / (second.index - first.index)
            both = _weighted(forth.get(index), back.get(index), 1 - share)
            if both is not None:
                yield both

    def through(self, seed: Section, indices: Sequence[int], known: Known) -> Iterator[Section]:
        """Follow into all these slices, as long as anything is left of the object."""
        before = seed
        for index in indices:
            found = self.step(before, index, known)
            if found is None:
                return
            before = found[0]
            yield before

    def step(self, before: Section, index: int, known: Known) -> tuple[Section, Evidence] | None:
        """Find an object of one slice in the next.

        Returns:
            The object, and what speaks for it; None where nothing is left of it.
        """
        earlier = before.mask()
        share = moved(earlier, self._grey(before.index), self._grey(index))
        recent = Appearance.of(self.pixels(before.index), earlier)
        return self.look(index, share > 0.5, known, recent)

    def look(
        self, index: int, expected: Mask, known: Known, recent: Appearance
    ) -> tuple[Section, Evidence] | None:
        """Find an object where it should be.

        Args:
            index: Of the slice.
            expected: (H, W), its place.
            known: From the prompts.
            recent: What it looked like last.

        Returns:
            As of ``step``.
        """
        if not expected.any():
            return None
        answers = answers_for(self.planes, index, expected, self.recipe, self.clicks.get(index))
        pixels = self.pixels(index)
        signs = self.signs(pixels, Appearance.mean([known.appearance, recent]))
        both = [_full(answer) for answer in answers]
        logits = _mean(both)
        logits += self.recipe.appearance * ndimage.gaussian_filter(signs, 0.5)
        logits += self.recipe.shape * _inwards(expected)
        mask = _touching(logits > 0, expected)
        if not mask.any() or _refused(mask, self.clicks.get(index)):
            return None
        logits = np.where((logits > 0) & ~mask, -np.abs(logits), logits)
        predicted = float(np.mean([answer.predicted_iou for answer in answers]))
        agreement = iou(*(answer > 0 for answer in both))
        if not self.in_the_open:  # light changes from frame to frame, tissue looks the same
            signs = self.signs(pixels, known.appearance)
        evidence = Evidence(
            predicted=predicted / max(known.predicted, 0.05),
            appearance=float(signs[mask].mean()),
            contrast=relative(contrast(pixels, mask), known.contrast),
            overlap=iou(mask, expected),
        )
        return Section.of(index, logits, predicted, predicted * agreement), evidence

    def signs(self, pixels: NDArray[np.float32], appearance: Appearance) -> NDArray[np.float32]:
        """(H, W): how far each pixel looks like the object."""
        return appearance.evidence(pixels, NOVEL if self.in_the_open else 0.0)

    @property
    def in_the_open(self) -> bool:
        """Whether slices show things in light, of which one may hide another."""
        return self.planes.coloured or self.recipe.patience > 0

    def pixels(self, index: int) -> NDArray[np.float32]:
        """What a slice looks like: (3, H, W) in colours, or (H, W) in grey levels."""
        return self.planes.image(index) if self.planes.coloured else self._grey(index)

    def _grey(self, index: int) -> NDArray[np.float32]:
        return np.asarray(self.planes.image(index).mean(axis=0), dtype=np.float32)


def answers_for(
    planes: Planes,
    index: int,
    expected: Mask,
    recipe: PropagationRecipe,
    clicks: Prompts | None = None,
) -> list[Prediction]:
    """The answers to two ways of asking: with the box alone, and with all that is known.

    Args:
        planes: The slices.
        index: Of the slice.
        expected: (H, W), where the object should be; not empty.
        recipe: How a prompt is made of a mask.
        clicks: Of the user in this slice.
    """
    prompts = [
        Prompts(box=box_of(expected), source="automatic"),
        propagated_prompt(expected, recipe),
    ]
    if clicks is not None:
        prompts = [
            replace(
                prompt,
                points=np.concatenate([prompt.points, clicks.points]),
                point_labels=np.concatenate([prompt.point_labels, clicks.point_labels]),
            )
            for prompt in prompts
        ]
    return planes.encoded(index).predict(prompts, multimask=False)


def ask(planes: Planes, index: int, expected: Mask, recipe: PropagationRecipe) -> Logits:
    """(H, W): the mean logits of ``answers_for``."""
    return _mean([_full(answer) for answer in answers_for(planes, index, expected, recipe)])


def _mean(logits: Sequence[Logits]) -> Logits:
    return np.asarray(np.mean(logits, axis=0), dtype=np.float32)


def _full(answer: Prediction) -> Logits:
    """(H, W) logits; background outside of the window."""
    full = np.full(answer.image_size, BACKGROUND, dtype=np.float32)
    (y, x), (height, width) = answer.origin, answer.logits.shape
    full[y : y + height, x : x + width] = answer.logits
    return full


def _inwards(mask: Mask) -> Logits:
    """(H, W): signed distance to the border of a mask, in units of how far it may move."""
    unit = max(1.0, SHAPE_CELL * float(np.sqrt(np.count_nonzero(mask))))
    window = window_of(mask, margin=int(np.ceil(FARTHEST * unit)))
    inside = ndimage.distance_transform_edt(mask[window])
    outside = ndimage.distance_transform_edt(~mask[window])
    result = np.full(mask.shape, -FARTHEST, dtype=np.float32)
    result[window] = np.clip((inside - outside) / unit, -FARTHEST, DEEPEST)
    return result


def _refused(mask: Mask, clicks: Prompts | None) -> bool:
    """Whether the user has clicked on what was found as no part of the object."""
    if clicks is None:
        return False
    x, y = clicks.points[clicks.point_labels == 0].astype(int).T
    return bool(mask[y, x].any())


def _touching(mask: Mask, expected: Mask) -> Mask:
    """The parts of a mask that meet the expected object."""
    parts, count = ndimage.label(mask)
    if count == 0:
        return mask
    kept = np.unique(parts[mask & expected])
    return np.isin(parts, kept[kept > 0])


def _weighted(a: Section | None, b: Section | None, share: float) -> Section | None:
    """One section of two of the same slice; ``share`` is the weight of the first."""
    if a is None or b is None:
        return a or b
    logits = share * a.logits() + (1 - share) * b.logits()
    if not (logits > 0).any():
        return a if share >= 0.5 else b
    agreement = iou(a.mask(), b.mask())
    predicted = share * a.predicted + (1 - share) * b.predicted
    return Section.of(a.index, logits, predicted, predicted * agreement)
