"""A volume that answers prompts: each object is followed through all slices that show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from samdomains.data.naming import image_file, named_errors
from samdomains.errors import UsageError
from samdomains.prompts.inside import require_inside
from samdomains.prompts.parsing import VolumePrompt
from samdomains.protocols import Normalizer, Segmenter
from samdomains.recipe import PropagationRecipe
from samdomains.types import Case, Logits, ObjectMask, Prompts
from samdomains.volumes.fusion import Block, Fused, follow_three_axes
from samdomains.volumes.planes import Planes, planes_of
from samdomains.volumes.propagation import follow_whole
from samdomains.volumes.sections import Section


@dataclass(frozen=True, slots=True, eq=False)
class VolumeObject:
    """One object of a volume.

    Attributes:
        shape: (Z, H, W) of the volume.
        sections: Its cross-sections by slice, with the confidence as their score; none where its
            prompts show nothing.
        prompted: Slices in which it was prompted.
        doubt: In [0, 1], where the axes disagree; None where it was followed along one axis.
    """

    shape: tuple[int, int, int]
    sections: tuple[ObjectMask, ...]
    prompted: tuple[int, ...]
    doubt: Block | None = None

    def mask(self) -> NDArray[np.bool_]:
        """(Z, H, W)."""
        full = np.zeros(self.shape, dtype=bool)
        for item in self.sections:
            full[item.slice_index or 0] = item.mask()
        return full

    def suggestion(self) -> int | None:
        """The slice where one more prompt would help most; None where there is no doubt.

        It is the one with the most doubt, summed over its voxels, or without a doubt map the one
        whose confidence is lowest; never one that was prompted.
        """
        if self.doubt is not None:
            doubts = self.doubt.values.sum(axis=(1, 2))
            places = {self.doubt.origin[0] + i: -float(d) for i, d in enumerate(doubts) if d > 0}
        else:
            places = {s.slice_index or 0: s.score or 0.0 for s in self.sections}
        left = {index: value for index, value in places.items() if index not in self.prompted}
        return min(left, key=lambda index: left[index]) if left else None


@dataclass(frozen=True, slots=True, eq=False)
class OpenVolume:
    """A volume whose slices are read, and embedded, once for any number of prompts.

    Attributes:
        planes: Its slices across Z, H and W.
        recipe: How objects are followed.
    """

    planes: tuple[Planes, Planes, Planes]
    recipe: PropagationRecipe

    @classmethod
    def of(
        cls,
        volume: Case,
        segmenter: Segmenter,
        normalizer: Normalizer,
        recipe: PropagationRecipe,
    ) -> OpenVolume:
        """Open a volume.

        Args:
            volume: A case with a ``depth``.
            segmenter: Answers prompts in a slice.
            normalizer: Stored pixels → image, by the statistics of the whole volume.
            recipe: How objects are followed.

        Raises:
            DataError: It cannot be read.
        """
        along_z = planes_of(volume, 0, segmenter, normalizer)
        across = (replace(along_z, axis=1), replace(along_z, axis=2))
        return cls((along_z, *across), recipe)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(Z, H, W) in voxels."""
        return self.planes[0].shape

    def require_inside(self, prompt: VolumePrompt) -> None:
        """Refuse a prompt that points beside the volume.

        Raises:
            UsageError: Says what is allowed.
        """
        for index, prompts in prompt.prompts.items():
            if not 0 <= index < self.shape[0]:
                raise UsageError(
                    f"{image_file(self.planes[0].volume)}: has no slice {index}; "
                    f"allowed are 0 to {self.shape[0] - 1}"
                )
            with named_errors(self.planes[0].volume):
                require_inside(prompts, self.planes[0].grid)

    def follow(
        self,
        prompts: Mapping[int, Prompts],
        seen: Callable[[Section], None] | None = None,
        others: Sequence[VolumeObject] = (),
    ) -> VolumeObject:
        """Find one object in all slices.

        Args:
            prompts: By slice, in its pixels. In one at least there is a box or a point on the
                object; clicks on the background alone correct what is found in their slice.
            seen: Called with each slice that shows it along the first axis, as soon as it is found.
            others: Followed before. Where the recipe looks for objects that were hidden, what is
                found is not taken for this one where it is one of them.

        Raises:
            DataError: A slice cannot be read.
        """
        prompted = tuple(sorted(prompts))
        if self.recipe.axes == 1:
            taken = [section for other in others for section in other.sections]
            found = follow_whole(self.planes[0], prompts, self.recipe, taken, seen)
            return VolumeObject(self.shape, tuple(map(section_mask, found)), prompted)
        sections, fused = follow_three_axes(self.planes, prompts, self.recipe, seen)
        if fused is None:
            return VolumeObject(self.shape, (), prompted)
        voted = _voted(sections, fused, self.planes[0].grid)
        return VolumeObject(self.shape, voted, prompted, fused.doubt)


def section_mask(section: Section) -> ObjectMask:
    """A section as the cross-section of an object."""
    return replace(
        _cropped(section.crop, section.origin, section.size),
        slice_index=section.index,
        score=section.confidence,
    )


def _voted(
    sections: Sequence[Section], fused: Fused, size: tuple[int, int]
) -> tuple[ObjectMask, ...]:
    """What the votes say, with the confidence of the first axis less what is doubtful."""
    known = {section.index: section.confidence for section in sections}
    (first, y, x), values = fused.share.origin, fused.share.values
    found = []
    for place, share in enumerate(values):
        inside = share > 0.5
        if inside.any():
            item = _cropped(share - 0.5, (y, x), size)
            doubt = float(fused.doubt.values[place][inside].mean())
            score = known.get(first + place, 0.0) * (1 - doubt)
            found.append(replace(item, slice_index=first + place, score=score))
    return tuple(found)


def _cropped(logits: Logits, origin: tuple[int, int], size: tuple[int, int]) -> ObjectMask:
    item = ObjectMask.from_mask(np.asarray(logits > 0))
    y, x = origin[0] + item.origin[0], origin[1] + item.origin[1]
    return replace(item, origin=(y, x), image_size=size)
