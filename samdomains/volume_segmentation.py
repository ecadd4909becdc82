"""Segmenting volumes and videos: objects that are prompted for, or all that can be found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from samdomains.data.naming import named_errors
from samdomains.data.volumes import slices_of, volume_statistics
from samdomains.errors import UsageError
from samdomains.inference import Model
from samdomains.progress import progress_bar
from samdomains.prompts.parsing import ObjectPrompt, VolumePrompt
from samdomains.recipe import Recipe
from samdomains.types import Case, ObjectMask
from samdomains.volumes.following import OpenVolume, VolumeObject, section_mask
from samdomains.volumes.linking import linked
from samdomains.volumes.sections import Section

DOUBT_STEP = 10
"""Percent of doubt that a value of a written doubt map stands for."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What is wanted beside the masks of a volume.

    Attributes:
        doubt: A file for the doubt map, in percent; the objects are followed along three axes.
        page: A file for the HTML page with slices, planes, confidence and doubt.
        suggest: Say in which slice one more prompt would help most.
    """

    doubt: Path | None = None
    page: Path | None = None
    suggest: bool = False


NOTHING_BESIDE = Beside()
"""The masks alone."""


class StoppedInVolume(KeyboardInterrupt):
    """Ctrl-C while objects were followed.

    Attributes:
        found: Their cross-sections until then.
    """

    def __init__(self, found: list[ObjectMask]) -> None:
        super().__init__()
        self.found = found


def require_fitting(
    beside: Beside,
    cases: Sequence[Case],
    prompts: Sequence[ObjectPrompt] | None,
    recipe: Recipe,
) -> None:
    """Refuse to want what is not there.

    Raises:
        UsageError: Doubt or a suggestion of something that is no prompted volume.
    """
    if beside == NOTHING_BESIDE:
        return
    if prompts is None or any(case.depth is None for case in cases):
        raise UsageError(
            "--suggest, --doubt and --page are for objects that are prompted in a volume: give "
            "--box, --point or --prompts with their slices, and a volume"
        )
    for file in (beside.doubt, beside.page):
        if file is not None and len(cases) != 1:
            raise UsageError(f"{file}: one file cannot be about {len(cases)} volumes")
    if beside.doubt is not None and recipe.propagation.axes != 3:
        raise UsageError(
            "--doubt shows where the axes of a volume disagree, and objects are followed along "
            "one: add --set propagation.axes=3"
        )


def suggestion_for(followed: VolumeObject, number: int, count: int) -> str:
    """In words: where one more prompt for an object would help most."""
    name = "the object" if count == 1 else f"object {number}"
    place = followed.suggestion()
    if place is None:
        return f"no slice to suggest: nothing is doubtful about {name}"
    return f"suggestion: prompt {name} in slice {place} too; it is the most doubtful there"


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """What became of the objects that were prompted for in a volume.

    Attributes:
        opened: The volume.
        objects: One for each prompt; fewer where it was interrupted.
        interrupted: Whether Ctrl-C came; then the last object is as far as it was followed.
    """

    opened: OpenVolume
    objects: tuple[VolumeObject, ...]
    interrupted: bool = False


def followed_in_volume(model: Model, case: Case, prompts: Sequence[VolumePrompt]) -> Followed:
    """Follow each object through the volume.

    Args:
        model: From ``load_model``.
        case: A volume.
        prompts: One for each object.

    Raises:
        DataError: It cannot be read.
        UsageError: A prompt lies outside of it.
    """
    opened = model.open_volume(case)
    for item in prompts:
        opened.require_inside(item)
    objects: list[VolumeObject] = []
    depth = opened.shape[0]
    with progress_bar("following through slices", depth * len(prompts)) as show:
        for number, item in enumerate(prompts):
            seen: list[Section] = []
            try:
                note = _counting(seen, show, number * depth)
                objects.append(opened.follow(item.prompts, note, objects))
            except KeyboardInterrupt:
                objects.append(_as_far(opened, seen, item))
                return Followed(opened, tuple(objects), interrupted=True)
            show((number + 1) * depth)
    return Followed(opened, tuple(objects))


def found_in_volume(model: Model, case: Case) -> list[ObjectMask]:
    """Segment every slice without a human, and link what belongs together.

    Args:
        model: From ``load_model``.
        case: A volume.

    Returns:
        Cross-sections with their slice, and the same ``instance`` for those of one object.

    Raises:
        DataError: It cannot be read.
    """
    depth = case.depth or 0
    with progress_bar("segmenting slices", depth) as show:
        return linked(_found_in_slices(model, case, show), depth)


def doubt_levels(found: Followed) -> list[ObjectMask]:
    """The doubt about all objects as cross-sections whose class is the doubt in percent.

    It is rounded up to steps of ``DOUBT_STEP``; where several objects are doubtful, the larger
    counts. Without a doubt map there are none.
    """
    blocks = [item.doubt for item in found.objects if item.doubt is not None]
    levels = []
    for index in range(found.opened.shape[0]):
        doubt = np.zeros(found.opened.shape[1:], dtype=np.float32)
        for block in blocks:
            z, rows, columns = block.place
            if z.start <= index < z.stop:
                part = doubt[rows, columns]
                np.maximum(part, block.values[index - z.start], out=part)
        percent = np.ceil(doubt * (100 / DOUBT_STEP)).astype(int) * DOUBT_STEP
        for level in np.unique(percent[percent > 0]).tolist():
            item = ObjectMask.from_mask(percent == level, class_id=level)
            levels.append(replace(item, slice_index=index, instance=level))
    return levels


def _counting(
    seen: list[Section], show: Callable[[int], None], before: int
) -> Callable[[Section], None]:
    def note(section: Section) -> None:
        seen.append(section)
        show(before + len(seen))

    return note


def _as_far(opened: OpenVolume, seen: Sequence[Section], item: VolumePrompt) -> VolumeObject:
    """An object whose following was broken off."""
    sections = sorted((section_mask(s) for s in seen), key=lambda mask: mask.slice_index or 0)
    return VolumeObject(opened.shape, tuple(sections), tuple(sorted(item.prompts)))


def _found_in_slices(
    model: Model, case: Case, show: Callable[[int], None]
) -> Iterator[tuple[int, Sequence[ObjectMask]]]:
    for index, part in enumerate(slices_of(case)):
        pixels = part.read_pixels()
        with named_errors(part):
            yield index, model.automatic(pixels, volume_statistics(case))
        show(index + 1)
