from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.pixels import get_decoder
from pydicom.uid import (
    ExplicitVRBigEndian,
    JPEGLosslessSV1,
    RLELossless,
    SegmentationStorage,
)
from samdomains_ctmri.dicom_series import (
    Series,
    choose_series,
    find_series,
    read_grid,
    read_voxels,
    slice_positions,
    spacing_note,
)
from scipy.spatial.transform import Rotation

from samdomains.plugin import DataError

Change = Callable[[int, Dataset], None]
Scan = Callable[..., Path]
Stored = NDArray[np.uint16]
turns = st.tuples(*[st.floats(-180, 180)] * 3)
spacings = st.tuples(*[st.floats(0.3, 8.0)] * 3)
flips = st.tuples(*[st.sampled_from([-1.0, 1.0])] * 2)


def the_series(folder: Path) -> Series:
    return choose_series(find_series(folder), None, folder)


def rewrite(path: Path, change: Callable[[Dataset], None]) -> None:
    image = dcmread(path)
    change(image)
    image.save_as(path)


def at(number: int, change: Callable[[Dataset], None]) -> Change:
    def only_there(k: int, image: Dataset) -> None:
        if k == number:
            change(image)

    return only_there


def put(**values: Any) -> Callable[[Dataset], None]:
    def change(image: Dataset) -> None:
        for word, value in values.items():
            setattr(image, word, value)

    return change


class TestGeometry:
    @settings(max_examples=25)
    @given(turn=turns, spacing=spacings, flip=flips)
    def test_places_are_those_of_itk_whatever_the_orientation(
        self,
        write_series: Scan,
        stored: Stored,
        turn: Sequence[float],
        spacing: Sequence[float],
        flip: Sequence[float],
    ) -> None:
        import SimpleITK

        turned = (
            Rotation.from_euler("xyz", turn, degrees=True).as_matrix()[:2] * np.array(flip)[:, None]
        )
        with tempfile.TemporaryDirectory() as name:
            folder = write_series(Path(name), stored, orientation=turned.ravel(), spacing=spacing)
            series = the_series(folder)
            grid, voxels = read_grid(series), read_voxels(series)
            reader = SimpleITK.ImageSeriesReader()
            reader.SetFileNames(SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(name))
            image = reader.Execute()
        np.testing.assert_array_equal(voxels, SimpleITK.GetArrayFromImage(image).T)
        np.testing.assert_array_equal(voxels, stored.astype(np.int16) - 1024)
        lps = np.diag([-1, -1, 1, 1]) @ grid.affine
        direction = np.reshape(image.GetDirection(), (3, 3))
        np.testing.assert_allclose(lps[:3, 3], image.GetOrigin(), atol=1e-6)
        np.testing.assert_allclose(lps[:3, :3], direction * image.GetSpacing(), atol=1e-5)

    def test_slices_are_sorted_by_position_and_not_by_name_or_number(
        self, scan: Scan, stored: Stored
    ) -> None:
        names = ["f", "b.dcm", "d", "a", "e.IMA", "c"]
        series = the_series(scan(stored, names=names))
        assert [path.name for path in series.files] == names
        np.testing.assert_allclose(slice_positions(series), 30 + 2.5 * np.arange(6))

    def test_a_tilted_gantry_shears_the_grid(self, scan: Scan, stored: Stored) -> None:
        def tilt(k: int, image: Dataset) -> None:
            image.ImagePositionPatient = [-10, 20 + 0.5 * k, 30 + 2.5 * k]

        grid = read_grid(the_series(scan(stored, change=tilt)))
        np.testing.assert_allclose(grid.affine[:3, 2], [0, -0.5, 2.5], atol=1e-9)

    def test_one_slice_is_as_thick_as_its_header_says(self, scan: Scan, stored: Stored) -> None:
        series = the_series(scan(stored[:, :, :1]))
        assert read_grid(series).spacing == pytest.approx((0.7, 0.7, 2.5))
        assert series.uniform

    def test_distances_within_a_percent_count_as_equal(self, scan: Scan, stored: Stored) -> None:
        offsets = [0, 2.5, 5.01, 7.5, 10, 12.49]
        series = the_series(scan(stored, offsets=offsets))
        assert series.uniform

    def test_other_distances_are_kept_and_told(self, scan: Scan, stored: Stored) -> None:
        offsets = [0, 2, 4, 7, 10, 13]
        series = the_series(scan(stored, offsets=offsets))
        assert not series.uniform
        assert "2 to 3 mm apart" in (spacing_note(series) or "")
        np.testing.assert_allclose(slice_positions(series), np.array(offsets) + 30)
        assert read_grid(series).spacing[2] == pytest.approx(2.6)


