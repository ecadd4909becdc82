"""DICOM-SEG: segments as masks of a series, and back."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from samdomains.plugin import DataError, atomic_path
from samdomains_ctmri._dicom_files import decoded_frames, quiet, read_dicom, reading
from samdomains_ctmri._dicom_headers import frame_groups, macro
from samdomains_ctmri._dicom_links import (
    IDENTITY,
    NUMBER_OF_SERIES,
    label,
    require_fitting,
    require_same_patient,
    source_headers,
)
from samdomains_ctmri._seg_frames import Placer, sources
from samdomains_ctmri.dicom_series import Segment, Series, read_grid

if TYPE_CHECKING:
    from pydicom import Dataset

IN_SEGMENT = 0.5
"""From this probability, or share of a pixel, on a pixel of a fractional segment belongs to it."""


def read_segmentation(path: Path, series: Series) -> list[Segment]:
    """Read the segments of a DICOM-SEG file, binary, fractional or a label map.

    Frames are put where their positions say, never by their order; rows and columns may be reversed
    or exchanged, and a frame may cover a part of a slice.

    Args:
        path: The file.
        series: What it was drawn on.

    Returns:
        Number, label and mask, (I, J, K), of each segment, in the order of the file. They may
        overlap, and be empty.

    Raises:
        DataError: The file is no DICOM-SEG, damaged, of another series, or has pixels where the
            series has none.
    """
    dataset = read_dicom(path)
    with reading(path):
        if "SegmentSequence" not in dataset or "Rows" not in dataset:
            raise DataError(path, "the file is no DICOM-SEG", "Name a segmentation.")
        _require_same_patient(path, dataset, series)
        names = {int(s.SegmentNumber): str(s.SegmentLabel) for s in dataset.SegmentSequence}
        if dataset.SegmentationType == "LABELMAP":
            names.pop(0, None)  # the background
        shape = read_grid(series).shape
        masks = {number: np.zeros(shape, dtype=np.bool_) for number in names}
        placer, stored = Placer.of(path, dataset, series), decoded_frames(path, dataset)
        for frame in range(int(dataset.get("NumberOfFrames") or 1)):
            groups = frame_groups(dataset, frame)
            for number, plane in _segments(dataset, groups, stored(frame)):
                masks[number][placer.voxels(groups, plane)] = True
    return [(number, names[number], mask) for number, mask in masks.items()]


def write_segmentation(path: Path, series: Series, segments: Sequence[Segment]) -> None:
    """Write masks as a binary DICOM-SEG file that refers to the images of a series.

    Patient and study are repeated from the series, as DICOM demands. Segments are numbered from 1
    in their order, as DICOM demands too; the label of each is its name. A segment without a pixel
    is described and has no frame.

    Args:
        path: ``.dcm``; replaced in one step.
        series: What was segmented.
        segments: At least one; their masks are (I, J, K).

    Raises:
        DataError: The headers of the series do not allow it.
        ValueError: There is no segment, or a mask has another shape than the series.
    """
    require_fitting(segments, series)
    images = source_headers(series)
    if len(images) not in (1, len(series.slices)):
        raise DataError(
            series.files[0].parent,
            "DICOM-SEG cannot refer to several files of many frames",
            "Write --set data.output=nifti or rtstruct.",
        )
    with quiet():
        identity = [copy(images[0][word]) for word in IDENTITY if word in images[0]]
        for image in images:
            for word in IDENTITY:  # highdicom logs odd names, and refuses other odd values
                setattr(image, word, "")
        try:
            written = _segmentation(images, _planes(series, segments), segments)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise DataError(
                series.files[0],
                f"DICOM-SEG cannot refer to this image ({error})",
                "Write --set data.output=nifti instead.",
            ) from error
        for element in identity:
            written.add(element)
        written.SpecificCharacterSet = "ISO_IR 192"  # UTF-8: names may be in any script
        with atomic_path(path) as temporary:
            written.save_as(temporary)


def _require_same_patient(path: Path, dataset: Dataset, series: Series) -> None:
    uids = [str(item.SeriesInstanceUID) for item in dataset.get("ReferencedSeriesSequence") or []]
    for frame in range(int(dataset.get("NumberOfFrames") or 1)):
        uids += [uid for uid, _ in sources(frame_groups(dataset, frame))]
    require_same_patient(path, series, [str(dataset.get("FrameOfReferenceUID"))], uids)


def _segments(
    dataset: Dataset, groups: Sequence[Dataset], stored: NDArray[Any]
) -> list[tuple[int, NDArray[np.bool_]]]:
    """Numbers of the segments that a frame shows, and their pixels, (rows, columns)."""
    if dataset.SegmentationType == "LABELMAP":
        return [(int(number), stored == number) for number in np.unique(stored[stored > 0])]
    number = int(macro(groups, "SegmentIdentificationSequence", "ReferencedSegmentNumber"))
    fractional = dataset.SegmentationType == "FRACTIONAL"
    least = IN_SEGMENT * int(dataset.MaximumFractionalValue) if fractional else 1
    plane = stored >= least
    return [(number, plane)] if plane.any() else []


def _planes(series: Series, segments: Sequence[Segment]) -> NDArray[np.uint8]:
    """(K, rows, columns, S): the masks in the order of the source's files and frames."""
    order = np.arange(len(series.slices))
    if len(series.files) == 1:
        order = np.argsort([one.frame for one in series.slices])
    columns, rows, slices = segments[0][2].shape
    planes = np.empty((slices, rows, columns, len(segments)), dtype=np.uint8)
    for number, (_, _, mask) in enumerate(segments):
        planes[..., number] = mask.T[order]
    return planes


def _segmentation(
    images: Sequence[Dataset], planes: NDArray[np.uint8], segments: Sequence[Segment]
) -> Dataset:
    import highdicom

    return highdicom.seg.Segmentation(
        source_images=images,
        pixel_array=planes,
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=_descriptions([name for _, name, _ in segments]),
        series_instance_uid=highdicom.UID(),
        series_number=int(images[0].get("SeriesNumber") or 0) + NUMBER_OF_SERIES,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="samdomains",
        manufacturer_model_name="samdomains-ctmri",
        software_versions=version("samdomains-ctmri"),
        device_serial_number="0",
        omit_empty_frames=bool(planes.any()),  # a file must have a frame
        series_description="samdomains",
    )


def _descriptions(names: Sequence[str]) -> list[Dataset]:
    import highdicom
    from pydicom.sr.codedict import codes

    algorithm = highdicom.AlgorithmIdentificationSequence(
        name="samdomains",
        family=codes.DCM.ArtificialIntelligence,
        version=version("samdomains-ctmri"),
    )
    return [
        highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=label(name),
            # What it is is not known; Tissue is what 3D Slicer says of such segments.
            segmented_property_category=codes.SCT.Tissue,
            segmented_property_type=codes.SCT.Tissue,
            algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
            algorithm_identification=algorithm,
        )
        for number, name in enumerate(names, start=1)
    ]
