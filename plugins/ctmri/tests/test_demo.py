from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from samdomains_ctmri.cases import load_volumes
from samdomains_ctmri.demo import PATIENTS, write_ct_demo, write_mri_demo
from samdomains_ctmri.phantom import ORGANS

from samdomains.plugin import Recipe

MAKERS = pytest.mark.parametrize("make", [write_ct_demo, write_mri_demo])
Maker = Callable[[Path, int], Path]


def digest(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@MAKERS
def test_the_same_seed_gives_the_same_files(make: Maker, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder, seed in zip(folders, (0, 0, 1), strict=True):
        folder.mkdir()
        make(folder, seed)
    first, again, other = (digest(folder) for folder in folders)
    assert first == again
    assert first.keys() == other.keys()
    assert first != other


@MAKERS
def test_every_patient_is_read_with_all_organs(make: Maker, tmp_path: Path) -> None:
    cases = load_volumes(make(tmp_path, 0), Recipe())
    assert len(cases) == PATIENTS
    assert {case.split for case in cases} == {"train", "val", "test"}
    for case in cases:
        assert set(case.classes.values()) == set(ORGANS.values())
        assert case.read_objects is not None
        assert {item.class_id for item in case.read_objects()} == set(ORGANS)
        assert case.read_pixels().shape[1] == case.depth == 12


def test_ct_comes_in_hounsfield_units_from_dicom_and_nifti(tmp_path: Path) -> None:
    cases = load_volumes(write_ct_demo(tmp_path, 0), Recipe())
    kinds = {case.files[0].suffix for case in cases}
    assert kinds == {".gz", ".dcm"}
    for case in cases:
        voxels = case.read_pixels()
        assert abs(np.median(voxels[voxels < -900]) + 1000) < 20
        assert voxels.max() > 250
