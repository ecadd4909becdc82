from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, ornt_transform
from samdomains_ctmri.annotations import DicomSegmentation, LabelMap, structure_names
from samdomains_ctmri.scans import NiftiScan, scan_of_file

from samdomains.plugin import DataError

LABELS = np.zeros((5, 6, 7), dtype=np.uint8)
LABELS[1:3, 2:5, 1:6] = 3
LABELS[4, 5, 6] = 9

orientations = st.tuples(*map(st.sampled_from, ("RL", "AP", "IS"))).flatmap(
    lambda letters: st.permutations(letters).map("".join)
)


def write(path: Path, voxels: np.ndarray, affine: np.ndarray) -> NiftiScan:
    nibabel.save(nibabel.Nifti1Image(voxels, affine), path)
    scan = scan_of_file(path)
    assert isinstance(scan, NiftiScan)
    return scan


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(orientations)
def test_labels_are_aligned_by_affine_and_not_by_index(tmp_path: Path, letters: str) -> None:
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    volume = write(tmp_path / "volume.nii", LABELS.astype(np.int16), affine)
    turn = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(letters))
    turned = apply_orientation(LABELS, turn)
    labels = write(tmp_path / "labels.nii", turned, affine @ inv_ornt_aff(turn, LABELS.shape))
    found = list(LabelMap(labels, resample=False).structures(volume))
    assert [number for number, _ in found] == [3, 9]
    for number, mask in found:
        np.testing.assert_array_equal(mask, number == LABELS)


def test_labels_on_another_grid_are_an_error_that_offers_resampling(tmp_path: Path) -> None:
    volume = write(tmp_path / "volume.nii", LABELS.astype(np.int16), np.eye(4))
    fine = np.repeat(np.repeat(np.repeat(LABELS, 2, 0), 2, 1), 2, 2)
    affine = np.diag([0.5, 0.5, 0.5, 1.0])
    affine[:3, 3] = -0.25
    labels = write(tmp_path / "labels.nii", fine, affine)
    with pytest.raises(
        DataError, match=r"10 x 12 x 14 voxels.*centres are 0 mm apart.*data\.resample_labels=true"
    ):
        LabelMap(labels, resample=False).structures(volume)
    found = dict(LabelMap(labels, resample=True).structures(volume))
    np.testing.assert_array_equal(found[3], LABELS == 3)


def test_labels_that_are_no_whole_numbers_are_refused(tmp_path: Path) -> None:
    volume = write(tmp_path / "volume.nii", LABELS.astype(np.int16), np.eye(4))
    halves = write(tmp_path / "labels.nii", LABELS.astype(np.float32) / 2, np.eye(4))
    with pytest.raises(DataError, match="not all whole numbers"):
        LabelMap(halves, resample=False).structures(volume)
    whole = write(tmp_path / "labels.nii", LABELS.astype(np.float32), np.eye(4))
    assert len(list(LabelMap(whole, resample=False).structures(volume))) == 2


def test_a_dicom_annotation_needs_a_dicom_series(tmp_path: Path) -> None:
    volume = write(tmp_path / "volume.nii", LABELS.astype(np.int16), np.eye(4))
    with pytest.raises(DataError, match=r"seg\.dcm: it belongs to a DICOM series"):
        DicomSegmentation(tmp_path / "seg.dcm").structures(volume)


def test_a_file_that_is_no_dicom_says_so(tmp_path: Path) -> None:
    (tmp_path / "seg.dcm").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"seg\.dcm: the file is not DICOM"):
        structure_names(DicomSegmentation(tmp_path / "seg.dcm"))
