"""RTSTRUCT: contours as masks of a series, and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from samdomains.plugin import DataError, atomic_path
from samdomains_ctmri._contours import Contour, filled, traced
from samdomains_ctmri._dicom_files import quiet, read_dicom, reading
from samdomains_ctmri._dicom_links import (
    Lattice,
    require_fitting,
    require_same_patient,
    source_headers,
)
from samdomains_ctmri._rt_dataset import SliceContour, structure_set
from samdomains_ctmri.dicom_series import Segment, Series, read_grid

if TYPE_CHECKING:
    from pydicom import Dataset

CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
"""Kinds of contours that have an inside (DICOM PS3.3, C.8.8.6.1)."""


def read_structures(path: Path, series: Series) -> list[Segment]:
    """Read the regions of interest of an RTSTRUCT file.

    A pixel is inside where its centre is, or where it lies on a contour (DICOM PS3.3, C.8.8.6.3). A
    contour within another is a hole, and so is what a keyhole leads to. A contour belongs to the
    slice at its position.

    Args:
        path: The file.
        series: What it was drawn on.

    Returns:
        Number, name and mask, (I, J, K), of each region in the order of the file. They may overlap,
        and be empty. Regions of points or open lines only, an isocentre for example, are left out.

    Raises:
        DataError: The file is no RTSTRUCT, damaged, of another series, or has contours between the
            slices, beyond them or across them.
    """
    dataset = read_dicom(path)
    with reading(path):
        if "StructureSetROISequence" not in dataset:
            raise DataError(path, "the file is no RTSTRUCT", "Name a structure set.")
        _require_same_patient(path, dataset, series)
        names = {int(roi.ROINumber): str(roi.ROIName) for roi in dataset.StructureSetROISequence}
        drawn = {
            int(roi.ReferencedROINumber): roi.get("ContourSequence") or []
            for roi in dataset.get("ROIContourSequence") or []
        }
        lattice, shape = Lattice.of(series), read_grid(series).shape
        found = []
        for number, name in names.items():
            contours = drawn.get(number, [])
            closed = [one for one in contours if one.ContourGeometricType in CLOSED]
            if closed or not contours:
                found.append((number, name, _mask(path, closed, lattice, shape)))
    return found


def write_structures(path: Path, series: Series, segments: Sequence[Segment]) -> None:
    """Write masks as an RTSTRUCT file that refers to the images of a series.

    Contours run half-way between the pixels of a mask and the others; read back they give exactly
    the mask. Holes are keyholes. Patient and study are repeated from the series, as DICOM demands.
    An empty mask becomes a region without contours.

    Args:
        path: ``.dcm``; replaced in one step.
        series: What was segmented.
        segments: At least one, of different numbers; their masks are (I, J, K).

    Raises:
        DataError: The series names no frame of reference.
        ValueError: There is no segment, two have the same number, or a mask has another shape than
            the series.
    """
    require_fitting(segments, series)
    if len({number for number, _, _ in segments}) < len(segments):
        raise ValueError("two segments have the same number")
    source, lattice = source_headers(series)[0], Lattice.of(series)
    contours = [_contours(mask, lattice) for _, _, mask in segments]
    names = [(number, name) for number, name, _ in segments]
    with quiet():
        written = structure_set(source, series, names, contours)
        with atomic_path(path) as temporary:
            written.save_as(temporary, enforce_file_format=True)


def _require_same_patient(path: Path, dataset: Dataset, series: Series) -> None:
    frames = dataset.get("ReferencedFrameOfReferenceSequence") or []
    named = [str(frame.get("FrameOfReferenceUID")) for frame in frames]
    named += [str(r.get("ReferencedFrameOfReferenceUID")) for r in dataset.StructureSetROISequence]
    uids = [
        str(referenced.SeriesInstanceUID)
        for frame in frames
        for study in frame.get("RTReferencedStudySequence") or []
        for referenced in study.get("RTReferencedSeriesSequence") or []
    ]
    require_same_patient(path, series, named, uids)


def _mask(
    path: Path, contours: Sequence[Dataset], lattice: Lattice, shape: tuple[int, int, int]
) -> NDArray[np.bool_]:
    by_slice: dict[int, list[Contour]] = {}
    for places in (_points(contour) for contour in contours):
        if len(places):
            k = _slice(path, places, lattice)
            by_slice.setdefault(k, []).append(lattice.pixels(places, k)[:, :2])
    mask = np.zeros(shape, dtype=np.bool_)
    for k, loops in by_slice.items():
        mask[:, :, k] = filled(loops, (shape[1], shape[0])).T
    return mask


def _points(contour: Dataset) -> NDArray[np.float64]:
    """(N, 3), LPS+, mm."""
    stored = contour.get_item("ContourData").value or []
    if isinstance(stored, bytes):  # not divided by pydicom yet, which takes its time
        stored = stored.decode("ascii").rstrip(" \0").split("\\")
    return np.array(stored, dtype=np.float64).reshape(-1, 3)


def _slice(path: Path, places: NDArray[np.float64], lattice: Lattice) -> int:
    """The slice that a contour belongs to."""
    along = places @ lattice.steps[:, 2]
    k = lattice.slice_at(float(along.mean()))
    if k is None or np.ptp(along) > lattice.near:
        raise DataError(
            path,
            f"a contour from {along.min():.6g} to {along.max():.6g} mm lies on no slice of the "
            "series",
            "Give the series that it was drawn on.",
        )
    return k


def _contours(mask: NDArray[np.bool_], lattice: Lattice) -> list[SliceContour]:
    """The contours of a mask, (I, J, K), slice by slice."""
    return [
        (int(k), lattice.places(loop, int(k)))
        for k in np.flatnonzero(mask.any(axis=(0, 1)))
        for loop in traced(mask[:, :, k].T)
    ]
