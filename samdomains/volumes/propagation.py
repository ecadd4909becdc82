"""Following one object from the slices in which it is prompted to all the others that show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from samdomains.recipe import PropagationRecipe
from samdomains.types import ObjectMask, Prompts
from samdomains.volumes.branches import entries
from samdomains.volumes.planes import Planes
from samdomains.volumes.reappearance import by_slice
from samdomains.volumes.sections import BACKGROUND, Section
from samdomains.volumes.walker import Walker


def follow(
    planes: Planes,
    prompts: Mapping[int, Prompts],
    recipe: PropagationRecipe,
    others: Sequence[ObjectMask] = (),
) -> Iterator[Section]:
    """Follow an object through the slices.

    Between two prompted slices it is followed from both, and the nearer one counts more. Beyond
    the first and the last it is followed until it ends.

    Args:
        planes: The slices.
        prompts: By slice, in pixels of its image. In one at least there is a box or a point on the
            object; clicks on the background alone correct what is found in that slice.
        recipe: How.
        others: Cross-sections of other objects, each with its slice: one that comes back is none
            of them.

    Yields:
        Slices that show it, each once, in no order. Nothing where its prompts show nothing.
    """
    clicks = {i: p for i, p in prompts.items() if not _is_positive(p)}
    walker = Walker(planes, recipe, clicks, by_slice(others))
    seeds = [s for i in sorted(set(prompts) - set(clicks)) if (s := walker.seed(i, prompts[i]))]
    if not seeds:
        return
    known = walker.know(seeds)
    yield from seeds
    for first, second in pairwise(seeds):
        yield from walker.between(first, second, known)
    yield from walker.outward(seeds[0], -1, known)
    yield from walker.outward(seeds[-1], 1, known)


def follow_branches(
    planes: Planes,
    sections: Sequence[Section],
    prompts: Mapping[int, Prompts],
    recipe: PropagationRecipe,
) -> Iterator[Section]:
    """Follow what joins an object on the way back into slices that were passed without it.

    Args:
        planes: The slices.
        sections: From ``follow``, at least one.
        prompts: The same as there.
        recipe: How.

    Yields:
        Slices with their branches; they take the place of those of the same number.
    """
    found = {section.index: section for section in sections}
    walker = Walker(planes, recipe, {}, {})
    known = walker.know(_prompted(found, prompts))
    for index, step, part in list(entries({i: s.mask() for i, s in found.items()})):
        own = found[index]
        logits = np.where(part, own.logits(), BACKGROUND)
        seed = Section.of(index, logits, own.predicted, own.confidence)
        for section in walker.outward(seed, step, known):
            if section.index in prompts:  # the user has said what is there
                break
            joined = _joined(found.get(section.index), section)
            if joined is None:  # it has come to what is known already
                break
            found[section.index] = joined
            yield joined


def _joined(there: Section | None, section: Section) -> Section | None:
    """Both together; None where most of the second is known already."""
    if there is None:
        return section
    known, more = there.mask(), section.mask()
    if np.count_nonzero(known & more) > 0.5 * np.count_nonzero(more):
        return None
    logits = np.maximum(there.logits(), section.logits())
    confidence = min(there.confidence, section.confidence)
    return Section.of(there.index, logits, min(there.predicted, section.predicted), confidence)


def _prompted(found: Mapping[int, Section], prompts: Mapping[int, Prompts]) -> list[Section]:
    """The slices in which the object was prompted, ascending."""
    return [found[i] for i in sorted(prompts) if i in found and _is_positive(prompts[i])]


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
    seeds = _prompted(places, prompts)
    walker = Walker(planes, recipe, {}, {})
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


def follow_whole(
    planes: Planes,
    prompts: Mapping[int, Prompts],
    recipe: PropagationRecipe,
    others: Sequence[ObjectMask] = (),
    seen: Callable[[Section], None] | None = None,
) -> list[Section]:
    """Follow an object through the slices, its branches included where the recipe wants them.

    Args:
        planes: The slices.
        prompts: As in ``follow``.
        recipe: How.
        others: As in ``follow``.
        seen: Called with each slice that shows it, as soon as it is found; again where a branch
            joins it.

    Returns:
        Slices that show it, ascending; none where its prompts show nothing.
    """
    found: dict[int, Section] = {}

    def note(sections: Iterator[Section]) -> None:
        for section in sections:
            found[section.index] = section
            if seen is not None:
                seen(section)

    note(follow(planes, prompts, recipe, others))
    if recipe.branches and found:
        note(follow_branches(planes, list(found.values()), prompts, recipe))
    return [found[index] for index in sorted(found)]
