from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian, SegmentationStorage
from samdomains_ctmri.dicom_seg import read_segmentation, write_segmentation
from samdomains_ctmri.dicom_series import Series, choose_series, find_series

from samdomains.plugin import DataError

Scan = Callable[..., Path]
Stored = NDArray[np.uint16]
Mask = NDArray[np.bool_]

LABEL_MAP_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"
ODDITIES = {b"19640229": b"29.2.64?", b"Geheim^J": b"A=B=C=D^", b"CS\x02\0M ": b"CS\x02\0X?"}
"""Birth date, name and sex of a patient as they should not be."""
OBLIQUE = (0.6, 0.0, -0.8, 0.0, 1.0, 0.0)


def the_series(folder: Path) -> Series:
    return choose_series(find_series(folder), None, folder)


def blobs(count: int, shape: tuple[int, int, int] = (8, 10, 6)) -> list[Mask]:
    random = np.random.default_rng(1)
    return [random.random(shape) < 0.4 for _ in range(count)]


def by_hand(
    series: Series, planes: Sequence[tuple[int, int, NDArray[np.uint8]]], **values: Any
) -> Dataset:
    """A DICOM-SEG of (segment, slice, (rows, columns)), without what a reader can do without."""
    seg = Dataset()
    seg.file_meta = type(dcmread(series.files[0]).file_meta)()
    seg.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    seg.SOPClassUID, seg.SOPInstanceUID, seg.Modality = SegmentationStorage, "1.2.3.4", "SEG"
    seg.FrameOfReferenceUID, seg.SegmentationType = series.frame_of_reference, "FRACTIONAL"
    seg.SamplesPerPixel, seg.PhotometricInterpretation = 1, "MONOCHROME2"
    seg.Rows, seg.Columns = planes[0][2].shape
    seg.BitsAllocated = seg.BitsStored = 8
    seg.HighBit, seg.PixelRepresentation = 7, 0
    seg.NumberOfFrames, seg.MaximumFractionalValue = len(planes), 100
    seg.SegmentSequence, seg.PerFrameFunctionalGroupsSequence = [], []
    for number in sorted({number for number, _, _ in planes}):
        segment = Dataset()
        segment.SegmentNumber, segment.SegmentLabel = number, f"structure {number}"
        seg.SegmentSequence.append(segment)
    for number, k, _ in planes:
        frame, segment, place = Dataset(), Dataset(), Dataset()
        segment.ReferencedSegmentNumber = number
        place.ImagePositionPatient = list(series.slices[k].position)
        frame.SegmentIdentificationSequence, frame.PlanePositionSequence = [segment], [place]
        seg.PerFrameFunctionalGroupsSequence.append(frame)
    seg.PixelData = b"".join(plane.tobytes() for _, _, plane in planes)
    for word, value in values.items():
        setattr(seg, word, value)
    return seg


def save(seg: Dataset, path: Path) -> Path:
    seg.save_as(path, enforce_file_format=True)
    return path


