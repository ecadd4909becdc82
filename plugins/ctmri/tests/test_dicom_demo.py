from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK
from samdomains_ctmri.dicom_demo import write_series
from samdomains_ctmri.scans import LPS_TO_RAS


def test_another_reader_sees_the_same_volume(tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(-1024, 2000, (6, 5, 4)).astype(np.int16)
    affine = np.diag([-0.7, -0.7, 3.0, 1.0])
    affine[:3, 3] = [10.0, 20.0, -30.0]
    write_series(tmp_path, voxels, affine, number=3)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path)))
    image = reader.Execute()
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(image).transpose(), voxels)
    np.testing.assert_allclose(image.GetSpacing(), [0.7, 0.7, 3.0])
    np.testing.assert_allclose(image.GetOrigin(), (LPS_TO_RAS @ affine)[:3, 3])
