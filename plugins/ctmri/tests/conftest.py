"""DICOM series made on the fly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    generate_uid,
)

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
Change = Callable[[int, Dataset], None]


class WriteSeries(Protocol):
    """Writes one file for each slice; gives the folder."""

    def __call__(
        self,
        folder: Path,
        stored: NDArray[Any],
        *,
        orientation: Sequence[float] = AXIAL,
        origin: Sequence[float] = (-10.0, 20.0, 30.0),
        spacing: Sequence[float] = (0.7, 0.7, 2.5),
        offsets: Sequence[float] | None = None,
        uid: str = "",
        names: Sequence[str] | None = None,
        change: Change | None = None,
    ) -> Path:
        """Write `stored`, (I, J, K), at `offsets` along the normal; `change` has the last word."""
        ...


class Scan(Protocol):
    """Writes a series as `WriteSeries` does, by default into `tmp_path`."""

    def __call__(self, stored: NDArray[Any], *, folder: Path = ..., **options: Any) -> Path:
        """Write `stored`, (I, J, K)."""
        ...


class WriteEnhanced(Protocol):
    """Writes one file of many frames; gives the folder."""

    def __call__(
        self,
        folder: Path,
        stored: NDArray[Any],
        order: Sequence[int],
        rescales: Sequence[tuple[float, float]],
    ) -> Path:
        """Write `stored`, (I, J, K), with slice `order[f]` as frame f."""
        ...


def numbers(values: Sequence[float]) -> list[str]:
    """Decimal strings, which have room for 16 characters."""
    return [f"{value:.10f}" for value in values]


def blank(sop_class: str, uid: str, stored: NDArray[Any]) -> Dataset:
    """An image without pixels or place."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SpecificCharacterSet = "ISO_IR 100"
    image.SOPClassUID, image.SOPInstanceUID = sop_class, generate_uid()
    image.Modality = "CT"
    image.PatientName, image.PatientID = "Geheim^Jürgen", "SECRET77"
    image.PatientBirthDate, image.PatientSex = "19640229", "M"
    image.StudyDate = image.StudyTime = image.StudyID = image.AccessionNumber = ""
    image.ReferringPhysicianName, image.Manufacturer = "", "Maker"
    image.StudyInstanceUID = generate_uid(entropy_srcs=[uid, "study"])
    image.SeriesInstanceUID = uid
    image.FrameOfReferenceUID = generate_uid(entropy_srcs=[uid, "frame"])
    image.SeriesNumber, image.ImageType = 3, ["ORIGINAL", "PRIMARY", "AXIAL"]
    image.PositionReferenceIndicator = ""
    image.Columns, image.Rows = stored.shape[:2]
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated = image.BitsStored = 8 * stored.itemsize
    image.HighBit = image.BitsStored - 1
    image.PixelRepresentation = int(stored.dtype.kind == "i")
    return image


def series(
    folder: Path,
    stored: NDArray[Any],
    *,
    orientation: Sequence[float] = AXIAL,
    origin: Sequence[float] = (-10.0, 20.0, 30.0),
    spacing: Sequence[float] = (0.7, 0.7, 2.5),
    offsets: Sequence[float] | None = None,
    uid: str = "",
    names: Sequence[str] | None = None,
    change: Change | None = None,
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    normal = np.cross(orientation[:3], orientation[3:])
    uid, count = uid or str(generate_uid()), stored.shape[2]
    shuffled = np.random.default_rng(count).permutation(count)
    for k, offset in enumerate(offsets or np.arange(count) * spacing[2]):
        image = blank(CTImageStorage, uid, stored)
        image.InstanceNumber = count - k
        image.PixelSpacing = numbers([spacing[1], spacing[0]])
        image.SliceThickness = numbers(spacing)[2]
        image.ImageOrientationPatient = numbers(orientation)
        image.ImagePositionPatient = numbers(np.array(origin) + offset * normal)
        image.RescaleSlope, image.RescaleIntercept = "1", "-1024"
        image.PixelData = stored[:, :, k].T.tobytes()
        if change is not None:
            change(k, image)
        image.save_as(
            folder / (names[k] if names else f"IM{shuffled[k]:03d}"), enforce_file_format=True
        )
    return folder


def enhanced(
    folder: Path,
    stored: NDArray[Any],
    order: Sequence[int],
    rescales: Sequence[tuple[float, float]],
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    image = blank(EnhancedCTImageStorage, str(generate_uid()), stored)
    image.InstanceNumber, image.NumberOfFrames = 1, len(order)
    image.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    shared, measures, plane = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.7, 0.7], 2.5
    plane.ImageOrientationPatient = list(AXIAL)
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
    image.SharedFunctionalGroupsSequence = [shared]
    image.PerFrameFunctionalGroupsSequence = []
    for k, (slope, intercept) in zip(order, rescales, strict=True):
        frame, position, values = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [-10.0, 20.0, 30.0 + 2.5 * k]
        values.RescaleSlope, values.RescaleIntercept, values.RescaleType = slope, intercept, "HU"
        frame.PlanePositionSequence, frame.PixelValueTransformationSequence = [position], [values]
        image.PerFrameFunctionalGroupsSequence.append(frame)
    image.PixelData = b"".join(stored[:, :, k].T.tobytes() for k in order)
    image.save_as(folder / "enhanced.dcm", enforce_file_format=True)
    return folder


@pytest.fixture(scope="session")
def write_series() -> WriteSeries:
    """Write a CT series of one file a slice, the files not in order."""
    return series


@pytest.fixture(scope="session")
def write_enhanced() -> WriteEnhanced:
    """Write an enhanced CT file."""
    return enhanced


@pytest.fixture(scope="session")
def stored() -> NDArray[np.uint16]:
    """(8, 10, 6): as scanners store CT, from 0 to 4095. Read only."""
    return np.random.default_rng(7).integers(0, 4096, (8, 10, 6), dtype=np.uint16)


@pytest.fixture
def scan(tmp_path: Path) -> Scan:
    """Write a CT series into `tmp_path`, or another folder; gives the folder."""

    def write(stored: NDArray[Any], *, folder: Path = tmp_path, **options: Any) -> Path:
        return series(folder, stored, **options)

    return write


@pytest.fixture(scope="session")
def real_case() -> Path:
    """A CT with its DICOM-SEG, RTSTRUCT and label map; skipped where the data is not at hand."""
    case = Path(__file__).resolve().parents[3].parent / "shared/data/ct/abdomen_dicom/case_001"
    if not case.is_dir():
        pytest.skip("the shared data is not at hand")
    return case
