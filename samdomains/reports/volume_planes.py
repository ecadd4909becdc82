"""Planes cut out of a volume for its pictures: grey levels and objects, each pixel in mm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from samdomains.evaluation.surface import Spacing
from samdomains.prompts.points import interior_point
from samdomains.types import ObjectMask, Size

Grey: TypeAlias = NDArray[np.float32]
"""(H, W) in [0, 1]."""

Voxel: TypeAlias = tuple[int, int, int]
"""Slice, row and column, each from 0."""

Cut: TypeAlias = Literal["XY", "YZ", "XZ"]
"""A plane through a voxel by the axes that it shows."""

AXES: dict[Cut, tuple[int, int]] = {"XY": (1, 2), "YZ": (1, 0), "XZ": (0, 2)}
"""Which axis of (Z, H, W) runs down a cut, and which to the right: three that share their edges."""


class Slices(Protocol):
    """The slices of a volume, read one at a time; an array (Z, H, W) is one."""

    def __len__(self) -> int:
        """Number of slices."""
        ...

    def __getitem__(self, index: int, /) -> Any:  # noqa: ANN401 (numpy's own is no narrower)
        """(H, W) in [0, 1]."""
        ...


@dataclass(frozen=True, slots=True)
class Region:
    """A box of voxels that a picture shows.

    Attributes:
        start: The first voxel.
        stop: The one after the last, along each axis.
    """

    start: Voxel
    stop: Voxel

    @classmethod
    def around(
        cls, sections: Sequence[ObjectMask], shape: Voxel, spacing: Spacing, margin: float
    ) -> Region:
        """The box of an object with some room, inside the volume.

        Args:
            sections: Cross-sections of one or more objects; none give the whole volume.
            shape: (Z, H, W) of the volume.
            spacing: Along Z, Y and X in mm.
            margin: Room on each side, as a share of the box's longest side in mm.
        """
        if not sections:
            return cls((0, 0, 0), shape)
        origins = np.array([(item.slice_index or 0, *item.origin) for item in sections])
        sizes = np.array([(1, *item.crop.shape) for item in sections])
        start, stop = origins.min(axis=0), (origins + sizes).max(axis=0)
        room = margin * float(np.max((stop - start) * spacing)) / np.array(spacing)
        start = np.maximum(0, np.floor(start - room).astype(int) - 1)
        stop = np.minimum(shape, np.ceil(stop + room).astype(int) + 1)
        z0, y0, x0 = (int(value) for value in start)
        z1, y1, x1 = (int(value) for value in stop)
        return cls((z0, y0, x0), (z1, y1, x1))

    def slices(self, cut: Cut) -> tuple[slice, slice]:
        """Rows and columns of the region in a plane of the volume."""
        down, right = AXES[cut]
        return slice(self.start[down], self.stop[down]), slice(self.start[right], self.stop[right])

    def sides(self, cut: Cut, spacing: Spacing) -> tuple[float, float]:
        """Height and width of a plane of the region in mm."""
        height, width = ((self.stop[axis] - self.start[axis]) * spacing[axis] for axis in AXES[cut])
        return height, width


def cuts_through(slices: Slices, voxels: Sequence[Voxel]) -> list[dict[Cut, Grey]]:
    """The three planes through each voxel, in one pass over the slices.

    Args:
        slices: The volume.
        voxels: Where the planes cross.

    Returns:
        For each voxel its whole planes, ``XY`` (H, W), ``YZ`` (H, Z) and ``XZ`` (Z, W).
    """
    found: list[dict[Cut, list[Grey]]] = [{"XY": [], "YZ": [], "XZ": []} for _ in voxels]
    for index in range(len(slices) if voxels else 0):
        plane = np.asarray(slices[index], dtype=np.float32)
        for lines, (z, y, x) in zip(found, voxels, strict=True):
            lines["YZ"].append(plane[:, x].copy())
            lines["XZ"].append(plane[y].copy())
            if z == index:
                lines["XY"].append(plane)
    return [
        {
            "XY": lines["XY"][0],
            "YZ": np.stack(lines["YZ"], axis=1),
            "XZ": np.stack(lines["XZ"], axis=0),
        }
        for lines in found
    ]


def object_in_cut(
    sections: Sequence[ObjectMask], voxel: Voxel, cut: Cut, shape: Voxel
) -> ObjectMask | None:
    """An object in a plane through a voxel; None where the plane misses it."""
    size = shape[AXES[cut][0]], shape[AXES[cut][1]]
    mask = np.zeros(size, dtype=bool)
    for item in sections:
        z, (y, x), (height, width) = item.slice_index or 0, item.origin, item.crop.shape
        row, column = voxel[1] - y, voxel[2] - x
        if cut == "XY" and z == voxel[0]:
            mask[y : y + height, x : x + width] |= item.crop
        elif cut == "YZ" and 0 <= column < width:
            mask[y : y + height, z] |= item.crop[:, column]
        elif cut == "XZ" and 0 <= row < height:
            mask[z, x : x + width] |= item.crop[row]
    return ObjectMask.from_mask(mask) if mask.any() else None


def middle_of(sections: Sequence[ObjectMask]) -> Voxel:
    """A voxel inside an object, in the middle of its largest cross-section.

    Raises:
        ValueError: There is no cross-section.
    """
    if not sections:
        raise ValueError("an object without cross-sections has no middle")
    largest = max(sections, key=lambda item: item.area)
    x, y = (int(value) for value in interior_point(largest.crop))
    return largest.slice_index or 0, largest.origin[0] + y, largest.origin[1] + x


def enlarged(plane: Grey, size: Size) -> Grey:
    """(h, w) → (H, W): repeated pixels where it grows, their means where it shrinks."""
    picture = PIL.Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(picture.resize(size[::-1], PIL.Image.Resampling.BOX), dtype=np.float32)


def placed(item: ObjectMask, window: tuple[slice, slice], size: Size) -> ObjectMask | None:
    """An object in a picture of a part of its image, by the nearest pixel.

    Args:
        item: In a plane of the volume.
        window: Rows and columns of the plane that the picture shows.
        size: (H, W) of the picture.

    Returns:
        The object in the picture's pixels; None where the picture shows nothing of it.
    """
    picked, origin = [], []
    for part, first, length, target in zip(window, item.origin, item.crop.shape, size, strict=True):
        sources = np.arange(target) + 0.5
        sources = part.start + (sources * (part.stop - part.start) / target).astype(np.intp)
        low, high = np.searchsorted(sources, (first, first + length))
        picked.append(sources[low:high] - first)
        origin.append(int(low))
    crop = item.crop[np.ix_(*picked)]
    return ObjectMask(crop, (origin[0], origin[1]), size) if crop.any() else None


def chosen_slices(occupied: Sequence[int], prompted: Sequence[int], most: int) -> list[int]:
    """The slices that a strip shows, in their order: those prompted, and others evenly between.

    Args:
        occupied: Slices that show an object.
        prompted: Slices that were prompted; they come first where there is not room for all.
        most: How many there may be.

    Example:
        >>> chosen_slices(range(10, 31), [20], 5)
        [10, 15, 20, 25, 30]
    """
    everywhere = sorted({*occupied, *prompted})
    if len(everywhere) <= most:
        return everywhere
    named = sorted(set(prompted))
    if len(named) > most:
        return _evenly(named, most)
    chosen = set(_evenly(everywhere, most))
    for index in set(named) - chosen:  # each takes the place of its neighbour
        neighbours = sorted(chosen - set(named))
        chosen.remove(min(neighbours, key=lambda other: abs(other - index)))
        chosen.add(index)
    return sorted(chosen)


def _evenly(values: Sequence[int], count: int) -> list[int]:
    places = np.linspace(0, len(values) - 1, count).round().astype(int)
    return [values[place] for place in places]
