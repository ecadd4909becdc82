"""Annotations of a volume: label maps, DICOM-SEG and RTSTRUCT, brought to the volume's voxels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from nibabel.orientations import apply_orientation, io_orientation, ornt_transform
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.plugin import DataError
from samdomains_ctmri._dicom_files import read_dicom
from samdomains_ctmri.dicom_scan import DicomScan
from samdomains_ctmri.grid import Grid, Voxels
from samdomains_ctmri.scans import ItkScan, NiftiScan, Scan, planes_of

if TYPE_CHECKING:
    from pydicom import Dataset

Structure = tuple[int, NDArray[np.bool_]]
"""Number of a structure in its file, and its mask, (I, J, K)."""


class Annotation(Protocol):
    """Knows the structures of one volume. Hashable, and pickles."""

    @property
    def path(self) -> Path:
        """The file."""
        ...

    def structures(self, scan: Scan) -> Iterable[Structure]:
        """The masks in the voxels of ``scan``; they may overlap.

        Raises:
            DataError: The file cannot be read or does not fit the volume.
        """
        ...


@dataclass(frozen=True)
class LabelMap:
    """A volume whose values but 0 are structures.

    Attributes:
        scan: The file.
        resample: Whether labels on another grid are brought to the volume's.
    """

    scan: NiftiScan | ItkScan
    resample: bool

    @property
    def path(self) -> Path:
        """The file."""
        return self.scan.path

    def structures(self, scan: Scan) -> Iterator[Structure]:
        """One mask for each value, in rising order, and made when it is asked for."""
        aligned = self._aligned(scan)
        return ((int(value), aligned == value) for value in np.unique(aligned) if value != 0)

    def planes(self, scan: Scan) -> Iterator[tuple[int, Voxels]]:
        """(I, J, 1) for each k of the volume, with k: its labels, in any order.

        One at a time is read where the labels lie in their file as the volume's voxels do in its.

        Raises:
            DataError: The file cannot be read or does not fit the volume.
        """
        turn, fits = self._turn(scan.grid())
        if fits and int(turn[2, 0]) == 2:
            last = self.scan.grid().shape[2] - 1
            for k, plane in enumerate(planes_of(self.scan)):
                labels = apply_orientation(_whole_numbers(self.path, plane), turn)
                yield (k if turn[2, 1] > 0 else last - k), labels
        else:
            aligned = self._aligned(scan)
            yield from ((k, aligned[:, :, k : k + 1]) for k in range(aligned.shape[2]))

    def _turn(self, wanted: Grid) -> tuple[NDArray[np.float64], bool]:
        """What brings the labels' axes into the volume's order, and whether they fit it then."""
        grid = self.scan.grid()
        turn = ornt_transform(io_orientation(grid.affine), io_orientation(wanted.affine))
        shape = np.empty(3, dtype=int)
        shape[turn[:, 0].astype(int)] = grid.shape
        turned = Grid(tuple(shape.tolist()), grid.affine @ _undo(turn, grid.shape))
        return turn, turned.same_place(wanted)

    def _aligned(self, scan: Scan) -> Voxels:
        """The labels in the order of the volume's axes, by affine and never by index alone."""
        labels = _whole_numbers(self.path, self.scan.voxels())
        grid, wanted = self.scan.grid(), scan.grid()
        turn, fits = self._turn(wanted)
        if fits:
            turned: Voxels = apply_orientation(labels, turn)
            return turned
        if not self.resample:
            apart = _centre_distance(grid, wanted)
            raise DataError(
                self.path,
                f"the labels lie on another grid ({_words(grid)}) than {scan.files[0].name} "
                f"({_words(wanted)}); their centres are {apart:.3g} mm apart",
                "Resample them, or allow it with --set data.resample_labels=true.",
            )
        return _resampled(labels, grid, wanted)


