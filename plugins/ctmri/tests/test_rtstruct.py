from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from samdomains_ctmri.dicom_series import Series, choose_series, find_series
from samdomains_ctmri.rtstruct import read_structures, write_structures

from samdomains.plugin import DataError

Scan = Callable[..., Path]
Mask = NDArray[np.bool_]

SQUARE = (12, 12, 4)
OBLIQUE = (0.6, 0.0, -0.8, 0.0, 1.0, 0.0)
masks = arrays(np.bool_, st.tuples(*[st.integers(1, 9)] * 2, st.just(1)))


def the_series(folder: Path) -> Series:
    return choose_series(find_series(folder), None, folder)


def drawn(*rows: str) -> Mask:
    """A mask of `SQUARE` whose second slice is drawn in rows, # inside."""
    mask = np.zeros(SQUARE, dtype=bool)
    for j, row in enumerate(rows):
        for i, sign in enumerate(row):
            mask[i, j, 1] = sign == "#"
    return mask


SHAPES = {
    "one pixel": drawn("", "", "   #"),
    "a line": drawn("", "  ######"),
    "a hole": drawn("", " #####", " #   #", " #   #", " #####"),
    "a hole of one pixel": drawn("", " ###", " # #", " ###"),
    "an island in a hole": drawn("", " #######", " #     #", " # ##  #", " #     #", " #######"),
    "two holes": drawn("", " #######", " #  #  #", " #  # ##", " #######"),
    "holes that touch at a corner": drawn("#####", "# ###", "## ##", "#####"),
    "pieces that touch at a corner": drawn("", " ##", " ##", "   ##", "   ##"),
    "at the border": drawn("############", "#          #", "#", "", "", "", "", "", "#", "##"),
    "the whole slice": drawn(*["############"] * 12),
    "a frame": drawn("############", *["#          #"] * 10, "############"),
}


@pytest.fixture
def series(tmp_path: Path, scan: Scan) -> Series:
    return the_series(scan(np.zeros(SQUARE, np.uint16), folder=tmp_path / "ct"))


def contour(points: Sequence[Sequence[float]], z: float, kind: str = "CLOSED_PLANAR") -> Dataset:
    """Of points in pixels of `series`: x, y."""
    item = Dataset()
    places = [[-10 + 0.7 * x, 20 + 0.7 * y, z] for x, y in points]
    item.ContourData = [f"{v:.4f}" for v in np.ravel(places)]
    item.ContourGeometricType, item.NumberOfContourPoints = kind, len(points)
    return item


def by_hand(path: Path, series: Series, contours: Sequence[Dataset]) -> Path:
    """An RTSTRUCT of one region."""
    write_structures(path, series, [(5, "liver", drawn("#"))])
    structures = dcmread(path)
    structures.ROIContourSequence[0].ContourSequence = list(contours)
    structures.save_as(path)
    return path


