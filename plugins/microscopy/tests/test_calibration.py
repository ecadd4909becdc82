from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from samdomains_microscopy.calibration import (
    ImagejCalibration,
    OmeCalibration,
    PlainCalibration,
    read_calibration,
    save_ome,
)
from samdomains_microscopy.stacks import find_stack

STACK = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
SIZES = {
    "PhysicalSizeX": "0.65",
    "PhysicalSizeXUnit": "µm",
    "PhysicalSizeY": "0.65",
    "PhysicalSizeYUnit": "µm",
    "PhysicalSizeZ": "2000.0",
    "PhysicalSizeZUnit": "nm",
}


class TestOme:
    def test_sizes_units_and_channel_names_are_kept_as_they_stand(self, tmp_path: Path) -> None:
        pixels = np.zeros((2, 2, 3, 4), dtype=np.uint16)
        save_ome(
            tmp_path / "a.ome.tif",
            pixels,
            axes="ZCYX",
            channels=["DAPI", "Ki-67 & <CD3>"],
            details=SIZES,
        )
        found = read_calibration(tmp_path / "a.ome.tif")
        expected = OmeCalibration(tuple(SIZES.items()), ("DAPI", "Ki-67 & <CD3>"))
        assert found == expected
        found.save(tmp_path / "labels.tif", STACK, "nucleus")
        again = read_calibration(tmp_path / "labels.tif")
        assert again == OmeCalibration(expected.sizes, ("nucleus",))
        with tifffile.TiffFile(tmp_path / "labels.tif") as tiff:
            assert (tiff.series[0].kind, tiff.series[0].axes) == ("ome", "ZYX")
            assert tiff.ome_metadata is not None
            assert "channels: DAPI, Ki-67 &amp; &lt;CD3&gt;." in tiff.ome_metadata
            np.testing.assert_array_equal(tiff.asarray(), STACK)

    def test_the_same_content_gives_the_same_bytes(self, tmp_path: Path) -> None:
        for folder in ("one", "two"):
            OmeCalibration().save(tmp_path / folder / "a.tif", STACK, "cell")
        OmeCalibration().save(tmp_path / "three" / "a.tif", STACK + 1, "cell")
        one, two, three = (
            (tmp_path / folder / "a.tif").read_bytes() for folder in ("one", "two", "three")
        )
        assert one == two
        assert one != three

    @given(
        sizes=st.dictionaries(
            st.sampled_from(["PhysicalSizeX", "PhysicalSizeY", "PhysicalSizeZ"]),
            st.floats(1e-6, 1e6).map(repr),
        ),
        depth=st.sampled_from([None, 2, 3]),
        dtype=st.sampled_from(["uint16", "uint32"]),
    )
    def test_any_sizes_come_back_with_the_labels(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        sizes: dict[str, str],
        depth: int | None,
        dtype: str,
    ) -> None:
        path = tmp_path_factory.mktemp("ome") / "a.tif"
        shape = (5, 6) if depth is None else (depth, 5, 6)
        labels = np.arange(np.prod(shape), dtype=dtype).reshape(shape)
        calibration = OmeCalibration(tuple(sorted(sizes.items())))
        calibration.save(path, labels, "cell")
        assert read_calibration(path) == OmeCalibration(calibration.sizes, ("cell",))
        stack = find_stack(path)
        read = tifffile.imread(path) if stack is None else stack.values()
        assert read.dtype == dtype
        np.testing.assert_array_equal(read, labels)

    def test_the_voxel_size_is_in_millimetres_along_z_y_and_x(self) -> None:
        sizes = {**SIZES, "PhysicalSizeY": "0.5"}
        assert OmeCalibration(tuple(sizes.items())).voxel_size() == pytest.approx(
            (2e-3, 5e-4, 6.5e-4)
        )

    def test_lengths_without_a_unit_are_in_micrometres(self) -> None:
        sizes = {f"PhysicalSize{axis}": "3" for axis in "XYZ"}
        assert OmeCalibration(tuple(sizes.items())).voxel_size() == pytest.approx(
            (3e-3, 3e-3, 3e-3)
        )

    @pytest.mark.parametrize("axis", "XYZ")
    @pytest.mark.parametrize(
        "change",
        [{"": None}, {"": "0"}, {"": "-1"}, {"": "nan"}, {"": "wide"}, {"Unit": "pixel"}],
    )
    def test_the_voxel_size_is_unknown_where_one_length_is(
        self, axis: str, change: dict[str, str | None]
    ) -> None:
        changed = {f"PhysicalSize{axis}{part}": text for part, text in change.items()}
        sizes = tuple((key, text) for key, text in {**SIZES, **changed}.items() if text is not None)
        assert OmeCalibration(sizes).voxel_size() is None


