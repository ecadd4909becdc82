"""RTSTRUCT files as pydicom's datasets."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from samdomains_ctmri._dicom_links import IDENTITY, NUMBER_OF_SERIES, label
from samdomains_ctmri.dicom_series import Series

if TYPE_CHECKING:
    from pydicom import Dataset

SliceContour: TypeAlias = tuple[int, NDArray[np.float64]]
"""Number of a slice and the points of a closed contour on it, (N, 3), LPS+, mm."""

DECIMALS = 6
"""Of the points in mm: DICOM's decimal strings have room for 16 characters."""

STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"
"""Detached Study Management: retired, but what readers of RTSTRUCT expect of a study."""

COLOURS = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
"""RGB, taken in turn; the colour blind can tell them apart.

Reference:
    Wong, "Points of view: Color blindness", Nature Methods 2011, doi:10.1038/nmeth.1618.
"""


def structure_set(
    source: Dataset,
    series: Series,
    names: Sequence[tuple[int, str]],
    contours: Sequence[Sequence[SliceContour]],
) -> Dataset:
    """Make an RTSTRUCT file.

    Args:
        source: Header of an image of the series, for patient and study.
        series: What it refers to.
        names: Number and name of each region.
        contours: Those of each region.
    """
    written = _file(source)
    written.FrameOfReferenceUID = series.frame_of_reference
    written.PositionReferenceIndicator = ""
    written.ReferencedFrameOfReferenceSequence = [_frame_of_reference(source, series)]
    written.StructureSetROISequence = [_region(*region, series) for region in names]
    written.ROIContourSequence = [
        _drawn(number, COLOURS[index % len(COLOURS)], contours[index], series)
        for index, (number, _) in enumerate(names)
    ]
    written.RTROIObservationsSequence = [
        _item(
            ObservationNumber=index,
            ReferencedROINumber=number,
            RTROIInterpretedType="",
            ROIInterpreter="",
        )
        for index, (number, _) in enumerate(names, start=1)
    ]
    return written


def _file(source: Dataset) -> Dataset:
    """A structure set without structures."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import (
        ImplicitVRLittleEndian,
        RTStructureSetStorage,
        generate_uid,
    )

    now = datetime.now()
    day, time = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    written = _item(
        SpecificCharacterSet="ISO_IR 192",  # UTF-8: names may be in any script
        InstanceCreationDate=day,
        InstanceCreationTime=time,
        SOPClassUID=RTStructureSetStorage,
        SOPInstanceUID=generate_uid(),
        Modality="RTSTRUCT",
        Manufacturer="samdomains",
        ManufacturerModelName="samdomains-ctmri",
        SoftwareVersions=version("samdomains-ctmri"),
        SeriesDescription="samdomains",
        OperatorsName="",
        StudyInstanceUID=source.StudyInstanceUID,
        SeriesInstanceUID=generate_uid(),
        SeriesNumber=int(source.get("SeriesNumber") or 0) + NUMBER_OF_SERIES,
        InstanceNumber=1,
        StructureSetLabel="samdomains",
        StructureSetDate=day,
        StructureSetTime=time,
        ApprovalStatus="UNAPPROVED",
        **dict.fromkeys(IDENTITY, ""),
    )
    for word in IDENTITY:
        if word in source:
            written.add(copy(source[word]))
    written.file_meta = FileMetaDataset()
    # Explicit syntaxes have no room for the points of long contours: 65534 bytes (C.8.8.6).
    written.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return written


def _frame_of_reference(source: Dataset, series: Series) -> Dataset:
    images = [_image(series, k) for k in range(len(series.slices))]
    referenced = _item(SeriesInstanceUID=series.uid, ContourImageSequence=images)
    study = _item(
        ReferencedSOPClassUID=STUDY_CLASS,
        ReferencedSOPInstanceUID=source.StudyInstanceUID,
        RTReferencedSeriesSequence=[referenced],
    )
    return _item(FrameOfReferenceUID=series.frame_of_reference, RTReferencedStudySequence=[study])


def _region(number: int, name: str, series: Series) -> Dataset:
    return _item(
        ROINumber=number,
        ReferencedFrameOfReferenceUID=series.frame_of_reference,
        ROIName=label(name),
        ROIGenerationAlgorithm="SEMIAUTOMATIC",
    )


def _drawn(
    number: int,
    colour: tuple[int, int, int],
    contours: Sequence[SliceContour],
    series: Series,
) -> Dataset:
    drawn = _item(ROIDisplayColor=list(colour), ReferencedROINumber=number)
    if contours:  # an empty sequence is not allowed
        drawn.ContourSequence = [_contour(points, _image(series, k)) for k, points in contours]
    return drawn


def _contour(points: NDArray[np.float64], image: Dataset) -> Dataset:
    from pydicom import DataElement

    contour = _item(
        ContourImageSequence=[image],
        ContourGeometricType="CLOSED_PLANAR",
        NumberOfContourPoints=len(points),
    )
    text = "\\".join(f"{value:.{DECIMALS}f}" for value in points.ravel())
    # As it is written; pydicom takes seconds to look at the numbers of a larger file one by one.
    contour.add(DataElement("ContourData", "DS", text, already_converted=True))
    return contour


def _image(series: Series, k: int) -> Dataset:
    """Reference to a slice."""
    one = series.slices[k]
    image = _item(ReferencedSOPClassUID=one.sop_class, ReferencedSOPInstanceUID=one.sop_instance)
    if len(series.files) < len(series.slices):
        image.ReferencedFrameNumber = one.frame + 1
    return image


def _item(**values: object) -> Dataset:
    from pydicom import Dataset

    item = Dataset()
    for word, value in values.items():
        setattr(item, word, value)
    return item