class TestRoundTrip:
    @pytest.mark.parametrize("orientation", [(1, 0, 0, 0, 1, 0), (0, -1, 0, 0, 0, -1), OBLIQUE])
    def test_masks_come_back_though_they_overlap_and_some_are_empty(
        self, tmp_path: Path, scan: Scan, stored: Stored, orientation: tuple[float, ...]
    ) -> None:
        series = the_series(scan(stored, folder=tmp_path / "ct", orientation=orientation))
        masks = [*blobs(2), np.zeros((8, 10, 6), dtype=bool)]
        names = ["liver", "Läsion β", "nothing"]
        written = [(4 + n, names[n], masks[n]) for n in range(3)]
        write_segmentation(tmp_path / "seg.dcm", series, written)
        found = read_segmentation(tmp_path / "seg.dcm", series)
        assert [(number, name) for number, name, _ in found] == list(enumerate(names, start=1))
        np.testing.assert_array_equal([mask for _, _, mask in found], masks)

    def test_frames_that_do_not_fill_whole_bytes(self, tmp_path: Path, scan: Scan) -> None:
        series = the_series(scan(np.zeros((7, 9, 5), np.uint16), folder=tmp_path / "ct"))
        masks = blobs(2, (7, 9, 5))
        write_segmentation(tmp_path / "seg.dcm", series, [(1, "a", masks[0]), (2, "b", masks[1])])
        found = read_segmentation(tmp_path / "seg.dcm", series)
        np.testing.assert_array_equal([mask for _, _, mask in found], masks)

    def test_an_enhanced_series_with_its_frames_in_any_order(
        self, tmp_path: Path, write_enhanced: Any, stored: Stored
    ) -> None:
        folder = write_enhanced(tmp_path / "ct", stored, [3, 0, 5, 1, 4, 2], [(1, 0)] * 6)
        series, (mask,) = the_series(folder), blobs(1)
        write_segmentation(tmp_path / "seg.dcm", series, [(1, "liver", mask)])
        ((_, _, found),) = read_segmentation(tmp_path / "seg.dcm", series)
        np.testing.assert_array_equal(found, mask)

    def test_slices_at_uneven_distances(self, tmp_path: Path, scan: Scan, stored: Stored) -> None:
        offsets = [0, 2, 4, 7, 10, 13]
        series, (mask,) = (
            the_series(scan(stored, folder=tmp_path / "ct", offsets=offsets)),
            blobs(1),
        )
        write_segmentation(tmp_path / "seg.dcm", series, [(1, "liver", mask)])
        ((_, _, found),) = read_segmentation(tmp_path / "seg.dcm", series)
        np.testing.assert_array_equal(found, mask)


