"""An object followed along three axes: one mask, and a map of where the axes disagree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from samdomains.prompts.boxes import box_of
from samdomains.recipe import PropagationRecipe
from samdomains.types import Mask, Prompts
from samdomains.volumes.planes import Planes
from samdomains.volumes.propagation import follow_back, follow_whole
from samdomains.volumes.sections import BACKGROUND, Section
from samdomains.volumes.walker import ask

WEIGHTS = (2.0, 1.0, 1.0, 1.0)
"""Of the votes: along the first axis, back along it, across the second, across the third. The
first is the one that the model was tuned for, and the only one that has slices as the scanner made
them."""

ROOM = 0.25
"""Room around the object of the first axis in which the others may find more, as a share of its
sides."""

LEAST_ROOM = 4
"""The same in voxels, at least."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A part of a volume.

    Attributes:
        values: (z, h, w).
        origin: (z, y, x) of its first voxel.
    """

    values: NDArray[np.float32]
    origin: tuple[int, int, int]

    @property
    def place(self) -> tuple[slice, slice, slice]:
        """Where it lies in the volume."""
        z, y, x = (
            slice(start, start + length)
            for start, length in zip(self.origin, self.values.shape, strict=True)
        )
        return z, y, x


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """An object, and what is doubtful about it.

    Attributes:
        share: How many of the votes call a voxel the object, weighted by their probabilities.
        doubt: 0 where all agree, 1 where half of them are for it and half against.
    """

    share: Block
    doubt: Block


def follow_three_axes(
    planes: tuple[Planes, Planes, Planes],
    prompts: Mapping[int, Prompts],
    recipe: PropagationRecipe,
    seen: Callable[[Section], None] | None = None,
) -> tuple[list[Section], Fused | None]:
    """Follow an object along all three axes of a volume, and let them vote.

    It is followed along the first axis and back again from where it ended. Across the other two,
    each slice is asked for what was found there. A voxel is the object where the weighted mean of
    the votes' probabilities is above a half.

    Args:
        planes: The slices across Z, H and W.
        prompts: By slice across Z, in pixels.
        recipe: How.
        seen: Called with each slice that shows it along Z, as soon as it is found.

    Returns:
        What was found along Z, and the votes; nothing where the prompts show nothing.
    """
    first = follow_whole(planes[0], prompts, recipe, seen=seen)
    if not first:
        return [], None
    forth = _block(planes[0], first)
    found = forth.values > 0
    votes = [
        forth.values,
        _block(planes[0], follow_back(planes[0], first, prompts, recipe), forth).values,
        *(_asked_across(planes[axis], found, forth, recipe) for axis in (1, 2)),
    ]
    share = np.zeros_like(forth.values)
    for weight, vote in zip(WEIGHTS, votes, strict=True):
        share += np.float32(weight / sum(WEIGHTS)) * _probability(vote)
    doubt = np.asarray(4 * share * (1 - share), dtype=np.float32)
    return first, Fused(Block(share, forth.origin), Block(doubt, forth.origin))


def _asked_across(
    planes: Planes, found: Mask, block: Block, recipe: PropagationRecipe
) -> NDArray[np.float32]:
    """Ask for what was found along one axis in every slice across another.

    Args:
        planes: Across the other axis.
        found: (z, h, w), in the place of ``block``.
        block: Its place in the volume.
        recipe: How a prompt is made of a mask.

    Returns:
        (z, h, w) logits.
    """
    logits = np.full(found.shape, BACKGROUND, dtype=np.float32)
    window = tuple(part for axis, part in enumerate(block.place) if axis != planes.axis)
    for place in range(found.shape[planes.axis]):
        section = np.zeros(planes.grid, dtype=np.float32)
        section[window] = np.take(found, place, axis=planes.axis)
        mask = planes.to_image(section) > 0.5
        if mask.any():
            answer = planes.to_voxels(ask(planes, block.origin[planes.axis] + place, mask, recipe))
            logits[(slice(None),) * planes.axis + (place,)] = answer[window]
    return logits


def _block(planes: Planes, sections: Iterable[Section], like: Block | None = None) -> Block:
    """Logits of all sections of an object, in voxels.

    Args:
        planes: What the sections are of.
        sections: At least one where ``like`` is None.
        like: Gives the part of the volume; None takes the sections' own, with room around it.
    """
    kept = list(sections)
    block = _around(planes, kept) if like is None else _empty(like)
    window = tuple(part for axis, part in enumerate(block.place) if axis != planes.axis)
    start, length = block.origin[planes.axis], block.values.shape[planes.axis]
    for section in kept:
        place = section.index - start
        if 0 <= place < length:
            part = planes.to_voxels(section.logits())[window]
            block.values[(slice(None),) * planes.axis + (place,)] = part
    return block


def _around(planes: Planes, sections: Sequence[Section]) -> Block:
    indices = [section.index for section in sections]
    boxes = np.array([box_of(section.mask()) for section in sections])
    low = np.array([min(indices), *boxes[:, [1, 0]].min(axis=0)])
    high = np.array([max(indices) + 1, *boxes[:, [3, 2]].max(axis=0)])
    room = np.maximum(LEAST_ROOM, np.ceil(ROOM * (high - low)))
    start = np.maximum(low - room, 0).astype(int)
    stop = np.minimum(high + room, planes.shape).astype(int)
    values = np.full(stop - start, BACKGROUND, dtype=np.float32)
    z, y, x = (int(value) for value in start)
    return Block(values, (z, y, x))


def _empty(like: Block) -> Block:
    return Block(np.full(like.values.shape, BACKGROUND, dtype=np.float32), like.origin)


def _probability(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(expit(logits), dtype=np.float32)