class TestImagej:
    def write(self, path: Path, **options: Any) -> None:
        tifffile.imwrite(path, STACK, imagej=True, photometric="minisblack", **options)

    @pytest.mark.parametrize("unit", ["micron", "\\u00B5m", "nm"])
    def test_resolution_unit_and_spacing_are_kept(self, tmp_path: Path, unit: str) -> None:
        self.write(
            tmp_path / "a.tif",
            resolution=(4.0, 2.0),
            metadata={"axes": "ZYX", "spacing": 1.5, "unit": unit},
        )
        found = read_calibration(tmp_path / "a.tif")
        assert found == ImagejCalibration((4.0, 2.0), unit, 1.5)
        found.save(tmp_path / "labels.tif", STACK, "cell")
        assert read_calibration(tmp_path / "labels.tif") == found
        stack = find_stack(tmp_path / "labels.tif")
        assert stack is not None
        assert stack.axes == "ZYX"
        np.testing.assert_array_equal(stack.values(), STACK)

    def test_a_file_that_says_nothing_gets_nothing(self, tmp_path: Path) -> None:
        self.write(tmp_path / "a.tif", metadata={"axes": "ZYX"})
        found = read_calibration(tmp_path / "a.tif")
        assert found == ImagejCalibration(None, None, None)
        found.save(tmp_path / "labels.tif", STACK, "cell")
        assert read_calibration(tmp_path / "labels.tif") == found

    def test_labels_that_it_cannot_hold_become_ome_with_the_same_sizes(
        self, tmp_path: Path
    ) -> None:
        found = ImagejCalibration((4.0, 2.0), "\\u00B5m", 1.5)
        found.save(tmp_path / "labels.tif", STACK.astype(np.uint32), "cell")
        again = read_calibration(tmp_path / "labels.tif")
        assert isinstance(again, OmeCalibration)
        assert dict(again.sizes) == {
            "PhysicalSizeX": "0.25",
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": "0.5",
            "PhysicalSizeYUnit": "µm",
            "PhysicalSizeZ": "1.5",
            "PhysicalSizeZUnit": "µm",
        }
        assert ImagejCalibration((4.0, 2.0), "furlong", 1.5).as_ome() == OmeCalibration()

    def test_the_voxel_size_is_in_millimetres_along_z_y_and_x(self) -> None:
        found = ImagejCalibration((4.0, 2.0), "micron", 1.5)
        assert found.voxel_size() == pytest.approx((1.5e-3, 5e-4, 2.5e-4))

    @pytest.mark.parametrize(
        "found",
        [
            ImagejCalibration((4.0, 2.0), "furlong", 1.5),
            ImagejCalibration((4.0, 2.0), "micron", None),
            ImagejCalibration(None, "micron", 1.5),
        ],
    )
    def test_the_voxel_size_is_unknown_where_a_part_of_it_is(
        self, found: ImagejCalibration
    ) -> None:
        assert found.voxel_size() is None


class TestPlain:
    def test_the_resolution_of_a_tiff_is_kept(self, tmp_path: Path) -> None:
        tifffile.imwrite(
            tmp_path / "a.tif",
            np.zeros((5, 6, 3), np.uint8),
            photometric="rgb",
            resolution=(40000, 20000),
            resolutionunit="CENTIMETER",
        )
        found = read_calibration(tmp_path / "a.tif")
        assert found == PlainCalibration((40000.0, 20000.0), 3)
        assert found.voxel_size() is None
        found.save(tmp_path / "labels.tif", STACK[0], "cell")
        assert read_calibration(tmp_path / "labels.tif") == found
        np.testing.assert_array_equal(tifffile.imread(tmp_path / "labels.tif"), STACK[0])

    def test_other_formats_and_files_that_are_not_there_say_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(b"any")
        assert read_calibration(tmp_path / "a.png") == PlainCalibration()
        assert read_calibration(tmp_path / "nowhere.tif") == PlainCalibration()

    def test_slices_keep_their_name(self, tmp_path: Path) -> None:
        PlainCalibration().save(tmp_path / "a.tif", STACK, "cell")
        stack = find_stack(tmp_path / "a.tif")
        assert stack is not None
        assert stack.describe() == "Z=2 Y=3 X=4"