class TestWriting:
    def test_each_frame_refers_to_the_image_that_it_was_drawn_on(
        self, tmp_path: Path, scan: Scan, stored: Stored
    ) -> None:
        import highdicom

        series, (mask,) = the_series(scan(stored, folder=tmp_path / "ct")), blobs(1)
        write_segmentation(tmp_path / "seg.dcm", series, [(1, "liver", mask)])
        seg = highdicom.seg.segread(tmp_path / "seg.dcm")
        uids = [one.sop_instance for one in series.slices]
        planes = seg.get_pixels_by_source_instance(uids, combine_segments=True)
        np.testing.assert_array_equal(planes.astype(bool).T, mask)
        assert seg.get_segment_description(1).algorithm_type.value == "SEMIAUTOMATIC"
        assert seg.get_segment_description(1).SegmentAlgorithmName == "samdomains"

    def test_patient_and_study_are_repeated_silently_however_odd_they_are(
        self,
        tmp_path: Path,
        scan: Scan,
        stored: Stored,
        recwarn: pytest.WarningsRecorder,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        series = the_series(scan(stored, folder=tmp_path / "ct"))
        for path in series.files:
            content = path.read_bytes()
            for usual, odd in ODDITIES.items():
                assert usual in content
                content = content.replace(usual, odd)
            path.write_bytes(content)
        caplog.set_level("DEBUG")
        write_segmentation(tmp_path / "seg.dcm", series, [(1, "liver", blobs(1)[0])])
        assert not recwarn.list
        assert not [record for record in caplog.records if record.levelname != "DEBUG"]
        seg, source = dcmread(tmp_path / "seg.dcm"), dcmread(series.files[0])
        for tag in (0x00100020, 0x00100030, 0x00100040, 0x0020000D, 0x00200052):
            assert seg.get_item(tag).value == source.get_item(tag).value

    def test_names_of_patients_keep_their_letters(
        self, tmp_path: Path, scan: Scan, stored: Stored
    ) -> None:
        series = the_series(scan(stored, folder=tmp_path / "ct"))
        write_segmentation(tmp_path / "seg.dcm", series, [(1, "печень", blobs(1)[0])])
        seg = dcmread(tmp_path / "seg.dcm")
        assert seg.PatientName == "Geheim^Jürgen"
        assert seg.SegmentSequence[0].SegmentLabel == "печень"

    def test_masks_that_are_all_empty_are_written(
        self, tmp_path: Path, scan: Scan, stored: Stored
    ) -> None:
        series = the_series(scan(stored, folder=tmp_path / "ct"))
        write_segmentation(tmp_path / "seg.dcm", series, [(1, "liver", blobs(1)[0] & False)])
        ((_, name, mask),) = read_segmentation(tmp_path / "seg.dcm", series)
        assert name == "liver"
        assert not mask.any()

    def test_no_segment_or_one_of_another_size_is_refused(
        self, tmp_path: Path, scan: Scan, stored: Stored
    ) -> None:
        series = the_series(scan(stored, folder=tmp_path / "ct"))
        with pytest.raises(ValueError, match="no segment"):
            write_segmentation(tmp_path / "seg.dcm", series, [])
        with pytest.raises(
            ValueError, match=r"'liver' has the shape \(10, 8, 6\), not \(8, 10, 6\)"
        ):
            write_segmentation(
                tmp_path / "seg.dcm", series, [(1, "liver", np.ones((10, 8, 6), bool))]
            )
        assert not (tmp_path / "seg.dcm").exists()

    @pytest.mark.parametrize(
        ("word", "problem"),
        [
            ("FrameOfReferenceUID", "names no frame of reference"),
            ("StudyInstanceUID", "cannot refer to this image"),
        ],
    )
    def test_a_series_that_cannot_be_referred_to(
        self, tmp_path: Path, scan: Scan, stored: Stored, word: str, problem: str
    ) -> None:
        folder = scan(stored, folder=tmp_path / "ct", change=lambda _, image: delattr(image, word))
        with pytest.raises(DataError, match=problem):
            write_segmentation(tmp_path / "seg.dcm", the_series(folder), [(1, "a", blobs(1)[0])])


class TestReading:
    def test_fractions_of_a_half_belong_to_the_segment(
        self, tmp_path: Path, scan: Scan, stored: Stored
    ) -> None:
        series = the_series(scan(stored, folder=tmp_path / "ct"))
        plane = np.zeros((10, 8), np.uint8)
        plane[2, 5], plane[3, 5] = 50, 49
        seg = save(by_hand(series, [(3, 4, plane)]), tmp_path / "seg.dcm")
        ((number, name, mask),) = read_segmentation(seg, series)
        assert (number, name) == (3, "structure 3")
        assert np.argwhere(mask).tolist() == [[5, 2, 4]]

    def test_a_label_map_has_a_segment_for_each_value(
        self, tmp_path: Path, scan: Scan, stored: Stored
    ) -> None:
        series = the_series(scan(stored, folder=tmp_path / "ct"))
        plane = np.zeros((10, 8), np.uint8)
        plane[2, 5], plane[3, 5] = 7, 9
        planes = [(number, 4, plane) for number in (0, 7, 9)]
        kind = {"SOPClassUID": LABEL_MAP_STORAGE, "SegmentationType": "LABELMAP"}
        seg = save(by_hand(series, planes, **kind), tmp_path / "seg.dcm")
        found = read_segmentation(seg, series)
        assert [(number, np.argwhere(mask).tolist()) for number, _, mask in found] == [
            (7, [[5, 2, 4]]),
            (9, [[5, 3, 4]]),
        ]

    @pytest.mark.parametrize("orientation", [(1, 0, 0, 0, 1, 0), OBLIQUE])
    def test_reversed_rows_exchanged_axes_and_parts_of_a_slice_find_their_place(
        self, tmp_path: Path, scan: Scan, stored: Stored, orientation: tuple[float, ...]
    ) -> None:
        series = the_series(scan(stored, folder=tmp_path / "ct", orientation=orientation))
        across, down = np.reshape(orientation, (2, 3))
        part = np.uint8(100) * (np.arange(12).reshape(4, 3) % 5 == 0)
        seg = by_hand(series, [(1, 2, part)])
        frame = seg.PerFrameFunctionalGroupsSequence[0]
        # Rows of the frame run up the columns of the slice, its columns along the slice's rows.
        first = np.array(series.slices[2].position) + 0.7 * (6 * across + 8 * down)
        frame.PlanePositionSequence[0].ImagePositionPatient = [f"{v:.8f}" for v in first]
        frame.PlaneOrientationSequence = [Dataset()]
        frame.PlaneOrientationSequence[0].ImageOrientationPatient = [*-down, *-across]
        ((_, _, mask),) = read_segmentation(save(seg, tmp_path / "seg.dcm"), series)
        expected = np.zeros((8, 10), bool)
        expected[3:7, 6:9] = part[::-1, ::-1] > 0
        np.testing.assert_array_equal(mask[:, :, 2], expected)
        assert mask.sum() == expected.sum() == 3

    def test_frames_without_a_position_lie_on_the_image_that_they_name(
        self, tmp_path: Path, scan: Scan, stored: Stored
    ) -> None:
        series = the_series(scan(stored, folder=tmp_path / "ct"))
        seg = by_hand(series, [(1, 0, np.ones((10, 8), np.uint8) * 100)], FrameOfReferenceUID="")
        frame, derivation, source = seg.PerFrameFunctionalGroupsSequence[0], Dataset(), Dataset()
        del frame.PlanePositionSequence
        source.ReferencedSOPInstanceUID = series.slices[3].sop_instance
        derivation.SourceImageSequence, frame.DerivationImageSequence = [source], [derivation]
        ((_, _, mask),) = read_segmentation(save(seg, tmp_path / "seg.dcm"), series)
        assert mask[:, :, 3].all()
        assert mask.sum() == 80

    @pytest.mark.parametrize(
        ("position", "values", "problem"),
        [
            ([-10, 20, 31.2], {}, "a frame at 31.2 mm lies on no slice"),
            ([-10, 20, 300], {}, "a frame at 300 mm lies on no slice"),
            ([-10.3, 20, 30], {}, "another grid"),
            ([-10.7, 20, 30], {}, "reaches beyond the images"),
            ([-10, 20, 30], {"PixelSpacing": [1.4, 1.4]}, "another grid"),
            ([-10, 20, 30], {"PixelSpacing": [0.7, 0.75]}, "another grid"),
            ([-10, 20, 30], {"ImageOrientationPatient": [1, 0, 0, 0, 0, 1]}, "another grid"),
            ([-10, 20, 30], {"FrameOfReferenceUID": "9.8.7"}, "made for another series"),
        ],
    )
    def test_frames_that_do_not_fit_the_series(
        self,
        tmp_path: Path,
        scan: Scan,
        stored: Stored,
        position: list[float],
        values: dict[str, Any],
        problem: str,
    ) -> None:
        series = the_series(scan(stored, folder=tmp_path / "ct"))
        seg = by_hand(series, [(1, 0, np.full((10, 8), 100, np.uint8))], **values)
        place = seg.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0]
        place.ImagePositionPatient = position
        with pytest.raises(DataError, match=problem):
            read_segmentation(save(seg, tmp_path / "seg.dcm"), series)

    def test_other_and_damaged_files(self, tmp_path: Path, scan: Scan, stored: Stored) -> None:
        series = the_series(scan(stored, folder=tmp_path / "ct"))
        with pytest.raises(DataError, match="is no DICOM-SEG"):
            read_segmentation(series.files[0], series)
        with pytest.raises(DataError, match="no such file"):
            read_segmentation(tmp_path / "none.dcm", series)
        seg = tmp_path / "seg.dcm"
        write_segmentation(seg, series, [(1, "liver", blobs(1)[0])])
        whole = seg.read_bytes()
        for kept in (*range(0, len(whole), 97), len(whole) - 1):
            seg.write_bytes(whole[:kept])
            with pytest.raises(DataError):
                read_segmentation(seg, series)


def test_real_segments_are_those_of_the_label_map(real_case: Path) -> None:
    series = the_series(real_case / "dicom")
    # Its second axis runs against the rows of the images.
    labels = np.asarray(nibabel.load(real_case / "label.nii.gz").dataobj)[:, ::-1]
    values = {
        name: int(v) for v, name in json.loads((real_case / "labels.json").read_text()).items()
    }
    found = read_segmentation(real_case / "seg.dcm", series)
    assert [name for _, name, _ in found] == ["spleen", "liver", "stomach", "aorta", "spinal_cord"]
    for _, name, mask in found:
        np.testing.assert_array_equal(mask, labels == values[name])
