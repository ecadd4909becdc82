"""Following one object from the slices in which it is prompted to all the others that show it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.prompts.boxes import box_of, window_of
from samdomains.prompts.propagated import propagated_prompt
from samdomains.recipe import PropagationRecipe
from samdomains.sam.decode import is_ambiguous
from samdomains.types import Logits, Mask, Prediction, Prompts, Size
from samdomains.volumes.appearance import Appearance
from samdomains.volumes.motion import moved
from samdomains.volumes.planes import Planes
from samdomains.volumes.stopping import Evidence, before_dip, contrast, goes_on, iou, relative

BACKGROUND = -10.0
"""Logit outside of what is kept of an answer."""

MARGIN = 4
"""Pixels around an object whose logits are kept, for what is put together later."""

SHAPE_CELL = 0.1
"""Share of the square root of its area by which an object may grow from slice to slice before its
shape speaks against it."""


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """An object in one slice.

    Attributes:
        index: Of the slice.
        crop: (h, w) logits around it.
        origin: (y, x) of the crop's first pixel.
        size: (H, W) of the slice's image.
        predicted: IoU that the model predicts, in [0, 1].
        confidence: The same, less where ways of asking disagree, in [0, 1].
    """

    index: int
    crop: Logits
    origin: tuple[int, int]
    size: Size
    predicted: float
    confidence: float

    @classmethod
    def of(cls, index: int, logits: Logits, predicted: float, confidence: float) -> Section:
        """Keep what is near the object, which has at least one pixel."""
        rows, columns = window_of(logits > 0, margin=MARGIN)
        kept = np.array(logits[rows, columns], dtype=np.float32)
        origin = rows.start, columns.start
        return cls(index, kept, origin, logits.shape, _unit(predicted), _unit(confidence))

    def logits(self) -> Logits:
        """(H, W)."""
        full = np.full(self.size, BACKGROUND, dtype=np.float32)
        (y, x), (height, width) = self.origin, self.crop.shape
        full[y : y + height, x : x + width] = self.crop
        return full

    def mask(self) -> Mask:
        """(H, W)."""
        return np.asarray(self.logits() > 0)


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What is known of an object from the slices in which it was prompted.

    Attributes:
        appearance: Of it there.
        contrast: With what is around it.
        predicted: IoU that the model predicts there.
        area: Mean number of pixels.
    """

    appearance: Appearance
    contrast: float
    predicted: float
    area: float


def follow(
    planes: Planes, prompts: Mapping[int, Prompts], recipe: PropagationRecipe
) -> Iterator[Section]:
    """Follow an object through the slices.

    Between two prompted slices it is followed from both, and the nearer one counts more. Beyond
    the first and the last it is followed until it ends.

    Args:
        planes: The slices.
        prompts: By slice, in pixels of its image. In one at least there is a box or a point on the
            object; clicks on the background alone correct what is found in that slice.
        recipe: How.

    Yields:
        Slices that show it, each once, in no order. Nothing where its prompts show nothing.
    """
    clicks = {i: p for i, p in prompts.items() if not _is_positive(p)}
    walker = _Walker(planes, recipe, clicks)
    seeds = [s for i in sorted(set(prompts) - set(clicks)) if (s := walker.seed(i, prompts[i]))]
    if not seeds:
        return
    known = walker.know(seeds)
    yield from seeds
    for first, second in pairwise(seeds):
        yield from walker.between(first, second, known)
    yield from walker.outward(seeds[0], -1, known)
    yield from walker.outward(seeds[-1], 1, known)


def follow_back(
    planes: Planes,
    sections: Sequence[Section],
    prompts: Mapping[int, Prompts],
    recipe: PropagationRecipe,
) -> Iterator[Section]:
    """The way back: from where an object ended to the slices in which it was prompted.

    What comes back to the same place was followed consistently.

    Args:
        planes: The slices.
        sections: From ``follow``, at least one.
        prompts: The same as there.
        recipe: How.

    Yields:
        Slices as in ``sections``, as far as it comes; those between prompts as they are.
    """
    places = {section.index: section for section in sections}
    seeds = [places[i] for i in sorted(prompts) if i in places and _is_positive(prompts[i])]
    walker = _Walker(planes, recipe, {})
    known = walker.know(seeds)
    first, last = seeds[0].index, seeds[-1].index
    yield from (section for section in sections if first <= section.index <= last)
    for end, inner in (
        (min(places), range(min(places) + 1, first)),
        (max(places), range(max(places) - 1, last, -1)),
    ):
        if not first <= end <= last:
            yield places[end]
            yield from walker.through(places[end], inner, known)