class TestRoundTrip:
    @given(masks)
    def test_any_mask_comes_back_exactly(self, write_series: Scan, mask: Mask) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = write_series(Path(name) / "ct", mask.astype(np.uint16), orientation=OBLIQUE)
            series, path = the_series(folder), Path(name) / "rt.dcm"
            write_structures(path, series, [(5, "liver", mask)])
            ((number, label, found),) = read_structures(path, series)
        assert (number, label) == (5, "liver")
        np.testing.assert_array_equal(found, mask)

    @pytest.mark.parametrize("name", SHAPES)
    def test_every_piece_is_one_contour(self, tmp_path: Path, series: Series, name: str) -> None:
        from scipy import ndimage

        write_structures(tmp_path / "rt.dcm", series, [(1, name, SHAPES[name])])
        ((_, _, found),) = read_structures(tmp_path / "rt.dcm", series)
        np.testing.assert_array_equal(found, SHAPES[name])
        written = dcmread(tmp_path / "rt.dcm").ROIContourSequence[0].ContourSequence
        assert len(written) == ndimage.label(SHAPES[name][:, :, 1])[1]

    def test_regions_may_overlap_and_be_empty(self, tmp_path: Path, series: Series) -> None:
        empty = np.zeros(SQUARE, bool)
        segments = [(9, "Läsion β", SHAPES["a hole"]), (2, "b", empty), (4, "c", ~empty)]
        write_structures(tmp_path / "rt.dcm", series, segments)
        found = read_structures(tmp_path / "rt.dcm", series)
        assert [segment[:2] for segment in found] == [(9, "Läsion β"), (2, "b"), (4, "c")]
        for (_, _, mask), (_, _, expected) in zip(found, segments, strict=True):
            np.testing.assert_array_equal(mask, expected)

    def test_slices_keep_their_places_at_uneven_distances_and_with_a_tilted_gantry(
        self, tmp_path: Path, scan: Scan
    ) -> None:
        def tilt(k: int, image: Dataset) -> None:
            z = [30, 32, 34, 37, 40, 43][k]
            image.ImagePositionPatient = [-10, 20 + 0.3 * z, z]

        series = the_series(scan(np.zeros((8, 10, 6), np.uint16), change=tilt))
        mask = np.random.default_rng(0).random((8, 10, 6)) < 0.5
        write_structures(tmp_path / "rt.dcm", series, [(1, "liver", mask)])
        ((_, _, found),) = read_structures(tmp_path / "rt.dcm", series)
        np.testing.assert_array_equal(found, mask)

    def test_contours_longer_than_explicit_syntaxes_can_hold(
        self, tmp_path: Path, scan: Scan
    ) -> None:
        series = the_series(scan(np.zeros((200, 90, 1), np.uint16)))
        comb = np.zeros((200, 90, 1), bool)
        comb[:, 0], comb[::2, :80:2], comb[::2, 1:80:4], comb[1::2, 3:80:4] = True, True, True, True
        comb[::2, 1:80:2] = True
        write_structures(tmp_path / "rt.dcm", series, [(1, "comb", comb)])
        written = dcmread(tmp_path / "rt.dcm").ROIContourSequence[0].ContourSequence
        assert max(len(item.get_item("ContourData").value) for item in written) > 65534
        ((_, _, found),) = read_structures(tmp_path / "rt.dcm", series)
        np.testing.assert_array_equal(found, comb)


class TestOtherPrograms:
    @pytest.mark.parametrize("name", SHAPES)
    def test_rt_utils_reads_the_same_mask(self, tmp_path: Path, series: Series, name: str) -> None:
        builder = pytest.importorskip("rt_utils").RTStructBuilder
        write_structures(tmp_path / "rt.dcm", series, [(1, name, SHAPES[name])])
        read = builder.create_from(str(tmp_path / "ct"), str(tmp_path / "rt.dcm"))
        found = read.get_roi_mask_by_name(name).transpose(1, 0, 2)
        np.testing.assert_array_equal(found, SHAPES[name])

    @pytest.mark.parametrize("name", SHAPES)
    def test_what_rt_utils_writes_is_read_as_the_same_mask(
        self, tmp_path: Path, series: Series, name: str
    ) -> None:
        writer = pytest.importorskip("rt_utils").RTStructBuilder.create_new(str(tmp_path / "ct"))
        writer.add_roi(SHAPES[name].transpose(1, 0, 2), name=name)
        writer.save(str(tmp_path / "rt.dcm"))
        ((_, _, found),) = read_structures(tmp_path / "rt.dcm", series)
        np.testing.assert_array_equal(found, SHAPES[name])


