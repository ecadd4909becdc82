"""How well a volume's object is found, in millimetres: overlap, surfaces and volume.

``surface_distances`` serves planes too, where the surface is the outline (``boundaries.py``).
Objects are compared in the box that holds both, so that a small one in a large volume is fast. The
values are those of MONAI (``compute_hausdorff_distance``, ``compute_average_surface_distance`` and
``compute_surface_dice`` with ``use_subvoxels``), from one search for nearest neighbours in place of
three, and in a tenth of the memory.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from samdomains.evaluation.metrics import overlap
from samdomains.types import ObjectMask

Solid: TypeAlias = NDArray[np.bool_]
"""(Z, H, W), true inside the object."""

Spacing: TypeAlias = tuple[float, float, float]
"""Distance of neighbouring voxels along Z, Y and X in mm."""

Outcome: TypeAlias = Literal["found", "missed", "false_alarm", "absent"]
"""What is there: truth and answer, the truth alone, the answer alone, or neither."""

CUBIC_MILLIMETRES_PER_ML = 1000.0


class SurfaceDistances(NamedTuple):
    """How far two surfaces are from each other, in the unit of the spacing.

    Attributes:
        nsd: Normalised surface distance: the share of both surfaces that lies within the tolerance
            of the other one, in [0, 1].
        hd95: 95 percent Hausdorff distance.
        assd: Average symmetric surface distance.
    """

    nsd: float
    hd95: float
    assd: float


def surface_distances(
    prediction: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    *,
    spacing: Sequence[float],
    tolerance: float,
) -> SurfaceDistances:
    """Compare the surfaces of two masks, in a plane their outlines.

    What the surface of a mask is stands at ``measure_volume``. Background around the masks changes
    nothing, so both may be cropped to the box that holds them.

    Args:
        prediction: (H, W) or (Z, H, W), with at least one true element.
        truth: The same shape, with at least one true element.
        spacing: Distance of neighbouring elements along each axis, all above 0.
        tolerance: Deviation that counts as correct, in the unit of the spacing, above 0.
    """
    steps = np.array(spacing, dtype=np.float64)
    hd95, assd = _border_distances(prediction, truth, steps)
    return SurfaceDistances(_surface_dice(prediction, truth, steps, tolerance), hd95, assd)


@dataclass(frozen=True, slots=True)
class VolumeMeasures:
    """How one object of a volume was answered. Whatever has no value is NaN.

    Where the truth is absent everything is NaN. A missed object has Dice, IoU and surface Dice 0,
    and NaN as distances, since an empty answer is at none; it is counted by its ``outcome``. Where
    the spacing is unknown, all that is in millimetres is NaN.

    Attributes:
        outcome: Whether there is a truth, and an answer.
        dice: In [0, 1].
        iou: In [0, 1].
        nsd: Normalised surface distance, or surface Dice: the share of both surfaces that lies
            within the tolerance of the other one, in [0, 1].
        hd95_mm: 95 percent Hausdorff distance: the larger of the two 95th percentiles of the
            distances from one surface to the other.
        assd_mm: Average symmetric surface distance, over the border voxels of both.
        volume_ml: Of the truth.
        volume_difference_ml: The answer's volume minus the truth's.
        volume_difference: The same as a share of the truth's volume; it needs no spacing.
    """

    outcome: Outcome
    dice: float = math.nan
    iou: float = math.nan
    nsd: float = math.nan
    hd95_mm: float = math.nan
    assd_mm: float = math.nan
    volume_ml: float = math.nan
    volume_difference_ml: float = math.nan
    volume_difference: float = math.nan

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> VolumeMeasures:
        """Read back what ``write_json(asdict(measures))`` wrote: null was NaN."""
        read: dict[str, Any] = {k: math.nan if v is None else v for k, v in values.items()}
        return cls(**read)


def measure_volume(
    prediction: Solid, truth: Solid, *, spacing: Spacing | None, tolerance_mm: float
) -> VolumeMeasures:
    """Compare two masks of one volume.

    The surface of an object is made of its border voxels, those with a face towards the background
    (for the distances), and of the area between the centres of neighbouring voxels, as marching
    cubes lays it (for the surface Dice). What lies outside the volume is background, so an object
    that is cut off there has a surface there. A volume of a single slice is a picture, whose
    surface is the outline.

    Args:
        prediction: (Z, H, W).
        truth: (Z, H, W).
        spacing: Distance of voxels along Z, Y and X in mm; None where it is unknown.
        tolerance_mm: Deviation of the surface that counts as correct, in mm.

    Raises:
        ValueError: The masks differ in shape or are no volumes, or a length is no positive number.

    Example:
        >>> truth = np.zeros((4, 8, 8), dtype=bool)
        >>> truth[1:3, 2:6, 2:6] = True
        >>> found = measure_volume(
        ...     np.roll(truth, 1, axis=0), truth, spacing=(5.0, 1.0, 1.0), tolerance_mm=2.0
        ... )
        >>> found.dice, found.hd95_mm
        (0.5, 5.0)

    Reference:
        Surface Dice: Nikolov et al., J Med Internet Res 23 (2021), doi:10.2196/26151. What the
        others mean: Maier-Hein et al., Nature Methods 21 (2024), doi:10.1038/s41592-023-02151-z.
    """
    if prediction.shape != truth.shape or truth.ndim != 3:
        raise ValueError(
            f"two masks of one volume are (Z, H, W), got {prediction.shape} and {truth.shape}"
        )
    window = _common_box(prediction, truth)
    pair = prediction[window], truth[window]
    return _measures(*pair, spacing, tolerance_mm, flat=len(truth) == 1)


def measure_sections(
    prediction: Sequence[ObjectMask],
    truth: Sequence[ObjectMask],
    *,
    depth: int,
    spacing: Spacing | None,
    tolerance_mm: float,
) -> VolumeMeasures:
    """Compare an object's cross-sections, as ``measure_volume`` of the whole masks.

    Args:
        prediction: Cross-sections of the answer, each with its ``slice_index``; may be empty.
        truth: The same of the annotated object.
        depth: Number of slices of the volume.
        spacing: As in ``measure_volume``.
        tolerance_mm: As in ``measure_volume``.

    Raises:
        ValueError: The sections are of slices of different size, one lies in no slice of the
            volume, or a length is no positive number.
    """
    sections = [*prediction, *truth]
    if len({item.image_size for item in sections}) > 1:
        sizes = sorted({item.image_size for item in sections})
        raise ValueError(f"cross-sections must be of one size of slices, got {sizes}")
    places = [_place(item, depth) for item in sections] or [((0, 0, 0), (0, 0, 0))]
    start = np.min([first for first, _ in places], axis=0)
    shape = np.max([last for _, last in places], axis=0) - start
    pair = [np.zeros(shape, dtype=bool) for _ in range(2)]
    for solid, own in zip(pair, (prediction, truth), strict=True):
        for item in own:
            z, y, x = np.array(_place(item, depth)[0]) - start
            height, width = item.crop.shape
            solid[z, y : y + height, x : x + width] |= item.crop
    return _measures(pair[0], pair[1], spacing, tolerance_mm, flat=depth == 1)


def _place(item: ObjectMask, depth: int) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """First voxel, and the one after the last, along Z, Y and X."""
    index = item.slice_index
    if index is None or not 0 <= index < depth:
        raise ValueError(f"a cross-section lies in a slice from 0 to {depth - 1}, got {index}")
    (y, x), (height, width) = item.origin, item.crop.shape
    return (index, y, x), (index + 1, y + height, x + width)


def _common_box(*masks: Solid) -> tuple[slice, ...]:
    """The box that holds all true voxels; empty where there is none."""
    window = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        used = np.logical_or.reduce([mask.any(axis=others) for mask in masks])
        places = np.flatnonzero(used)
        window.append(slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 0))
    return tuple(window)


def _measures(
    prediction: Solid, truth: Solid, spacing: Spacing | None, tolerance_mm: float, *, flat: bool
) -> VolumeMeasures:
    """The body of both functions, for masks that are cropped already."""
    lengths = (tolerance_mm, *(spacing or ()))
    if not all(math.isfinite(length) and length > 0 for length in lengths):
        raise ValueError(
            f"spacing and tolerance are positive lengths in mm, got {spacing} and {tolerance_mm}"
        )
    found, there = int(np.count_nonzero(prediction)), int(np.count_nonzero(truth))
    if not there:
        return VolumeMeasures("false_alarm" if found else "absent")
    shared = overlap(prediction, truth)
    voxel = math.nan if spacing is None else math.prod(spacing) / CUBIC_MILLIMETRES_PER_ML
    nsd = hd95 = assd = math.nan
    if spacing is not None:
        nsd = 0.0
    if spacing is not None and found:
        pair = (prediction[0], truth[0]) if flat else (prediction, truth)
        steps = spacing[1:] if flat else spacing
        nsd, hd95, assd = surface_distances(*pair, spacing=steps, tolerance=tolerance_mm)
    return VolumeMeasures(
        outcome="found" if found else "missed",
        dice=shared.dice,
        iou=shared.iou,
        nsd=nsd,
        hd95_mm=hd95,
        assd_mm=assd,
        volume_ml=there * voxel,
        volume_difference_ml=(found - there) * voxel,
        volume_difference=(found - there) / there,
    )


def _border_distances(
    prediction: NDArray[np.bool_], truth: NDArray[np.bool_], steps: NDArray[np.float64]
) -> tuple[float, float]:
    """95 percent Hausdorff distance and average symmetric surface distance."""
    borders = [_places(_border(mask), steps) for mask in (prediction, truth)]
    forth, back = distances_to(*borders), distances_to(*borders[::-1])
    hd95 = max(float(np.quantile(distances, 0.95)) for distances in (forth, back))
    return hd95, float(np.concatenate([forth, back]).mean())


def _border(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """True elements with a face towards the background, in a fraction of an erosion's time."""
    padded, inside = np.pad(mask, 1), mask.copy()
    middle = (slice(1, -1),) * mask.ndim
    for axis in range(mask.ndim):
        for neighbour in (slice(None, -2), slice(2, None)):
            inside &= padded[(*middle[:axis], neighbour, *middle[axis + 1 :])]
    return mask & ~inside


