"""Where the frames of a DICOM-SEG lie in the series that it was drawn on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from samdomains.plugin import DataError
from samdomains_ctmri._dicom_headers import Layout, macro, numbers
from samdomains_ctmri._dicom_links import Lattice
from samdomains_ctmri.dicom_series import Series

if TYPE_CHECKING:
    from pydicom import Dataset

OFF_PIXEL = 0.1
"""Pixels of a segment may lie this share of a pixel beside those of the series."""


@dataclass(frozen=True, eq=False)
class Placer:
    """Puts the pixels of frames into the voxels of a series.

    Attributes:
        path: Of the DICOM-SEG, for messages.
        size: (rows, columns) of its frames.
        lattice: Of the series.
        layout: Of its slices.
        slice_of: SOP instance and frame, from 0 → number of the slice.
    """

    path: Path
    size: tuple[int, int]
    lattice: Lattice
    layout: Layout
    slice_of: dict[tuple[str, int], int]

    @classmethod
    def of(cls, path: Path, dataset: Dataset, series: Series) -> Placer:
        """For the frames of one file."""
        return cls(
            path=path,
            size=(int(dataset.Rows), int(dataset.Columns)),
            lattice=Lattice.of(series),
            layout=series.slices[0].layout,
            slice_of={(one.sop_instance, one.frame): k for k, one in enumerate(series.slices)},
        )

    def voxels(
        self, groups: Sequence[Dataset], plane: NDArray[np.bool_]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], int]:
        """Indices i, j and k of the voxels that a frame marks.

        Args:
            groups: Functional groups of the frame.
            plane: (rows, columns) as stored.

        Raises:
            DataError: The frame lies on no slice, on another pixel grid, or beyond the slice.
        """
        k, matrix = self._place(groups)
        row, column = np.nonzero(plane)
        i, j = matrix @ np.stack([column, row, np.ones_like(row)])
        if (
            i.min() < 0
            or j.min() < 0
            or i.max() >= self.layout.columns
            or j.max() >= self.layout.rows
        ):
            raise self._error("a segment reaches beyond the images", "series that it was made on")
        return i, j, k

    def _place(self, groups: Sequence[Dataset]) -> tuple[int, NDArray[np.intp]]:
        """Slice, and (2, 3): column and row of the frame, and 1 → column and row of the slice."""
        position = numbers(macro(groups, "PlanePositionSequence", "ImagePositionPatient"), 3)
        turn = numbers(macro(groups, "PlaneOrientationSequence", "ImageOrientationPatient"), 6)
        spacing = numbers(macro(groups, "PixelMeasuresSequence", "PixelSpacing"), 2)
        k = self._slice(groups, position)
        origin = np.array(position or self.lattice.origins[k])
        along_row, along_column = np.reshape(turn or self.layout.orientation, (2, 3))
        between_rows, between_columns = spacing or self.layout.spacing
        steps = np.stack([along_row * between_columns, along_column * between_rows])
        first, *others = self.lattice.pixels(np.stack([origin, *(origin + steps)]), k)
        matrix = np.column_stack([*(other - first for other in others), first])
        self._require_same_pixels(matrix)
        return k, np.rint(matrix[:2]).astype(np.intp)

    def _slice(self, groups: Sequence[Dataset], position: tuple[float, ...]) -> int:
        """By position; a frame without one, by the image that it was derived from."""
        if position:
            offset = float(self.lattice.steps[:, 2] @ position)
            k, place = self.lattice.slice_at(offset), f" at {offset:.6g} mm"
        else:
            own = (self.slice_of[source] for source in sources(groups) if source in self.slice_of)
            k, place = next(own, None), ""
        if k is None:
            problem = f"a frame{place} lies on no slice of the series"
            raise self._error(problem, "series that it was made on")
        return k

    def _require_same_pixels(self, matrix: NDArray[np.float64]) -> None:
        rows, columns = self.size
        corners = np.array([[c, r, 1] for c in (0, columns - 1) for r in (0, rows - 1)]).T
        across, down, above = matrix @ corners
        whole = np.rint(matrix[:2])
        beside = np.abs(whole @ corners - [across, down]).max()
        one_to_one = abs(np.linalg.det(whole[:, :2])) == 1
        if beside > OFF_PIXEL or np.abs(above).max() > self.lattice.near or not one_to_one:
            problem = "its pixels lie on another grid than those of the series"
            raise self._error(problem, "series that it was made on, or resample it to this one")

    def _error(self, problem: str, wanted: str) -> DataError:
        return DataError(self.path, problem, f"Give the {wanted}.")


def sources(groups: Sequence[Dataset]) -> list[tuple[str, int]]:
    """SOP instance and frame, from 0, of the images that a frame was derived from."""
    return [
        (str(source.ReferencedSOPInstanceUID), int(number) - 1)
        for group in groups
        for derivation in group.get("DerivationImageSequence") or []
        for source in derivation.get("SourceImageSequence") or []
        for number in np.atleast_1d(source.get("ReferencedFrameNumber") or 1)
    ]