class TestFinding:
    def test_other_files_are_passed_over(self, tmp_path: Path, scan: Scan, stored: Stored) -> None:
        scan(stored, uid="1.2.3")
        scan(stored, folder=tmp_path / "inner")
        segmentation = at(0, put(SOPClassUID=SegmentationStorage))
        scan(stored[:, :, :1], names=["seg.dcm"], change=segmentation)
        (tmp_path / "notes.txt").write_text("nothing of interest, but longer than a preamble" * 9)
        (tmp_path / ".DS_Store").touch()
        (series,) = find_series(tmp_path)
        assert (series.uid, series.modality, len(series.files)) == ("1.2.3", "CT", 6)

    def test_images_without_a_place_do_not_matter_beside_a_series(
        self, tmp_path: Path, scan: Scan, stored: Stored
    ) -> None:
        def screenshot(_: int, image: Dataset) -> None:
            del image.ImagePositionPatient

        scan(stored, uid="1.2.3")
        scan(stored[:, :, :1], names=["screen"], change=screenshot)
        assert [series.uid for series in find_series(tmp_path)] == ["1.2.3"]

    def test_one_of_several_series_must_be_named(
        self, tmp_path: Path, scan: Scan, stored: Stored
    ) -> None:
        scan(stored, uid="1.2.3", names=list("abcdef"))
        scan(stored[:, :, :1], uid="1.2.4", names=["g"])
        found = find_series(tmp_path)
        assert choose_series(found, "1.2.4", tmp_path).files == (tmp_path / "g",)
        words = r"holds 2 series: 1.2.3 \(CT, 6 slices\), 1.2.4 \(CT, 1 slice\)"
        with pytest.raises(DataError, match=words + ".*--set data.series=UID"):
            choose_series(found, None, tmp_path)
        with pytest.raises(DataError, match=r"no series 1.2.5, but 1.2.3 "):
            choose_series(found, "1.2.5", tmp_path)

    def test_a_folder_without_images_is_an_error_when_one_is_chosen(self, tmp_path: Path) -> None:
        assert find_series(tmp_path) == ()
        with pytest.raises(DataError, match="holds no DICOM images"):
            choose_series((), None, tmp_path)

    def test_a_series_is_hashable_pickles_and_does_not_name_the_patient(
        self, scan: Scan, stored: Stored
    ) -> None:
        series = the_series(scan(stored))
        again = pickle.loads(pickle.dumps(series))
        assert {series, again} == {series}
        np.testing.assert_array_equal(read_voxels(again), read_voxels(series))
        assert not any(word in repr(series.slices) for word in ("Geheim", "SECRET", "19640229"))


