from __future__ import annotations

import pickle
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samdomains_ctmri.grid import Grid
from samdomains_ctmri.scans import (
    LPS_TO_RAS,
    ItkScan,
    NiftiScan,
    is_volume_file,
    scan_of_file,
    write_itk_labels,
    write_nifti,
)
from scipy.spatial.transform import Rotation

from samdomains.plugin import DataError

VOXELS = np.arange(60, dtype=np.int16).reshape(3, 4, 5) - 30

turns = st.tuples(*[st.floats(-180, 180)] * 3)
spacings = st.tuples(*[st.floats(0.3, 8.0)] * 3)
flips = st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3)
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def affine_of(
    turn: tuple[float, ...], spacing: tuple[float, ...], flip: tuple[float, ...]
) -> np.ndarray:
    affine = np.eye(4)
    matrix = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    affine[:3, :3] = matrix * np.array(spacing) * np.array(flip)
    affine[:3, 3] = [10.5, -20.25, 30.0]
    return affine


affines = st.builds(affine_of, turns, spacings, flips)


def write_itk(path: Path, affine: np.ndarray) -> Path:
    lps = LPS_TO_RAS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(VOXELS.transpose()))
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    SimpleITK.WriteImage(image, str(path))
    return path


@same_folder
@given(affines)
def test_nifti_labels_have_the_inputs_exact_header(tmp_path: Path, affine: np.ndarray) -> None:
    source, target = tmp_path / "scan.nii.gz", tmp_path / "labels.nii.gz"
    image = nibabel.Nifti1Image(VOXELS, affine)
    image.set_qform(affine, code=1)
    image.set_sform(affine, code=2)
    nibabel.save(image, source)
    scan = scan_of_file(source)
    np.testing.assert_array_equal(scan.voxels(), VOXELS)
    scan.write_labels(target, (VOXELS > 0).astype(np.uint8))
    before, after = nibabel.load(source), nibabel.load(target)
    np.testing.assert_array_equal(after.affine, before.affine)
    for key in (
        "srow_x",
        "srow_y",
        "srow_z",
        "quatern_b",
        "qoffset_x",
        "pixdim",
        "sform_code",
        "qform_code",
    ):
        np.testing.assert_array_equal(after.header[key], before.header[key])
    np.testing.assert_array_equal(np.asanyarray(after.dataobj), VOXELS > 0)
    assert after.get_data_dtype() == np.uint8


@same_folder
@given(affines, st.sampled_from([".nrrd", ".mha", ".mhd"]))
def test_nrrd_and_metaimage_keep_origin_spacing_and_direction(
    tmp_path: Path, affine: np.ndarray, suffix: str
) -> None:
    scan = scan_of_file(write_itk(tmp_path / f"scan{suffix}", affine))
    np.testing.assert_array_equal(scan.voxels(), VOXELS)
    np.testing.assert_allclose(scan.grid().affine, affine, atol=1e-5)
    target = tmp_path / "labels.nrrd"
    scan.write_labels(target, (VOXELS > 0).astype(np.uint8))
    before, after = (SimpleITK.ReadImage(str(path)) for path in (scan.path, target))
    for name in ("GetOrigin", "GetSpacing", "GetDirection"):
        np.testing.assert_allclose(getattr(after, name)(), getattr(before, name)(), rtol=1e-12)
    np.testing.assert_array_equal(scan_of_file(target).voxels(), VOXELS > 0)


@same_folder
@given(affines)
def test_labels_in_another_format_lie_at_the_same_place(tmp_path: Path, affine: np.ndarray) -> None:
    labels, grid = (VOXELS > 0).astype(np.uint8), Grid((3, 4, 5), affine)
    write_nifti(tmp_path / "a.nii.gz", labels, grid)
    write_itk_labels(tmp_path / "a.mha", labels, grid)
    for name in ("a.nii.gz", "a.mha"):
        scan = scan_of_file(tmp_path / name)
        np.testing.assert_allclose(scan.grid().affine, affine, rtol=1e-6, atol=1e-5)
        np.testing.assert_array_equal(scan.voxels(), labels)