def _surface_dice(
    prediction: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    steps: NDArray[np.float64],
    tolerance: float,
) -> float:
    """Share of both surfaces within the tolerance of the other, by area (in a plane: length)."""
    (one, weights), (other, other_weights) = (
        _surface_elements(mask, steps) for mask in (prediction, truth)
    )
    within = 0.0
    for own, target, areas in ((one, other, weights), (other, one, other_weights)):
        # In float32, so that three steps of 0.7 mm are not beyond 2.1 mm by rounding.
        near = distances_to(own, target).astype(np.float32) <= np.float32(tolerance)
        within += float(areas[near].sum())
    return within / float(weights.sum() + other_weights.sum())


def _surface_elements(
    mask: NDArray[np.bool_], steps: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Place and area of each piece of surface, which lies between 2 x 2 x 2 voxels."""
    areas = _areas(tuple(steps.tolist()))
    padded = np.pad(mask, 1).view(np.uint8)
    codes = np.zeros(np.array(mask.shape) + 1, dtype=np.uint8)
    for corner in product((0, 1), repeat=mask.ndim):  # the first voxel is the highest bit
        part = tuple(slice(at, at + n) for at, n in zip(corner, codes.shape, strict=True))
        codes = (codes << 1) | padded[part]
    on_surface = (codes != 0) & (codes != len(areas) - 1)
    return _places(on_surface, steps), areas[codes[on_surface]]


@lru_cache(maxsize=32)
def _areas(spacing: tuple[float, ...]) -> NDArray[np.float64]:
    """(256,), in a plane (16,): area of the surface between voxels, by which of them are inside."""
    from monai.metrics.utils import get_code_to_measure_table  # noqa: PLC0415 (seconds)

    areas: NDArray[np.float64] = get_code_to_measure_table(spacing)[0].numpy().astype(np.float64)
    return areas


def _places(marked: NDArray[np.bool_], steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3), or (N, 2) in a plane, in the unit of the spacing."""
    return np.argwhere(marked) * steps


def distances_to(own: NDArray[Any], target: NDArray[Any]) -> NDArray[np.float64]:
    """(N,): how far each place is from the nearest one of the target.

    Args:
        own: (N, D).
        target: (M, D), at least one.
    """
    distances: NDArray[np.float64] = KDTree(target).query(own)[0]
    return distances