class TestValues:
    @pytest.mark.parametrize(
        ("dtype", "values", "rescale", "expected", "result"),
        [
            ("<u2", [0, 4095], (1, -1024), [-1024, 3071], "int16"),
            ("<u2", [0, 65535], (1, -1024), [-1024, 64511], "int32"),
            ("<i2", [-32768, 32767], (1, 0), [-32768, 32767], "int16"),
            ("<i2", [-32768, 32767], (1, -1024), [-33792, 31743], "int32"),
            ("u1", [0, 255], (1, 0), [0, 255], "int16"),
            ("<u4", [0, 2**32 - 1], (1, 0), [0, 2.0**32], "float32"),
            ("<u2", [0, 4], (0.5, 1), [1.0, 3.0], "float32"),
            ("<u2", [0, 4], (1, 0.25), [0.25, 4.25], "float32"),
        ],
    )
    def test_slope_and_intercept_are_applied_once_and_nothing_is_cut_off(
        self,
        scan: Scan,
        dtype: str,
        values: list[int],
        rescale: tuple[float, float],
        expected: list[float],
        result: str,
    ) -> None:
        stored = np.zeros((8, 10, 6), dtype=dtype)
        stored[0, 0, :2] = values
        change = put(RescaleSlope=rescale[0], RescaleIntercept=rescale[1])
        folder = scan(stored, change=lambda _, image: change(image))
        voxels = read_voxels(the_series(folder))
        assert voxels.dtype == result
        assert voxels[0, 0, :2].tolist() == expected

    def test_each_slice_has_its_own_slope(self, scan: Scan, stored: Stored) -> None:
        def change(k: int, image: Dataset) -> None:
            image.RescaleSlope, image.RescaleIntercept = (k + 1) / 2, 0

        voxels = read_voxels(the_series(scan(stored, change=change)))
        np.testing.assert_allclose(voxels, stored * (np.arange(6) + 1) / 2)

    def test_bits_that_are_not_stored_do_not_count(self, scan: Scan, stored: Stored) -> None:
        overlay = put(BitsStored=12, HighBit=11)
        folder = scan(stored | 0xF000, change=lambda _, image: overlay(image))
        np.testing.assert_array_equal(read_voxels(the_series(folder)), stored.astype(int) - 1024)

    def test_big_endian_and_run_length_encoded_files(self, scan: Scan, stored: Stored) -> None:
        folder = scan(stored)
        for number, path in enumerate(sorted(folder.iterdir())):
            image = dcmread(path)
            if number % 2:
                image.compress(RLELossless)
                image.save_as(path)
            else:
                image["PixelData"].VR = "OW"
                image.PixelData = image.pixel_array.astype(">u2").tobytes()
                image.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
                big = Dataset(image)  # forgets that it was read as little endian
                big.file_meta = image.file_meta
                big.save_as(path, enforce_file_format=True)
        np.testing.assert_array_equal(read_voxels(the_series(folder)), stored.astype(int) - 1024)

    def test_frames_of_an_enhanced_file_are_sorted_and_rescaled_one_by_one(
        self, tmp_path: Path, write_enhanced: Any, stored: Stored
    ) -> None:
        order = [3, 0, 5, 1, 4, 2]
        rescales = [(1 + k / 2, -10.0 * k) for k in order]
        series = the_series(write_enhanced(tmp_path, stored, order, rescales))
        expected = stored * (1 + np.arange(6) / 2) - 10.0 * np.arange(6)
        np.testing.assert_allclose(read_voxels(series), expected)
        assert read_grid(series).spacing == pytest.approx((0.7, 0.7, 2.5))


class TestBadSeries:
    @pytest.mark.parametrize(
        ("number", "values", "problem"),
        [
            (2, {"Rows": 5, "Columns": 16}, "its size differs from that of IM"),
            (2, {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}, "its orientation differs"),
            (2, {"PixelSpacing": [0.7, 0.71]}, "its pixel spacing differs"),
            (2, {"ImagePositionPatient": [-10, 20, 32.5]}, "two slices lie at one position.*32.5"),
            (2, {"ImagePositionPatient": [-5, 20, 35]}, "5 mm beside the others"),
            (2, {"ImagePositionPatient": None}, "does not say the position and orientation"),
            (2, {"PixelSpacing": None}, "does not say the pixel spacing"),
            (2, {"RescaleSlope": 0}, "rescale slope is 0"),
            (2, {"SamplesPerPixel": 3}, "its pixels are colours"),
            (2, {"PixelSpacing": [0, 0]}, "does not say the pixel spacing"),
        ],
    )
    def test_slices_that_make_no_volume(
        self, scan: Scan, stored: Stored, number: int, values: dict[str, Any], problem: str
    ) -> None:
        folder = scan(stored, change=at(number, put(**values)))
        with pytest.raises(DataError, match=problem) as caught:
            read_voxels(the_series(folder))
        assert not any(word in str(caught.value) for word in ("Geheim", "SECRET", "19640229"))
        assert "\n" not in str(caught.value)

    def test_directions_that_are_not_perpendicular(self, scan: Scan, stored: Stored) -> None:
        folder = scan(stored, orientation=(1, 0, 0, 0.6, 0.8, 0))
        with pytest.raises(DataError, match="not perpendicular"):
            read_grid(the_series(folder))

    @pytest.mark.parametrize(
        ("gone", "problem"),
        [
            ([2], "1 slice is missing between 32.5 and 37.5 mm"),
            ([2, 3], "2 slices are missing between 32.5 and 40 mm"),
            ([1, 6], "2 slices are missing between 30 and 35 mm, 42.5 and 47.5 mm"),
        ],
    )
    def test_gaps_are_told_with_their_places(
        self, scan: Scan, gone: list[int], problem: str
    ) -> None:
        stored = np.zeros((8, 10, 9 - len(gone)), dtype=np.uint16)
        offsets = [2.5 * k for k in range(9) if k not in gone]
        folder = scan(stored, offsets=offsets)
        with pytest.raises(DataError, match=problem):
            read_grid(the_series(folder))


