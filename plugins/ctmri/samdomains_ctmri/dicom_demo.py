"""A generated CT as a DICOM series, one file a slice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from samdomains.plugin import atomic_path
from samdomains_ctmri.grid import Affine
from samdomains_ctmri.scans import LPS_TO_RAS

INTERCEPT = -1024
"""Stored values are unsigned, as scanners write them: HU + 1024."""

ROOT = "2.25."
"""Prefix of UIDs that are made of a UUID or, here, of a number (DICOM PS3.5, annex B.2)."""


def write_series(folder: Path, voxels: NDArray[np.int16], affine: Affine, *, number: int) -> None:
    """Write ``IM0001.dcm`` and so on.

    Args:
        folder: For the files.
        voxels: (I, J, K): column, row, slice; Hounsfield units from -1024.
        affine: Voxel index → mm, RAS+; axes at right angles.
        number: Of the patient, from which all UIDs are made.
    """
    for index in range(voxels.shape[2]):
        image = _image(voxels[:, :, index].T, LPS_TO_RAS @ affine, index, number)
        with atomic_path(folder / f"IM{index + 1:04d}.dcm") as temporary:
            image.save_as(temporary, enforce_file_format=True)


def _image(pixels: NDArray[np.int16], lps: Affine, index: int, number: int) -> Dataset:
    """One slice; ``lps`` is its volume's affine in DICOM's frame."""
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID = CTImageStorage
    image.SOPInstanceUID = _uid(number, index + 1)
    image.Modality = "CT"
    image.StudyInstanceUID, image.SeriesInstanceUID = _uid(number, 900), _uid(number, 901)
    image.FrameOfReferenceUID = _uid(number, 902)
    image.PatientName, image.PatientID = "Phantom", f"PHANTOM{number}"
    image.PatientBirthDate = image.PatientSex = ""
    image.StudyDate = image.StudyTime = image.StudyID = image.AccessionNumber = ""
    image.ReferringPhysicianName = image.Manufacturer = image.PositionReferenceIndicator = ""
    image.SeriesNumber, image.InstanceNumber = 1, index + 1
    image.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    image.ImageOrientationPatient = [*(lps[:3, 0] / spacing[0]), *(lps[:3, 1] / spacing[1])]
    image.ImagePositionPatient = (lps @ [0, 0, index, 1])[:3].tolist()
    image.PixelSpacing = [spacing[1], spacing[0]]
    image.SliceThickness = spacing[2]
    image.Rows, image.Columns = pixels.shape
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit, image.PixelRepresentation = 15, 0
    image.RescaleSlope, image.RescaleIntercept = 1, INTERCEPT
    image.PixelData = (pixels.astype(np.int32) - INTERCEPT).astype("<u2").tobytes()
    return image


def _uid(number: int, part: int) -> str:
    return f"{ROOT}{10**12 + 1000 * number + part}"
