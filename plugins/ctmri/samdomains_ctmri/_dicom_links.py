"""What DICOM-SEG and RTSTRUCT files and the series that they describe have to do with each other.

Places are in DICOM's frame, LPS+, in mm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from samdomains.plugin import DataError
from samdomains_ctmri._dicom_files import read_dicom
from samdomains_ctmri.dicom_series import Segment, Series, axes, read_grid, slice_positions

if TYPE_CHECKING:
    from pydicom import Dataset

OFF_SLICE = 0.25
"""A plane belongs to a slice where it is nearer than this share of the smallest slice distance."""

NUMBER_OF_SERIES = 1000
"""Added to the number of the series that was segmented: the number of the segmentation's."""

LONGEST_LABEL = 64
"""Characters of a name (DICOM PS3.5, section 6.2, LO)."""

IDENTITY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
"""What annotations repeat of patient and study, empty where it is not known."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """Columns, rows and slices of a series as coordinates.

    Attributes:
        origins: (K, 3): centre of the first pixel of each slice.
        steps: (3, 3): step to the next column, to the next row, and of 1 mm along the slice normal,
            as columns.
        positions: (K,): places of the slices along the normal, mm.
        near: How far a plane may lie from the slice that it belongs to, mm.
    """

    origins: NDArray[np.float64]
    steps: NDArray[np.float64]
    positions: NDArray[np.float64]
    near: float

    @classmethod
    def of(cls, series: Series) -> Lattice:
        """The lattice of a series, whose slices may lie at any distances.

        Raises:
            DataError: The slices do not make a volume.
        """
        grid, positions = read_grid(series), slice_positions(series)
        between_rows, between_columns = series.slices[0].layout.spacing
        along_row, along_column, normal = axes(series)
        return cls(
            origins=np.array([one.position for one in series.slices]),
            steps=np.column_stack(
                [along_row * between_columns, along_column * between_rows, normal]
            ),
            positions=positions,
            near=OFF_SLICE * float(min(np.diff(positions), default=grid.spacing[2])),
        )

    def slice_at(self, offset: float) -> int | None:
        """Number of the slice that a plane at this place along the normal belongs to."""
        k = int(np.argmin(np.abs(self.positions - offset)))
        return k if abs(self.positions[k] - offset) <= self.near else None

    def pixels(self, places: NDArray[np.float64], k: int) -> NDArray[np.float64]:
        """(N, 3) in mm → (N, 3): column, row, and mm above slice ``k``."""
        found: NDArray[np.float64] = np.linalg.solve(self.steps, (places - self.origins[k]).T).T
        return found

    def places(self, pixels: NDArray[np.float64], k: int) -> NDArray[np.float64]:
        """(N, 2): column and row in slice ``k`` → (N, 3) in mm, the way back."""
        found: NDArray[np.float64] = self.origins[k] + pixels @ self.steps[:, :2].T
        return found


def require_same_patient(
    path: Path, series: Series, frames_of_reference: Iterable[str], uids: Iterable[str]
) -> None:
    """Refuse an annotation that does not name the series, its images or its coordinate frame.

    Another patient's volume may well have slices at the same positions.

    Args:
        path: The annotation, for the message.
        series: What it ought to belong to.
        frames_of_reference: UIDs of the coordinate frames that it names.
        uids: Those of the series and images that it names.

    Raises:
        DataError: None of them is of the series.
    """
    own = {series.uid, *(one.sop_instance for one in series.slices)}
    same_frame = series.frame_of_reference and series.frame_of_reference in frames_of_reference
    if not same_frame and own.isdisjoint(uids):
        raise DataError(
            path,
            f"it was made for another series than {series.uid}",
            "Give the series that it names, or export both together.",
        )


def source_headers(series: Series) -> list[Dataset]:
    """The headers of the files of a series, everything but their pixels.

    Raises:
        DataError: A file is gone, damaged, or names no coordinate frame.
    """
    headers = [read_dicom(file, stop_before_pixels=True) for file in series.files]
    if not series.frame_of_reference:
        raise DataError(
            series.files[0],
            "it names no frame of reference, which annotations must refer to",
            "Write --set data.output=nifti instead.",
        )
    return headers


def require_fitting(segments: Sequence[Segment], series: Series) -> None:
    """Refuse masks of another size than the series, or none.

    Raises:
        ValueError: There is no segment, or a mask has another shape than (I, J, K).
    """
    if not segments:
        raise ValueError("there is no segment to write")
    shape = read_grid(series).shape
    for _, name, mask in segments:
        if mask.shape != shape:
            raise ValueError(f"the mask of {name!r} has the shape {mask.shape}, not {shape}")


def label(name: str) -> str:
    """A name as DICOM allows labels to be: short, and without the backslash that divides values."""
    return name.replace("\\", "/").strip()[:LONGEST_LABEL] or "segment"
