"""The slices of a volume across any of its three axes, as images with square pixels."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from samdomains.data.naming import named_errors
from samdomains.data.volumes import volume_array, volume_pixels, volume_statistics
from samdomains.protocols import Normalizer, PromptedImage, Segmenter
from samdomains.types import Case, Image, Logits, RawImage, Size

Axis: TypeAlias = Literal[0, 1, 2]
"""The axis of (Z, H, W) that slices are counted along; 0 are the slices of the case itself."""

SAME_SPACING = 1.05
"""Spacings that differ by less than 5 percent count as equal: nothing is resampled."""

LARGEST_SIDE = 4096
"""Pixels that an axis is stretched to at most: a mask is as coarse as its voxels anyway."""

SLICES_KEPT = 48
"""Slices whose image, and windows of it, are in memory together."""

Grid = TypeVar("Grid", bound=NDArray[np.generic])


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """Slices across one axis of a volume.

    Slices of the case itself are shown as they are, as in training. Those across the other axes
    are stretched until their pixels are square: the distance of slices counts as what it is.

    Attributes:
        volume: A case with a ``depth``.
        axis: What the slices are counted along.
        shape: (Z, H, W) of the volume.
        segmenter: Answers prompts in a slice.
        normalizer: Stored pixels → image, by the statistics of the whole volume.
        coloured: Whether it is stored in colours; others are looked at in grey levels.
    """

    volume: Case
    axis: Axis
    shape: tuple[int, int, int]
    segmenter: Segmenter
    normalizer: Normalizer
    coloured: bool = False
    _recent: OrderedDict[int, tuple[Image, PromptedImage]] = field(
        default_factory=OrderedDict, init=False
    )

    def __len__(self) -> int:
        return self.shape[self.axis]

    @property
    def grid(self) -> Size:
        """(rows, columns) of a slice in voxels."""
        rows, columns = (length for axis, length in enumerate(self.shape) if axis != self.axis)
        return rows, columns

    @property
    def size(self) -> Size:
        """(H, W) of a slice's image in pixels."""
        if self.axis == 0 or self.volume.spacing is None:
            return self.grid
        lengths = [step for axis, step in enumerate(self.volume.spacing) if axis != self.axis]
        factors = [length / min(lengths) for length in lengths]
        if max(factors) < SAME_SPACING:
            return self.grid
        height, width = (
            max(count, min(round(count * factor), LARGEST_SIDE))
            for count, factor in zip(self.grid, factors, strict=True)
        )
        return height, width

    def image(self, index: int) -> Image:
        """(3, H, W) in [0, 1] of one slice."""
        return self._slice(index)[0]

    def encoded(self, index: int) -> PromptedImage:
        """One slice, waiting for prompts in the pixels of its image."""
        return self._slice(index)[1]

    def to_voxels(self, logits: Logits) -> Logits:
        """(H, W) of an image → (rows, columns) of voxels."""
        return _resized(logits, self.grid)

    def to_image(self, logits: Logits) -> Logits:
        """(rows, columns) of voxels → (H, W) of an image."""
        return _resized(logits, self.size)

    def _slice(self, index: int) -> tuple[Image, PromptedImage]:
        kept = self._recent.pop(index, None)
        if kept is None:
            with named_errors(self.volume):
                image = self.normalizer(self._pixels(index), volume_statistics(self.volume))
            shown = np.stack([_resized(channel, self.size) for channel in image])
            kept = shown, self.segmenter.encode(shown)
        self._recent[index] = kept  # at the end: the first is the longest unused
        if len(self._recent) > SLICES_KEPT:
            self._recent.popitem(last=False)
        return kept

    def _pixels(self, index: int) -> RawImage:
        """(C, rows, columns) as stored."""
        if self.axis == 0:
            return volume_pixels(self.volume)[index]
        stack = volume_array(self.volume)
        return np.moveaxis(np.take(stack, index, axis=1 + self.axis), 0, 1)


def planes_of(volume: Case, axis: Axis, segmenter: Segmenter, normalizer: Normalizer) -> Planes:
    """The slices of a volume across one axis.

    Raises:
        DataError: The volume cannot be read.
    """
    channels, height, width = volume_pixels(volume)[0].shape
    shape = volume.depth or 0, height, width
    return Planes(volume, axis, shape, segmenter, normalizer, coloured=channels >= 3)


def _resized(values: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Bring one channel to another size, bilinearly."""
    if values.shape == size:
        return values
    tensor = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))[None, None]
    shown = functional.interpolate(tensor, size, mode="bilinear", align_corners=False)
    return np.asarray(shown[0, 0].numpy())
