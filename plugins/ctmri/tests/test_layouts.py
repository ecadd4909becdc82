from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from samdomains_ctmri.annotations import (
    DicomSegmentation,
    LabelMap,
    StructureSet,
    structure_names,
)
from samdomains_ctmri.dicom_demo import write_series
from samdomains_ctmri.dicom_scan import DicomScan, scan_of_folder
from samdomains_ctmri.dicom_seg import write_segmentation
from samdomains_ctmri.layouts import find_volumes
from samdomains_ctmri.rtstruct import write_structures
from samdomains_ctmri.scans import ItkScan, NiftiScan

from samdomains.plugin import DataError, Recipe

VOXELS = np.zeros((4, 5, 3), dtype=np.int16)


def nifti(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(VOXELS, np.eye(4)), path)
    return path


def dicom(folder: Path, number: int = 1) -> Path:
    write_series(folder, VOXELS, np.diag([-1.0, -1.0, 1.0, 1.0]), number=number)
    return folder


def names(source: Path) -> list[str]:
    return [found.name for found in find_volumes(source, Recipe())]


def test_a_single_file_and_a_dicom_folder_are_volumes_without_annotation(tmp_path: Path) -> None:
    (found,) = find_volumes(nifti(tmp_path / "scan.v2.nii.gz"), Recipe())
    assert (found.name, found.annotation) == ("scan.v2", None)
    (found,) = find_volumes(dicom(tmp_path / "series"), Recipe())
    assert found.name == "series"
    assert isinstance(found.scan, DicomScan)


def test_files_and_dicom_folders_pair_with_labels_of_their_names(tmp_path: Path) -> None:
    nifti(tmp_path / "images" / "b.nii.gz")
    dicom(tmp_path / "images" / "a")
    for name in ("a", "b"):
        nifti(tmp_path / "labels" / f"{name}.nii.gz")
    first, second = find_volumes(tmp_path, Recipe())
    assert (first.name, second.name) == ("a", "b")
    assert isinstance(first.scan, DicomScan)
    assert isinstance(second.scan, NiftiScan)
    assert isinstance(first.annotation, LabelMap)


def test_a_folder_for_each_patient_holds_dicom_and_annotation(tmp_path: Path) -> None:
    for number, name in enumerate(("anna", "berta")):
        dicom(tmp_path / name / "ct", number)
        nifti(tmp_path / name / "label.nii.gz")
    assert names(tmp_path) == ["anna", "berta"]
    (found,) = find_volumes(tmp_path / "anna", Recipe())
    assert found.name == "anna"
    assert isinstance(found.annotation, LabelMap)


def test_dicom_annotations_beside_a_series_are_no_series(tmp_path: Path) -> None:
    scan = scan_of_folder(dicom(tmp_path / "anna" / "ct"), None)
    mask = np.ones(VOXELS.shape, dtype=bool)
    write_segmentation(tmp_path / "anna" / "seg.dcm", scan.series, [(1, "liver", mask)])
    (found,) = find_volumes(tmp_path, Recipe())
    assert isinstance(found.annotation, DicomSegmentation)
    write_structures(tmp_path / "anna" / "a.dcm", scan.series, [(1, "liver", mask)])
    (found,) = find_volumes(tmp_path, Recipe())
    assert isinstance(found.annotation, DicomSegmentation), "DICOM-SEG goes before RTSTRUCT"
    (tmp_path / "anna" / "seg.dcm").unlink()
    (found,) = find_volumes(tmp_path, Recipe())
    assert isinstance(found.annotation, StructureSet)
    assert structure_names(found.annotation) == {1: "liver"}


def test_a_folder_of_volumes_is_for_prediction(tmp_path: Path) -> None:
    nifti(tmp_path / "b.nii")
    (tmp_path / "a.nrrd").write_bytes(b"")
    first, second = find_volumes(tmp_path, Recipe())
    assert isinstance(first.scan, ItkScan)
    assert (first.annotation, second.annotation) == (None, None)


def test_plain_images_are_left_to_the_core(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"")
    assert find_volumes(tmp_path, Recipe()) == []
    assert find_volumes(tmp_path / "nowhere", Recipe()) == []


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (["images/a.nii", "images/b.nii", "labels/a.nii"], "no annotation of its name.* b"),
        (["images/a.nii", "labels/a.nii", "labels/b.nii"], "no volume of its name.* b"),
        (["images/a.nii", "images/a.nii.gz", "labels/a.nii"], "two volumes are named 'a'"),
        (["images/a.nii", "labels/a.nii", "labels/a.nii.gz"], "two files are named 'a'"),
        (["images/a.nii", "labels/a.nii", "masks/a.nii"], "both labels/ and masks/"),
    ],
)
def test_what_does_not_pair_is_refused(tmp_path: Path, files: list[str], problem: str) -> None:
    for name in files:
        nifti(tmp_path / name)
    with pytest.raises(DataError, match=problem):
        find_volumes(tmp_path, Recipe())


def test_two_label_maps_beside_a_series_are_refused(tmp_path: Path) -> None:
    dicom(tmp_path / "anna" / "ct")
    nifti(tmp_path / "anna" / "liver.nii")
    nifti(tmp_path / "anna" / "spleen.nii")
    with pytest.raises(DataError, match=r"several annotations: liver\.nii, spleen\.nii"):
        find_volumes(tmp_path, Recipe())