class TestDamagedFiles:
    @pytest.mark.parametrize("kept", [0, 200, 400, 800, -1, -60, -200])
    @pytest.mark.parametrize("suffix", ["", ".dcm"])
    def test_a_file_that_was_cut_short(
        self, scan: Scan, stored: Stored, kept: int, suffix: str
    ) -> None:
        folder = scan(stored, names=[f"IM{k}{suffix}" for k in range(6)])
        victim = folder / f"IM3{suffix}"
        victim.write_bytes(victim.read_bytes()[:kept])
        with pytest.raises(DataError, match=r"IM3.*(cut short|is empty|is not DICOM)"):
            read_voxels(the_series(folder))

    def test_every_length_of_a_file_reads_whole_or_not_at_all(
        self, scan: Scan, stored: Stored
    ) -> None:
        folder = scan(stored[:, :, :1], names=["IM.dcm"])
        whole = (folder / "IM.dcm").read_bytes()
        for kept in range(0, len(whole), 3):
            (folder / "IM.dcm").write_bytes(whole[:kept])
            with pytest.raises(DataError):
                read_voxels(the_series(folder))

    def test_files_without_pixels(self, scan: Scan, stored: Stored) -> None:
        def without(image: Dataset) -> None:
            del image.PixelData

        folder = scan(stored, change=at(2, without))
        with pytest.raises(DataError, match="no pixel data"):
            read_voxels(the_series(folder))

    def test_a_file_that_is_gone_since(self, scan: Scan, stored: Stored) -> None:
        series = the_series(scan(stored))
        series.files[2].unlink()
        with pytest.raises(DataError, match="there is no such file"):
            read_voxels(series)

    def test_a_missing_decoder_is_named_with_the_packages_that_help(
        self, scan: Scan, stored: Stored
    ) -> None:
        if get_decoder(JPEGLosslessSV1).is_available:
            pytest.skip("a decoder of lossless JPEG is installed")

        def change(_: int, image: Dataset) -> None:
            from pydicom.encaps import encapsulate

            image.file_meta.TransferSyntaxUID = JPEGLosslessSV1
            image.PixelData = encapsulate([b"\xff\xd8 no JPEG, but that does not matter here"])
            image["PixelData"].VR = "OB"

        folder = scan(stored, change=change)
        words = "no decoder for JPEG Lossless.*pylibjpeg-libjpeg.*python-gdcm"
        with pytest.raises(DataError, match=words):
            read_voxels(the_series(folder))

    def test_odd_values_of_a_patient_are_not_shown(
        self,
        scan: Scan,
        stored: Stored,
        recwarn: pytest.WarningsRecorder,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        folder = scan(stored)
        for path in folder.iterdir():
            content = path.read_bytes()
            path.write_bytes(content.replace(b"19640229", b"29.2.64?").replace(b"^J", b"\\J"))
        read_voxels(the_series(folder))
        assert not recwarn.list
        assert not caplog.records


class TestRealData:
    def test_a_ct_in_jpeg_2000_is_what_itk_reads(self, real_case: Path) -> None:
        import SimpleITK

        series = the_series(real_case / "dicom")
        reader = SimpleITK.ImageSeriesReader()
        names = reader.GetGDCMSeriesFileNames(str(real_case / "dicom"))
        reader.SetFileNames(names)
        image = reader.Execute()
        voxels = read_voxels(series)
        assert voxels.dtype == np.int16
        np.testing.assert_array_equal(voxels, SimpleITK.GetArrayFromImage(image).T)
        lps = np.diag([-1, -1, 1, 1]) @ read_grid(series).affine
        np.testing.assert_allclose(lps[:3, 3], image.GetOrigin())
        np.testing.assert_allclose(np.diag(lps)[:3], image.GetSpacing())
        assert series.uniform

    def test_segmentations_are_no_series(self, real_case: Path) -> None:
        assert find_series(real_case) == ()
