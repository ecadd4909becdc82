from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from samdomains_ctmri.dicom_demo import write_series
from samdomains_ctmri.dicom_scan import holds_dicom, scan_of_folder

from samdomains.plugin import DataError

VOXELS = np.arange(60, dtype=np.int16).reshape(3, 4, 5)


def test_a_series_is_a_volume(tmp_path: Path) -> None:
    affine = np.diag([-1.0, -2.0, 3.0, 1.0])
    write_series(tmp_path / "ct", VOXELS, affine, number=1)
    (tmp_path / "ct" / "notes.txt").write_text("no image")
    assert holds_dicom(tmp_path / "ct")
    assert not holds_dicom(tmp_path)
    scan = scan_of_folder(tmp_path / "ct", None)
    np.testing.assert_array_equal(scan.voxels(), VOXELS)
    np.testing.assert_allclose(scan.grid().affine, affine, atol=1e-9)
    assert len(scan.files) == 5


def test_one_of_several_series_is_chosen_by_its_uid(tmp_path: Path) -> None:
    for number, folder in ((1, "a"), (2, "b")):
        write_series(tmp_path / folder, VOXELS * number, np.eye(4), number=number)
    for path in sorted((tmp_path / "b").iterdir()):
        path.rename(tmp_path / "a" / f"other-{path.name}")
    with pytest.raises(DataError, match=r"data\.series=") as raised:
        scan_of_folder(tmp_path / "a", None)
    uid = scan_of_folder(tmp_path / "a", "2.25.1000000002901").series.uid
    assert uid in str(raised.value)


def test_uneven_slices_are_noted(tmp_path: Path) -> None:
    affine = np.diag([-1.0, -1.0, 3.0, 1.0])
    write_series(tmp_path, VOXELS, affine, number=1)
    assert scan_of_folder(tmp_path, None).notes() == ()
    last = pydicom.dcmread(tmp_path / "IM0005.dcm")
    last.ImagePositionPatient = [0.0, 0.0, 13.0]
    last.save_as(tmp_path / "IM0005.dcm")
    (note,) = scan_of_folder(tmp_path, None).notes()
    assert "3 to 4 mm apart" in note