def test_slope_and_intercept_are_applied_once(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VOXELS, np.eye(4))
    image.header.set_slope_inter(2.0, -1024.0)
    content = bytearray(image.to_bytes())
    stored = np.frombuffer(content, dtype=np.int16, offset=352).reshape(VOXELS.shape, order="F")
    (tmp_path / "scan.nii").write_bytes(content)
    voxels = scan_of_file(tmp_path / "scan.nii").voxels()
    assert voxels.dtype == np.float32
    np.testing.assert_array_equal(voxels, stored * 2.0 - 1024.0)
    scan_of_file(tmp_path / "scan.nii").write_labels(
        tmp_path / "l.nii", np.ones((3, 4, 5), np.uint8)
    )
    assert (scan_of_file(tmp_path / "l.nii").voxels() == 1).all()


def test_an_axis_of_one_is_no_axis(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(VOXELS[..., None], np.eye(4)), tmp_path / "a.nii")
    scan = scan_of_file(tmp_path / "a.nii")
    assert scan.voxels().shape == scan.grid().shape == (3, 4, 5)
    scan.write_labels(tmp_path / "b.nii", np.zeros((3, 4, 5), dtype=np.uint8))
    assert nibabel.load(tmp_path / "b.nii").shape == (3, 4, 5, 1)


def test_labels_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    grid = Grid((3, 4, 5), np.eye(4))
    for name in ("a.nii.gz", "b.nii.gz"):
        write_nifti(tmp_path / name, VOXELS, grid)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def read(scan: NiftiScan | ItkScan) -> None:
    scan.grid()
    scan.voxels()


def bad_affine(path: Path) -> None:
    image = nibabel.Nifti1Image(VOXELS, np.eye(4))
    content = bytearray(image.to_bytes())
    content[280:328] = np.zeros(12, dtype=np.float32).tobytes()  # srow_x, srow_y, srow_z
    path.write_bytes(content)


def four_axes(path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 4, 5, 2), np.int16), np.eye(4)), path)


def cut_short(path: Path) -> None:
    path.write_bytes(nibabel.Nifti1Image(VOXELS, np.eye(4)).to_bytes()[:400])


def colours(path: Path) -> None:
    kind = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 4, 5), kind), np.eye(4)), path)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (bad_affine, "its affine cannot be inverted"),
        (four_axes, "three axes, this file has 3 x 4 x 5 x 2"),
        (cut_short, "damaged or cut short"),
        (colours, "its voxels are colours"),
        (lambda path: path.write_bytes(b"no nifti"), "damaged or cut short"),
        (lambda _: None, "there is no such file"),
    ],
)
def test_a_nifti_file_that_is_none_says_why(tmp_path: Path, make: object, problem: str) -> None:
    assert callable(make)
    make(tmp_path / "a.nii")
    scan = scan_of_file(tmp_path / "a.nii")
    with pytest.raises(DataError, match=rf"a\.nii: .*{problem}"):
        read(scan)


@pytest.mark.parametrize("content", [None, b"", b"NRRD0004\n"])
def test_a_damaged_nrrd_file_says_so_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.nrrd").write_bytes(content)
    with pytest.raises(DataError) as raised:
        scan_of_file(tmp_path / "a.nrrd").grid()
    assert "\n" not in str(raised.value)


def test_a_coloured_metaimage_is_refused(tmp_path: Path) -> None:
    image = SimpleITK.GetImageFromArray(np.zeros((3, 4, 5, 3), np.uint8), isVector=True)
    SimpleITK.WriteImage(image, str(tmp_path / "a.mha"))
    with pytest.raises(DataError, match="each voxel has 3 values"):
        scan_of_file(tmp_path / "a.mha").grid()


def test_a_sheared_grid_is_written_as_nifti_only(tmp_path: Path) -> None:
    affine = np.eye(4)
    affine[0, 1] = 0.5
    with pytest.raises(DataError, match="not at right angles"):
        write_itk_labels(tmp_path / "a.mha", VOXELS, Grid((3, 4, 5), affine))
    assert list(tmp_path.iterdir()) == []


def test_scans_are_hashable_and_travel() -> None:
    for name in ("a.nii.gz", "a.NRRD"):
        assert is_volume_file(Path(name))
        scan = scan_of_file(Path(name))
        assert pickle.loads(pickle.dumps(scan)) == scan
        assert hash(scan) == hash(scan_of_file(Path(name)))
    assert not is_volume_file(Path("a.gz"))
