"""Writing segmentations of volumes in the format of the input, or in the one that the recipe asks.

Label maps hold class ids. Structures that overlap another go to a second file, and so on, since a
voxel of a label map has one value; DICOM-SEG and RTSTRUCT keep overlaps in one file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from samdomains.plugin import (
    Case,
    CocoJsonWriter,
    DataError,
    LabelPngWriter,
    ObjectMask,
    OutputFormat,
    RecipeError,
    file_stem,
    image_file,
)
from samdomains_ctmri.cases import VolumeGeometry
from samdomains_ctmri.dicom_scan import DicomScan
from samdomains_ctmri.grid import Slicing
from samdomains_ctmri.scans import (
    NIFTI_SUFFIXES,
    ItkScan,
    NiftiScan,
    Scan,
    write_itk_labels,
    write_nifti,
)

_SUFFIXES: Mapping[OutputFormat, str] = {
    "nifti": ".nii.gz",
    "nrrd": ".nrrd",
    "mha": ".mha",
    "dicom-seg": ".dcm",
    "rtstruct": ".dcm",
}

Masks: TypeAlias = Mapping[int, NDArray[np.bool_]]
"""Class id → mask, (I, J, K)."""


@dataclass(frozen=True)
class VolumeWriter:
    """Writes ``<id>.nii.gz``, ``.nrrd``, ``.mha`` or ``.dcm``; plain images as the core does.

    Attributes:
        output: The recipe's ``data.output``. ``native`` is the format of the volume's file, and
            DICOM-SEG for a DICOM series.
    """

    output: OutputFormat

    def __call__(self, case: Case, objects: Sequence[ObjectMask], out: Path) -> Sequence[Path]:
        """Write the cross-sections of one volume under the folder ``out``; returns the files.

        Raises:
            DataError: The volume cannot be written in that format; nothing was found and the
                format cannot say so.
            RecipeError: A plain image was to be written in a volume's format.
        """
        geometry = case.geometry
        if not isinstance(geometry, VolumeGeometry):
            return _write_image(self.output, case, objects, out)
        if self.output in ("png", "coco"):
            raise RecipeError(
                f"data.output is {self.output}, and {image_file(case)} is a volume; "
                "allowed: native, nifti, nrrd, mha, dicom-seg, rtstruct"
            )
        masks = _masks(geometry.slicing(), objects)
        output = _native(geometry.scan) if self.output == "native" else self.output
        target = out / f"{file_stem(case)}{_suffix(geometry.scan, output)}"
        if output in ("dicom-seg", "rtstruct"):
            return [_write_dicom(target, output, geometry.scan, masks, case.classes)]
        return _write_label_maps(target, geometry.scan, masks)


def _write_image(
    output: OutputFormat, case: Case, objects: Sequence[ObjectMask], out: Path
) -> Sequence[Path]:
    """The masks of a plain image, as the core writes them."""
    if output in ("native", "png"):
        return LabelPngWriter()(case, objects, out)
    if output == "coco":
        return CocoJsonWriter()(case, objects, out)
    raise RecipeError(
        f"data.output is {output}, and {image_file(case)} is no volume; "
        "allowed for images: native, png, coco"
    )


def _masks(slicing: Slicing, objects: Sequence[ObjectMask]) -> dict[int, NDArray[np.bool_]]:
    """The cross-sections of each class, stacked and brought back to the voxels of the file."""
    stacks: dict[int, NDArray[np.bool_]] = {}
    for item in sorted(objects, key=lambda item: item.class_id):
        stack = stacks.setdefault(item.class_id, np.zeros(slicing.shape, dtype=bool))
        if item.slice_index is None:
            raise ValueError("a volume's objects need a slice_index")
        stack[item.slice_index] |= item.mask()
    return {class_id: slicing.voxels(stack) for class_id, stack in stacks.items()}


def _native(scan: Scan) -> OutputFormat:
    if isinstance(scan, NiftiScan):
        return "nifti"
    if isinstance(scan, ItkScan):
        return "nrrd" if scan.path.suffix.lower() == ".nrrd" else "mha"
    return "dicom-seg"


def _suffix(scan: Scan, output: OutputFormat) -> str:
    """``.nii`` for an input that is ``.nii``, else the format's usual one."""
    if output == "nifti" and isinstance(scan, NiftiScan):
        return next(s for s in NIFTI_SUFFIXES if scan.path.name.lower().endswith(s))
    return _SUFFIXES[output]


def _write_label_maps(target: Path, scan: Scan, masks: Masks) -> list[Path]:
    """One label map, or several where structures overlap: ``<id>_2.nii.gz`` and so on."""
    written = []
    for number, labels in enumerate(_layers(scan.grid().shape, masks), start=1):
        path = target if number == 1 else _numbered(target, number)
        _write_label_map(path, scan, labels)
        written.append(path)
    return written


def _numbered(target: Path, number: int) -> Path:
    suffix = next(s for s in (*NIFTI_SUFFIXES[::-1], target.suffix) if target.name.endswith(s))
    return target.with_name(f"{target.name.removesuffix(suffix)}_{number}{suffix}")


def _layers(shape: tuple[int, int, int], masks: Masks) -> list[NDArray[np.uint16]]:
    """As few label maps as it takes to give each voxel one value; one at least."""
    layers = [np.zeros(shape, dtype=np.uint16)]
    for class_id, mask in masks.items():
        free = next((layer for layer in layers if not layer[mask].any()), None)
        if free is None:
            free = np.zeros(shape, dtype=np.uint16)
            layers.append(free)
        free[mask] = class_id
    return layers


def _write_label_map(path: Path, scan: Scan, labels: NDArray[np.uint16]) -> None:
    """With the input's own header where the format is the same."""
    small = labels.astype(np.uint8) if labels.max(initial=0) < 256 else labels
    is_nifti = path.name.endswith(NIFTI_SUFFIXES)
    if isinstance(scan, NiftiScan if is_nifti else ItkScan):
        assert isinstance(scan, NiftiScan | ItkScan)
        scan.write_labels(path, small)
    elif is_nifti:
        write_nifti(path, small, scan.grid())
    else:
        write_itk_labels(path, small, scan.grid())


def _write_dicom(
    target: Path, output: OutputFormat, scan: Scan, masks: Masks, classes: Mapping[int, str]
) -> Path:
    from samdomains_ctmri.dicom_seg import write_segmentation
    from samdomains_ctmri.rtstruct import write_structures

    if not isinstance(scan, DicomScan):
        raise DataError(
            scan.files[0],
            f"{output} refers to the images of a DICOM series, and this is none",
            "Write --set data.output=native, or segment the DICOM series.",
        )
    segments = [(class_id, classes[class_id], mask) for class_id, mask in masks.items()]
    if not segments:
        raise DataError(
            scan.files[0],
            f"nothing was found, and {output} cannot hold an empty segmentation",
            "Try another prompt, or write --set data.output=nifti.",
        )
    write = write_segmentation if output == "dicom-seg" else write_structures
    write(target, scan.series, segments)
    return target
