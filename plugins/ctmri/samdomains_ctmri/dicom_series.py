"""DICOM series as volumes: which slices belong together, where they lie, what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from samdomains.plugin import DataError, name_some
from samdomains_ctmri._dicom_checks import require_alike, require_every_slice
from samdomains_ctmri._dicom_files import decoded
from samdomains_ctmri._dicom_headers import Slice, read_image_file
from samdomains_ctmri.grid import Grid, Voxels
from samdomains_ctmri.scans import LPS_TO_RAS

Segment: TypeAlias = tuple[int, str, NDArray[np.bool_]]
"""Number and name of a structure, and its mask, (I, J, K): column, row, slice of a series."""

UNIFORM = 0.01
"""Slice distances that differ from their mean by less than this share of it count as equal."""


@dataclass(frozen=True)
class Series:
    """The images of one SeriesInstanceUID in a folder. Hashable, and pickles.

    Attributes:
        uid: SeriesInstanceUID.
        files: By position along the slice normal, which is row direction x column direction.
        modality: ``CT``, ``MR`` and so on.
        frame_of_reference: UID of the coordinate frame, empty where there is none.
        slices: Its K images in the same order; one file may hold many.
    """

    uid: str
    files: tuple[Path, ...]
    modality: str = field(compare=False)
    frame_of_reference: str = field(compare=False, repr=False)
    slices: tuple[Slice, ...] = field(compare=False, repr=False)

    @property
    def uniform(self) -> bool:
        """Whether the distances of its slices are the same, within 1 percent."""
        return spacing_note(self) is None


def find_series(folder: Path) -> tuple[Series, ...]:
    """Find the image series of a folder; folders in it are not searched.

    Files that are no DICOM images (segmentations, structure sets, reports, other files) are passed
    over, and so are images without a place in the patient, screenshots for example, where there are
    others. Only headers are read.

    Raises:
        DataError: A file is empty or damaged.
    """
    found: dict[str, list[Slice]] = {}
    facts: dict[str, tuple[str, str]] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        image = read_image_file(path)
        if image is not None:
            found.setdefault(image.series, []).extend(image.slices)
            facts.setdefault(image.series, (image.modality, image.frame_of_reference))
    every = tuple(_series(uid, slices, *facts[uid]) for uid, slices in found.items())
    placed = tuple(series for series in every if any(one.placed for one in series.slices))
    return placed or every


def choose_series(found: Sequence[Series], uid: str | None, folder: Path) -> Series:
    """Choose one series of those that a folder holds.

    Args:
        found: The series.
        uid: SeriesInstanceUID of the one that is wanted; None where there is only one.
        folder: Where they were found.

    Raises:
        DataError: There is none; or there are several and ``uid`` is None; or none has this uid.
    """
    if not found:
        raise DataError(folder, "the folder holds no DICOM images", "Check the path.")
    by_uid = {series.uid: series for series in found}
    if uid is None and len(found) == 1:
        return found[0]
    if uid in by_uid:
        return by_uid[uid]
    listed = name_some([f"{s.uid} ({s.modality}, {_slices(s)})" for s in found], most=20)
    problem = (
        f"the folder holds {len(found)} series: {listed}"
        if uid is None
        else f"the folder holds no series {uid}, but {listed}"
    )
    raise DataError(folder, problem, "Name one with --set data.series=UID.")


def read_grid(series: Series) -> Grid:
    """Say where the voxels of a series lie, from the headers that were read already.

    Returns:
        Shape (I, J, K): columns, rows, slices; affine in RAS+, mm. Where the gantry was tilted the
        axes are not at right angles. Where the slice distances differ (see `spacing_note`) the
        affine has their mean, and `slice_positions` has the truth.

    Raises:
        DataError: The slices are of colours, have no place in the patient, or differ in size,
            orientation or pixel spacing; some are missing, share a position or lie beside others.
    """
    require_alike(series.slices)
    require_every_slice(series.slices, slice_positions(series))
    first, last = series.slices[0], series.slices[-1]
    along_row, along_column, normal = axes(series)
    between_rows, between_columns = first.layout.spacing
    lps = np.eye(4)
    lps[:3, 0] = along_row * between_columns
    lps[:3, 1] = along_column * between_rows
    lps[:3, 2] = normal * (first.thickness or 1.0)
    if len(series.slices) > 1:
        lps[:3, 2] = np.subtract(last.position, first.position) / (len(series.slices) - 1)
    lps[:3, 3] = first.position
    shape = (first.layout.columns, first.layout.rows, len(series.slices))
    try:
        return Grid(shape, LPS_TO_RAS @ lps)
    except ValueError as error:
        raise DataError(first.file, str(error), "Export the series again.") from error


def read_voxels(series: Series) -> Voxels:
    """Read the intensities of a series, slope and intercept applied once.

    Returns:
        (I, J, K): column, row, slice; int16 where every value fits, else int32; float32 where a
        slope is not 1, an intercept is no whole number or values are larger.

    Raises:
        DataError: As `read_grid`; or a file is damaged, cut short or without pixel data, or no
            decoder for its compression is installed.
    """
    voxels: Voxels = np.empty(read_grid(series).shape, dtype=np.int16)
    places: dict[Path, list[int]] = {}
    for k, one in enumerate(series.slices):
        places.setdefault(one.file, []).append(k)
    for file, numbers in places.items():
        stored = decoded(file)
        if len(stored) != len(numbers):
            raise DataError(file, "its header and its pixels differ", "Copy it again.")
        for k in numbers:
            values = _rescaled(stored[series.slices[k].frame], *series.slices[k].rescale)
            if voxels.dtype != np.float32 and not np.can_cast(values.dtype, voxels.dtype):
                voxels = voxels.astype(values.dtype)
            voxels[:, :, k] = values.T
    return voxels


def slice_positions(series: Series) -> NDArray[np.float64]:
    """(K,): places of the slices along the slice normal in mm, in rising order.

    For axial slices of a patient who lies on the back these are DICOM's z.
    """
    places = np.array([one.position for one in series.slices])
    positions: NDArray[np.float64] = places @ axes(series)[2]
    return positions


def axes(series: Series) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Unit vectors along a row, along a column and along the slice normal, each (3,), LPS+."""
    along_row, along_column = np.array(series.slices[0].layout.orientation).reshape(2, 3)
    return along_row, along_column, np.cross(along_row, along_column)