@dataclass(frozen=True)
class DicomSegmentation:
    """A DICOM-SEG file."""

    path: Path

    def structures(self, scan: Scan) -> Sequence[Structure]:
        """One mask for each segment."""
        from samdomains_ctmri.dicom_seg import read_segmentation

        found = read_segmentation(self.path, _series(self.path, scan).series)
        return [(number, mask) for number, _, mask in found]


@dataclass(frozen=True)
class StructureSet:
    """An RTSTRUCT file."""

    path: Path

    def structures(self, scan: Scan) -> Sequence[Structure]:
        """One mask for each region of interest."""
        from samdomains_ctmri.rtstruct import read_structures

        found = read_structures(self.path, _series(self.path, scan).series)
        return [(number, mask) for number, _, mask in found]


def is_structure_set(path: Path) -> bool:
    """Whether a DICOM file is an RTSTRUCT; otherwise it should be a DICOM-SEG."""
    return "StructureSetROISequence" in _header(path)


def structure_names(annotation: Annotation) -> Mapping[int, str] | None:
    """Number → name of the structures, from a DICOM header; None for a label map, which has none.

    Raises:
        DataError: The file is neither DICOM-SEG nor RTSTRUCT, or damaged.
    """
    if isinstance(annotation, LabelMap):
        return None
    header = _header(annotation.path)
    if "SegmentSequence" in header:
        names = {int(s.SegmentNumber): str(s.SegmentLabel) for s in header.SegmentSequence}
        return {number: name for number, name in names.items() if number}  # 0 is the background
    if "StructureSetROISequence" in header:
        return {int(s.ROINumber): str(s.ROIName) for s in header.StructureSetROISequence}
    raise DataError(
        annotation.path, "it is neither DICOM-SEG nor RTSTRUCT", "Name such a file, or a label map."
    )


def _header(path: Path) -> Dataset:
    tags = ["SOPClassUID", "SegmentSequence", "StructureSetROISequence"]
    return read_dicom(path, stop_before_pixels=True, specific_tags=tags)


def _series(path: Path, scan: Scan) -> DicomScan:
    if not isinstance(scan, DicomScan):
        raise DataError(
            path,
            f"it belongs to a DICOM series, and the volume is {scan.files[0].name}",
            "Give the DICOM series, or a label map for this volume.",
        )
    return scan


def _undo(turn: NDArray[np.float64], shape: tuple[int, int, int]) -> NDArray[np.float64]:
    """(4, 4): index in the turned array → index in the array of ``shape``."""
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for axis, (place, flip) in enumerate(turn):
        matrix[axis, int(place)] = flip
        matrix[axis, 3] = 0 if flip > 0 else shape[axis] - 1
    return matrix


def _resampled(labels: Voxels, grid: Grid, wanted: Grid) -> Voxels:
    """Nearest label at the place of each voxel; 0 outside."""
    matrix = np.linalg.inv(grid.affine) @ wanted.affine
    resampled: Voxels = ndimage.affine_transform(
        labels, matrix[:3, :3], matrix[:3, 3], wanted.shape, order=0, mode="constant", cval=0
    )
    return resampled


def _whole_numbers(path: Path, labels: Voxels) -> Voxels:
    """The labels as whole numbers of the file's own type, which takes the least memory."""
    if labels.dtype.kind in "bui":
        return labels
    if not np.isfinite(labels).all() or (labels != np.rint(labels)).any():
        raise DataError(
            path,
            f"the labels, of type {labels.dtype}, are not all whole numbers",
            "Save a label map: one whole number for each structure, 0 for the background.",
        )
    return labels.astype(np.int64)


def _centre_distance(a: Grid, b: Grid) -> float:
    """Millimetres between the middles of two grids."""
    middles = [grid.affine @ np.array([*(np.array(grid.shape) - 1) / 2, 1.0]) for grid in (a, b)]
    return float(np.linalg.norm((middles[0] - middles[1])[:3]))


def _words(grid: Grid) -> str:
    """Shape and spacing, for a message."""
    size = " x ".join(str(length) for length in grid.shape)
    return f"{size} voxels of {' x '.join(f'{s:.3g}' for s in grid.spacing)} mm"
