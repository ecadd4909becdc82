"""Headers of DICOM images: where each slice lies and how its values are to be understood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from samdomains_ctmri._dicom_files import read_dicom, reading

if TYPE_CHECKING:
    from pydicom import Dataset

_DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
"""A file of such a name ought to be DICOM; others may be anything."""

_TAGS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "Modality",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PixelSpacing",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SliceThickness",
    "SpacingBetweenSlices",
    "RescaleSlope",
    "RescaleIntercept",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)
"""All that a series needs to know; nothing of the patient is among it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What the slices of a volume share.

    Attributes:
        rows: Height in pixels.
        columns: Width in pixels.
        samples: Values of each pixel; more than one are colours.
        spacing: Distance in mm between rows and between columns, in this order, as DICOM has it.
        orientation: Unit vectors along a row and along a column, in DICOM's frame, LPS+: x grows to
            the patient's left, y to the back, z to the head.
    """

    rows: int
    columns: int
    samples: int
    spacing: tuple[float, ...]
    orientation: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """One image: a file, or a frame of one.

    Attributes:
        file: Where it is.
        frame: Its number in the file, from 0.
        sop_class: UID of the kind of object.
        sop_instance: UID of the object, which annotations refer to.
        position: Centre of the first pixel, LPS+, mm; empty where the file does not say.
        thickness: Distance to the next slice in mm as the file has it, or its thickness; 0 if none.
        layout: The rest of its geometry.
        rescale: Slope and intercept: what is meant = stored value * slope + intercept.
    """

    file: Path
    frame: int
    sop_class: str
    sop_instance: str
    position: tuple[float, ...]
    thickness: float
    layout: Layout
    rescale: tuple[float, float]

    @property
    def placed(self) -> bool:
        """Whether its place in the patient is known."""
        return bool(self.position and self.layout.orientation)


@dataclass(frozen=True, slots=True)
class ImageFile:
    """The images of a file.

    Attributes:
        series: UID.
        modality: ``CT``, ``MR`` and so on.
        frame_of_reference: UID of the coordinate frame, empty where there is none.
        slices: In the order of the file.
    """

    series: str
    modality: str
    frame_of_reference: str
    slices: tuple[Slice, ...] = field(repr=False)


def read_image_file(path: Path) -> ImageFile | None:
    """Read the header of an image; None for other files, DICOM or not.

    Raises:
        DataError: The file is empty or damaged.
    """
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    with reading(path):
        try:
            header = dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS))
        except InvalidDicomError:
            if path.suffix.lower() in _DICOM_SUFFIXES or path.stat().st_size == 0:
                read_dicom(path)  # which says what is wrong
            return None
        return _image_file(path, header)


def macro(groups: Sequence[Dataset], sequence: str, keyword: str) -> Any:  # noqa: ANN401
    """A value of the first functional group that has it, None without one.

    Args:
        groups: Those of a frame and those of all frames; a file of one image counts as a group.
        sequence: The group's macro, ``PlanePositionSequence`` for example.
        keyword: Of the value.
    """
    for group in groups:
        items = group.get(sequence)
        if items and items[0].get(keyword) is not None:
            return items[0].get(keyword)
        if group.get(keyword) is not None:
            return group.get(keyword)
    return None


def frame_groups(dataset: Dataset, frame: int) -> list[Dataset]:
    """Where to look for the values of a frame, the nearest first.

    Args:
        dataset: Of one image or of many frames.
        frame: From 0.
    """
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    return [*([per_frame[frame]] if per_frame else []), *shared[:1], dataset]


def numbers(value: Any, count: int) -> tuple[float, ...]:  # noqa: ANN401 (whatever a file holds)
    """Exactly ``count`` finite numbers, or none."""
    if value is None or isinstance(value, str) or not hasattr(value, "__len__"):
        return ()
    found = tuple(float(part) for part in value)
    return found if len(found) == count and np.isfinite(found).all() else ()


def _image_file(path: Path, header: Dataset) -> ImageFile | None:
    sop_class = header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID")
    if sop_class is None:
        raise EOFError
    if "Image Storage" not in sop_class.name:
        return None
    if header.get("SeriesInstanceUID") is None or header.get("Columns") is None:
        raise EOFError  # pydicom reads the header of a file that was cut as far as it goes
    frames = int(header.get("NumberOfFrames") or 1)
    return ImageFile(
        series=str(header.SeriesInstanceUID),
        modality=str(header.get("Modality") or "?"),
        frame_of_reference=str(header.get("FrameOfReferenceUID") or ""),
        slices=tuple(_slice(path, header, frame, frames) for frame in range(frames)),
    )


def _slice(path: Path, header: Dataset, frame: int, frames: int) -> Slice:
    groups = frame_groups(header, frame)
    if frames > 1 and len(groups) < 2:
        groups = []  # one position cannot be that of all frames
    gap = macro(groups, "PixelMeasuresSequence", "SpacingBetweenSlices")
    thickness = gap or macro(groups, "PixelMeasuresSequence", "SliceThickness")
    slope = macro(groups, "PixelValueTransformationSequence", "RescaleSlope")
    intercept = macro(groups, "PixelValueTransformationSequence", "RescaleIntercept")
    return Slice(
        file=path,
        frame=frame,
        sop_class=str(header.get("SOPClassUID")),
        sop_instance=str(header.get("SOPInstanceUID")),
        position=numbers(macro(groups, "PlanePositionSequence", "ImagePositionPatient"), 3),
        thickness=abs(float(thickness or 0)),
        layout=_layout(header, groups),
        rescale=(1.0 if slope is None else float(slope), float(intercept or 0)),
    )


def _layout(header: Dataset, groups: Sequence[Dataset]) -> Layout:
    orientation = macro(groups, "PlaneOrientationSequence", "ImageOrientationPatient")
    return Layout(
        rows=int(header.Rows),
        columns=int(header.Columns),
        samples=int(header.get("SamplesPerPixel") or 1),
        spacing=numbers(macro(groups, "PixelMeasuresSequence", "PixelSpacing"), 2),
        orientation=numbers(orientation, 6),
    )