def spacing_note(series: Series) -> str | None:
    """Say what a user should know of slice distances that differ; None where they do not."""
    gaps = np.diff(slice_positions(series))
    if not len(gaps) or np.abs(gaps - gaps.mean()).max() <= UNIFORM * gaps.mean():
        return None
    return (
        f"the slices lie {gaps.min():.4g} to {gaps.max():.4g} mm apart; each keeps its own place, "
        f"and the mean, {gaps.mean():.4g} mm, stands for all where one number is needed"
    )


def _series(uid: str, slices: list[Slice], modality: str, frame_of_reference: str) -> Series:
    """Sort by position along the normal of the first slice that has one."""
    placed = next((one for one in slices if one.placed), None)
    if placed is not None:
        normal = np.cross(placed.layout.orientation[:3], placed.layout.orientation[3:])
        slices = sorted(slices, key=lambda s: float(normal @ s.position) if s.position else np.inf)
    files = tuple(dict.fromkeys(one.file for one in slices))
    return Series(uid, files, modality, frame_of_reference, tuple(slices))


def _rescaled(stored: NDArray[Any], slope: float, intercept: float) -> NDArray[Any]:
    """The values that are meant, in the first of int16, int32 and float32 that holds them."""
    if stored.dtype.kind == "f" or slope != 1 or not intercept.is_integer():
        return (stored * np.float64(slope) + intercept).astype(np.float32)
    values = stored.astype(np.int64) + int(intercept)
    lowest, highest = int(values.min()), int(values.max())
    for dtype in (np.int16, np.int32):
        if np.iinfo(dtype).min <= lowest and highest <= np.iinfo(dtype).max:
            return values.astype(dtype)
    return values.astype(np.float32)


def _slices(series: Series) -> str:
    count = len(series.slices)
    return f"{count} slice" if count == 1 else f"{count} slices"