class TestReading:
    def test_a_pixel_is_inside_where_its_centre_is(self, tmp_path: Path, series: Series) -> None:
        triangle = contour([(1.6, 1.6), (5.4, 1.6), (1.6, 5.4)], 32.5)
        ((_, _, mask),) = read_structures(by_hand(tmp_path / "rt.dcm", series, [triangle]), series)
        expected = drawn("", "", "  ####", "  ###", "  ##", "  #")
        np.testing.assert_array_equal(mask, expected)

    @pytest.mark.parametrize("kind", ["CLOSED_PLANAR", "CLOSEDPLANAR_XOR"])
    def test_a_contour_in_another_is_a_hole(
        self, tmp_path: Path, series: Series, kind: str
    ) -> None:
        outer = contour([(0.6, 0.6), (6.4, 0.6), (6.4, 5.4), (0.6, 5.4)], 32.5, kind)
        inner = contour([(2.6, 2.6), (2.6, 3.4), (4.4, 3.4), (4.4, 2.6)], 32.5, kind)
        path = by_hand(tmp_path / "rt.dcm", series, [outer, inner])
        ((_, _, mask),) = read_structures(path, series)
        expected = drawn("", " ######", " ######", " ##  ##", " ######", " ######")
        np.testing.assert_array_equal(mask, expected)

    def test_a_keyhole_leads_to_a_hole(self, tmp_path: Path, series: Series) -> None:
        outer = [(0.6, 0.6), (6.4, 0.6), (6.4, 5.4), (0.6, 5.4), (0.6, 2.9)]
        inner = [(2.6, 2.9), (2.6, 3.4), (4.4, 3.4), (4.4, 2.6), (2.6, 2.6), (2.6, 2.9)]
        keyhole = contour([*outer, *inner, outer[-1]], 32.5)
        ((_, _, mask),) = read_structures(by_hand(tmp_path / "rt.dcm", series, [keyhole]), series)
        expected = drawn("", " ######", " ######", " ##  ##", " ######", " ######")
        np.testing.assert_array_equal(mask, expected)

    def test_what_lies_beyond_the_image_is_cut_off(self, tmp_path: Path, series: Series) -> None:
        huge = contour([(-50, -3), (50, -3), (50, 3.5), (-50, 3.5)], 32.5)
        ((_, _, mask),) = read_structures(by_hand(tmp_path / "rt.dcm", series, [huge]), series)
        np.testing.assert_array_equal(mask, drawn(*["############"] * 4))

    def test_points_and_open_lines_are_no_regions(self, tmp_path: Path, series: Series) -> None:
        point = contour([(3, 3)], 32.5, "POINT")
        line = contour([(3, 3), (4, 9)], 36.0, "OPEN_PLANAR")
        assert read_structures(by_hand(tmp_path / "rt.dcm", series, [point, line]), series) == []

    def test_planes_a_little_beside_a_slice_belong_to_it(
        self, tmp_path: Path, series: Series
    ) -> None:
        square = contour([(0.6, 0.6), (2.4, 0.6), (2.4, 2.4), (0.6, 2.4)], 32.7)
        ((_, _, mask),) = read_structures(by_hand(tmp_path / "rt.dcm", series, [square]), series)
        np.testing.assert_array_equal(mask, drawn("", " ##", " ##"))

    @pytest.mark.parametrize("z", [28.0, 33.7, 300.0])
    def test_contours_on_no_slice(self, tmp_path: Path, series: Series, z: float) -> None:
        path = by_hand(tmp_path / "rt.dcm", series, [contour([(1, 1), (4, 1), (4, 4)], z)])
        with pytest.raises(DataError, match=f"a contour from {z:g} to {z:g} mm lies on no slice"):
            read_structures(path, series)

    def test_contours_across_the_slices(self, tmp_path: Path, series: Series) -> None:
        across = contour([(1, 1), (4, 1), (4, 4)], 32.5)
        across.ContourData[2] = "30.5"
        with pytest.raises(DataError, match=r"from 30\.5 to 32\.5 mm"):
            read_structures(by_hand(tmp_path / "rt.dcm", series, [across]), series)

    def test_structures_of_another_series(self, tmp_path: Path, scan: Scan, series: Series) -> None:
        other = the_series(scan(np.zeros(SQUARE, np.uint16), folder=tmp_path / "other"))
        write_structures(tmp_path / "rt.dcm", other, [(1, "liver", SHAPES["a hole"])])
        with pytest.raises(DataError, match="made for another series"):
            read_structures(tmp_path / "rt.dcm", series)

    def test_other_and_damaged_files(self, tmp_path: Path, series: Series) -> None:
        with pytest.raises(DataError, match="is no RTSTRUCT"):
            read_structures(series.files[0], series)
        with pytest.raises(DataError, match="no such file"):
            read_structures(tmp_path / "none.dcm", series)
        odd = contour([(1, 1), (4, 1), (4, 4)], 32.5)
        odd.ContourData = odd.ContourData[:-1]
        with pytest.raises(DataError, match="damaged"):
            read_structures(by_hand(tmp_path / "rt.dcm", series, [odd]), series)