def _is_positive(prompts: Prompts) -> bool:
    return prompts.box is not None or bool((prompts.point_labels == 1).any())


@dataclass(frozen=True, slots=True, eq=False)
class _Walker:
    """Steps from slice to slice."""

    planes: Planes
    recipe: PropagationRecipe
    clicks: Mapping[int, Prompts]

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
        greys = [(self._grey(seed.index), seed.mask()) for seed in seeds]
        return Known(
            Appearance.mean([Appearance.of(grey, mask) for grey, mask in greys]),
            float(np.mean([contrast(grey, mask) for grey, mask in greys])),
            float(np.mean([seed.predicted for seed in seeds])),
            float(np.mean([np.count_nonzero(mask) for _, mask in greys])),
        )

    def outward(self, seed: Section, step: int, known: Known) -> Iterator[Section]:
        """Go on from a slice until the object ends."""
        held: list[Section] = []
        contrasts: list[float] = []
        before, index = seed, seed.index + step
        while 0 <= index < len(self.planes):
            found = self.step(before, index, known)
            if found is None or goes_on(found[1]) < self.recipe.stop:
                break
            before, index = found[0], index + step
            held.append(before)
            contrasts.append(found[1].contrast)
            if self.recipe.dip is not None:
                kept = before_dip(contrasts, self.recipe.dip)
                if kept < len(held):
                    held = held[:kept]
                    break
        yield from held

    def between(self, first: Section, second: Section, known: Known) -> Iterator[Section]:
        """Fill a gap between two prompted slices from both of its sides."""
        inner = range(first.index + 1, second.index)
        forth = {s.index: s for s in self.through(first, inner, known)}
        back = {s.index: s for s in self.through(second, inner[::-1], known)}
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
        grey, grey_before = self._grey(index), self._grey(before.index)
        share = moved(earlier, grey_before, grey)
        expected = share > 0.5
        if not expected.any():
            return None
        answers = answers_for(self.planes, index, expected, self.recipe, self.clicks.get(index))
        appearance = Appearance.mean([known.appearance, Appearance.of(grey_before, earlier)])
        signs = appearance.evidence(grey)
        logits = _mean(answers)
        logits += self.recipe.appearance * ndimage.gaussian_filter(signs, 0.5)
        logits += self.recipe.shape * _inwards(expected)
        mask = _touching(logits > 0, expected)
        if not mask.any():
            return None
        logits = np.where((logits > 0) & ~mask, -np.abs(logits), logits)
        predicted = float(np.mean([answer.predicted_iou for answer in answers]))
        agreement = iou(*(_full(answer) > 0 for answer in answers))
        evidence = Evidence(
            predicted=predicted / max(known.predicted, 0.05),
            appearance=float(known.appearance.evidence(grey)[mask].mean()),
            contrast=relative(contrast(grey, mask), known.contrast),
            overlap=iou(mask, expected),
        )
        return Section.of(index, logits, predicted, predicted * agreement), evidence

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
    return _mean(answers_for(planes, index, expected, recipe))


def _mean(answers: Sequence[Prediction]) -> Logits:
    return np.asarray(np.mean([_full(answer) for answer in answers], axis=0), dtype=np.float32)


def _full(answer: Prediction) -> Logits:
    """(H, W) logits; background outside of the window."""
    full = np.full(answer.image_size, BACKGROUND, dtype=np.float32)
    (y, x), (height, width) = answer.origin, answer.logits.shape
    full[y : y + height, x : x + width] = answer.logits
    return full


def _inwards(mask: Mask) -> Logits:
    """(H, W): signed distance to the border of a mask, in units of how far it may move."""
    unit = max(1.0, SHAPE_CELL * float(np.sqrt(np.count_nonzero(mask))))
    inside = ndimage.distance_transform_edt(mask)
    outside = ndimage.distance_transform_edt(~mask)
    return np.asarray(np.clip((inside - outside) / unit, -6.0, 3.0), dtype=np.float32)


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


def _unit(value: float) -> float:
    return float(np.clip(value, 0.0, 1.0))
