from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from samdomains_ctmri.cases import load_volumes
from samdomains_ctmri.dicom_demo import write_series
from samdomains_ctmri.dicom_scan import scan_of_folder
from samdomains_ctmri.dicom_seg import read_segmentation
from samdomains_ctmri.rtstruct import read_structures
from samdomains_ctmri.scans import scan_of_file
from samdomains_ctmri.writers import VolumeWriter

from samdomains.plugin import Case, DataError, ObjectMask, OutputFormat, Recipe, RecipeError

LABELS = np.zeros((8, 9, 4), dtype=np.uint8)
LABELS[1:4, 1:4, 1:3] = 1
LABELS[4:8, 5:9, 2] = 5
AFFINE = np.diag([-0.8, -0.8, 3.0, 1.0])
NAMES = {1: "liver", 5: "spleen"}


def nifti_case(folder: Path, suffix: str = ".nii.gz", affine: np.ndarray = AFFINE) -> Case:
    for inner in ("images", "labels"):
        (folder / inner).mkdir()
        nibabel.save(nibabel.Nifti1Image(LABELS, affine), folder / inner / f"a{suffix}")
    (folder / "labels.json").write_text('{"1": "liver", "5": "spleen"}')
    (case,) = load_volumes(folder, Recipe())
    return case


def dicom_case(folder: Path) -> Case:
    write_series(folder / "a" / "ct", LABELS.astype(np.int16), AFFINE, number=1)
    nibabel.save(nibabel.Nifti1Image(LABELS, AFFINE), folder / "a" / "label.nii.gz")
    (folder / "a" / "labels.json").write_text('{"1": "liver", "5": "spleen"}')
    (case,) = load_volumes(folder, Recipe())
    return case


def objects(case: Case) -> tuple[ObjectMask, ...]:
    assert case.read_objects is not None
    return case.read_objects()


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("axis", ["axial", "coronal", "sagittal"])
def test_what_is_read_is_written_voxel_by_voxel(tmp_path: Path, suffix: str, axis: str) -> None:
    turned = np.array([[0, 0, 2.0, 1], [-3, 0, 0, 2], [0, 1, 0, 3], [0, 0, 0, 1]])
    nifti_case(tmp_path, suffix, turned)
    (case,) = load_volumes(tmp_path, Recipe.model_validate({"volume": {"axis": axis}}))
    (path,) = VolumeWriter("native")(case, objects(case), tmp_path / "out")
    assert path == tmp_path / "out" / f"a{suffix}"
    written = nibabel.load(path)
    np.testing.assert_array_equal(np.asanyarray(written.dataobj), LABELS)
    np.testing.assert_array_equal(written.affine, turned)


@pytest.mark.parametrize("output", ["nifti", "nrrd", "mha"])
@pytest.mark.parametrize("make", [nifti_case, dicom_case])
def test_label_maps_of_any_input_lie_at_the_same_place(
    tmp_path: Path, make: object, output: OutputFormat
) -> None:
    assert callable(make)
    case = make(tmp_path)
    (path,) = VolumeWriter(output)(case, objects(case), tmp_path / "out")
    scan = scan_of_file(path)
    np.testing.assert_array_equal(scan.voxels(), LABELS)
    assert scan.grid().same_place(case.geometry.scan.grid())


@pytest.mark.parametrize("output", ["native", "dicom-seg", "rtstruct"])
def test_a_dicom_series_gets_dicom(tmp_path: Path, output: OutputFormat) -> None:
    case = dicom_case(tmp_path)
    (path,) = VolumeWriter(output)(case, objects(case), tmp_path / "out")
    assert path == tmp_path / "out" / "a.dcm"
    series = scan_of_folder(tmp_path / "a" / "ct", None).series
    read = read_structures if output == "rtstruct" else read_segmentation
    found = {name: mask for _, name, mask in read(path, series)}
    assert set(found) == {"liver", "spleen"}
    for number, name in NAMES.items():
        np.testing.assert_array_equal(found[name], number == LABELS)


def test_overlapping_structures_fill_a_second_label_map(tmp_path: Path) -> None:
    case = nifti_case(tmp_path)
    mask = np.zeros((9, 8), dtype=bool)
    mask[2:6, 2:6] = True
    both = [ObjectMask.from_mask(mask, class_id=number) for number in (1, 5)]
    placed = [ObjectMask(o.crop, o.origin, o.image_size, o.class_id, slice_index=1) for o in both]
    first, second = VolumeWriter("native")(case, placed, tmp_path / "out")
    assert (first.name, second.name) == ("a.nii.gz", "a_2.nii.gz")
    assert set(np.unique(scan_of_file(second).voxels())) == {0, 5}


def test_nothing_found_is_an_empty_label_map(tmp_path: Path) -> None:
    (path,) = VolumeWriter("native")(nifti_case(tmp_path), [], tmp_path / "out")
    assert not scan_of_file(path).voxels().any()


def test_what_a_format_cannot_hold_is_refused(tmp_path: Path) -> None:
    case = nifti_case(tmp_path)
    with pytest.raises(DataError, match="refers to the images of a DICOM series"):
        VolumeWriter("dicom-seg")(case, objects(case), tmp_path / "out")
    dicom = tmp_path / "dicom"
    dicom.mkdir()
    with pytest.raises(DataError, match="cannot hold an empty segmentation"):
        VolumeWriter("native")(dicom_case(dicom), [], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_plain_image_is_written_as_the_core_does(tmp_path: Path) -> None:
    image = Case("photo", "photo", lambda: np.zeros((1, 4, 4)), None, {1: "object"})
    mask = ObjectMask.from_mask(np.ones((4, 4), dtype=bool))
    written = VolumeWriter("native")(image, [mask], tmp_path)
    assert [path.name for path in written] == ["photo.png", "photo.json"]
    with pytest.raises(RecipeError, match=r"data\.output is nrrd.*allowed for images: native, png"):
        VolumeWriter("nrrd")(image, [mask], tmp_path)


def test_a_volume_is_not_written_as_pictures(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"is a volume; allowed: native, nifti"):
        VolumeWriter("png")(nifti_case(tmp_path), [], tmp_path / "out")
