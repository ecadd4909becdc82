"""A DICOM series as a volume."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from samdomains_ctmri._dicom_files import read_dicom
from samdomains_ctmri.dicom_series import (
    Series,
    choose_series,
    find_series,
    read_grid,
    read_voxels,
    spacing_note,
)
from samdomains_ctmri.grid import Grid, Voxels

_MAGIC_AT, _MAGIC = 128, b"DICM"
"""Where a DICOM file says that it is one (DICOM PS3.10, section 7.1)."""


_ANNOTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.481.3")
"""SOP classes of DICOM-SEG and RTSTRUCT (DICOM PS3.4, annex B.5)."""


@dataclass(frozen=True)
class DicomScan:
    """A DICOM series.

    Attributes:
        series: Its files, sorted by position.
    """

    series: Series

    @property
    def files(self) -> tuple[Path, ...]:
        """Its files."""
        return self.series.files

    def notes(self) -> tuple[str, ...]:
        """Whether the distances of its slices differ."""
        note = spacing_note(self.series)
        return () if note is None else (note,)

    def grid(self) -> Grid:
        """From the positions of its slices."""
        return read_grid(self.series)

    def voxels(self) -> Voxels:
        """(I, J, K): column, row, slice; slope and intercept applied once."""
        return read_voxels(self.series)


def holds_dicom(folder: Path) -> bool:
    """Whether a folder holds a DICOM image, itself and not in a folder below.

    DICOM-SEG and RTSTRUCT files are no images but annotations of some.

    Raises:
        DataError: A DICOM file is damaged.
    """
    return any(path.is_file() and _is_image(path) for path in sorted(folder.iterdir()))


def scan_of_folder(folder: Path, uid: str | None) -> DicomScan:
    """The one series of a folder, or the one of several that ``uid`` names.

    Raises:
        DataError: There is none, or several and no ``uid``.
    """
    return DicomScan(choose_series(find_series(folder), uid, folder))


def _is_image(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(_MAGIC_AT)
        if file.read(len(_MAGIC)) != _MAGIC:
            return False
    header = read_dicom(path, stop_before_pixels=True, specific_tags=["SOPClassUID"])
    return str(header.get("SOPClassUID")) not in _ANNOTATIONS