class TestWriting:
    def test_contours_run_half_way_between_pixels(self, tmp_path: Path, series: Series) -> None:
        write_structures(tmp_path / "rt.dcm", series, [(1, "box", drawn("", " ####", " ####"))])
        (written,) = dcmread(tmp_path / "rt.dcm").ROIContourSequence[0].ContourSequence
        places = np.array(written.ContourData, dtype=float).reshape(-1, 3)
        x, y = (places[:, 0] + 10) / 0.7, (places[:, 1] - 20) / 0.7
        np.testing.assert_allclose(
            [x.min(), x.max(), y.min(), y.max()], [0.5, 4.5, 0.5, 2.5], atol=0.011
        )
        assert len(places) == written.NumberOfContourPoints == 8  # none amid straight runs
        assert set(places[:, 2]) == {32.5}
        image = written.ContourImageSequence[0]
        assert image.ReferencedSOPInstanceUID == series.slices[1].sop_instance

    def test_planning_systems_find_what_they_need(self, tmp_path: Path, series: Series) -> None:
        write_structures(tmp_path / "rt.dcm", series, [(7, "liver", SHAPES["a hole"])])
        written, source = dcmread(tmp_path / "rt.dcm"), dcmread(series.files[0])
        assert written.file_meta.MediaStorageSOPClassUID.name == "RT Structure Set Storage"
        (frame,) = written.ReferencedFrameOfReferenceSequence
        (study,) = frame.RTReferencedStudySequence
        (referenced,) = study.RTReferencedSeriesSequence
        images = [image.ReferencedSOPInstanceUID for image in referenced.ContourImageSequence]
        (region,) = written.StructureSetROISequence
        assert frame.FrameOfReferenceUID == source.FrameOfReferenceUID
        assert region.ReferencedFrameOfReferenceUID == source.FrameOfReferenceUID
        assert study.ReferencedSOPInstanceUID == written.StudyInstanceUID == source.StudyInstanceUID
        assert referenced.SeriesInstanceUID == series.uid != written.SeriesInstanceUID
        assert images == [one.sop_instance for one in series.slices]
        assert region.ROINumber == written.ROIContourSequence[0].ReferencedROINumber == 7
        assert written.RTROIObservationsSequence[0].ReferencedROINumber == 7
        assert len(written.ROIContourSequence[0].ROIDisplayColor) == 3
        assert (written.PatientName, written.PatientID) == (source.PatientName, source.PatientID)

    def test_frames_of_an_enhanced_series_are_named(
        self, tmp_path: Path, write_enhanced: Any
    ) -> None:
        stored = np.zeros(SQUARE, np.uint16)
        series = the_series(write_enhanced(tmp_path / "mf", stored, [3, 0, 1, 2], [(1, 0)] * 4))
        write_structures(tmp_path / "rt.dcm", series, [(1, "box", SHAPES["a hole"])])
        (written,) = dcmread(tmp_path / "rt.dcm").ROIContourSequence[0].ContourSequence
        assert written.ContourImageSequence[0].ReferencedFrameNumber == 3
        ((_, _, found),) = read_structures(tmp_path / "rt.dcm", series)
        np.testing.assert_array_equal(found, SHAPES["a hole"])

    def test_no_segment_two_of_a_number_or_one_of_another_size_is_refused(
        self, tmp_path: Path, series: Series
    ) -> None:
        box = SHAPES["a hole"]
        with pytest.raises(ValueError, match="no segment"):
            write_structures(tmp_path / "rt.dcm", series, [])
        with pytest.raises(ValueError, match="same number"):
            write_structures(tmp_path / "rt.dcm", series, [(1, "a", box), (1, "b", box)])
        with pytest.raises(ValueError, match="has the shape"):
            write_structures(tmp_path / "rt.dcm", series, [(1, "a", box[1:])])
        assert not (tmp_path / "rt.dcm").exists()


def test_real_structures_are_those_of_the_label_map(real_case: Path) -> None:
    series = the_series(real_case / "dicom")
    # Its second axis runs against the rows of the images.
    labels = np.asarray(nibabel.load(real_case / "label.nii.gz").dataobj)[:, ::-1]
    values = {
        name: int(v) for v, name in json.loads((real_case / "labels.json").read_text()).items()
    }
    found = read_structures(real_case / "rtstruct.dcm", series)
    assert [name for _, name, _ in found] == ["spleen", "liver", "stomach", "aorta", "spinal_cord"]
    for _, name, mask in found:
        np.testing.assert_array_equal(mask, labels == values[name])
