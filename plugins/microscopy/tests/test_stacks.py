from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from samdomains_microscopy import _tiff_checks
from samdomains_microscopy.stacks import TiffStack, find_labels, find_stack

from samdomains.plugin import DataError

LENGTHS = {"T": 3, "Z": 4, "C": 2, "Y": 5, "X": 6}


def write(path: Path, axes: str, kind: str = "shaped", **options: Any) -> NDArray[np.uint16]:
    """A TIFF of the given axes, in which every value is another."""
    shape = [LENGTHS[axis] for axis in axes]
    pixels = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    flags: dict[str, Any] = {} if kind == "shaped" else {kind: True}
    tifffile.imwrite(
        path, pixels, photometric="minisblack", metadata={"axes": axes}, **flags, **options
    )
    return pixels


def as_tczyx(pixels: NDArray[Any], axes: str) -> NDArray[Any]:
    """The same pixels in the order T, C, Z, Y, X."""
    missing = [axis for axis in "TCZ" if axis not in axes]
    full = pixels[(None,) * len(missing)]
    return full.transpose([("".join(missing) + axes).index(axis) for axis in "TCZYX"])


class TestAxes:
    @pytest.mark.parametrize("kind", ["ome", "imagej", "shaped"])
    @pytest.mark.parametrize("axes", ["ZYX", "TYX", "ZCYX", "TCYX", "TZYX", "TZCYX"])
    def test_they_are_those_of_the_header(self, tmp_path: Path, kind: str, axes: str) -> None:
        pixels = write(tmp_path / "a.tif", axes, kind)
        stack = find_stack(tmp_path / "a.tif")
        assert stack is not None
        assert (stack.axes, stack.shape) == (axes, pixels.shape)
        for time, expected in enumerate(as_tczyx(pixels, axes)):
            np.testing.assert_array_equal(stack.intensities(time), expected)

    @given(
        order=st.permutations("TZC"),
        kept=st.sets(st.sampled_from("TZC"), min_size=1),
        compression=st.sampled_from([None, "zlib"]),
        byteorder=st.sampled_from("<>"),
    )
    def test_any_order_gives_the_same_volume(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        order: list[str],
        kept: set[str],
        compression: str | None,
        byteorder: str,
    ) -> None:
        axes = "".join(axis for axis in order if axis in kept) + "YX"
        path = tmp_path_factory.mktemp("order") / "a.tif"
        pixels = write(path, axes, compression=compression, byteorder=byteorder)
        stack = find_stack(path)
        if stack is None:
            assert kept == {"C"}  # channels alone make no stack
            return
        for time, expected in enumerate(as_tczyx(pixels, axes)):
            read = stack.intensities(time)
            assert read.dtype == np.dtype("uint16")
            np.testing.assert_array_equal(read, expected)

    def test_pages_without_metadata_are_slices(self, tmp_path: Path) -> None:
        pixels = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
        tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", metadata=None)
        stack = find_stack(tmp_path / "a.tif")
        assert stack is not None
        assert stack.describe() == "Z=3 Y=4 X=5"
        np.testing.assert_array_equal(stack.intensities(), pixels[None])

    def test_samples_count_as_channels_and_alpha_as_none(self, tmp_path: Path) -> None:
        pixels = np.arange(3 * 4 * 5 * 4, dtype=np.uint8).reshape(3, 4, 5, 4)
        tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=["unassalpha"])
        stack = find_stack(tmp_path / "a.tif")
        assert stack is not None
        expected = pixels[..., :3].transpose(3, 0, 1, 2)
        np.testing.assert_array_equal(stack.intensities(), expected)

    def test_two_axes_without_a_name_are_refused_with_a_remedy(self, tmp_path: Path) -> None:
        pixels = np.zeros((3, 4, 5, 6), dtype=np.uint8)
        tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack")
        with pytest.raises(DataError, match=r"what its axes are \(\?=3 \?=4 Y=5 X=6\).*OME-TIFF"):
            find_stack(tmp_path / "a.tif")

    def test_an_axis_of_another_kind_is_refused(self, tmp_path: Path) -> None:
        pixels = np.zeros((3, 4, 5), dtype=np.uint8)
        tifffile.imwrite(
            tmp_path / "a.tif", pixels, photometric="minisblack", metadata={"axes": "RYX"}
        )
        with pytest.raises(DataError, match=r"\(R=3 Y=4 X=5\) are not all among"):
            find_stack(tmp_path / "a.tif")

    def test_several_pictures_are_refused(self, tmp_path: Path) -> None:
        with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as tiff:
            for side in (8, 16):
                tiff.write(np.zeros((2, side, side), dtype=np.uint8), metadata={"axes": "ZYX"})
        with pytest.raises(DataError, match="it holds 2 pictures"):
            find_stack(tmp_path / "a.ome.tif")


class TestSinglePictures:
    @pytest.mark.parametrize(
        "options",
        [{"metadata": None}, {"imagej": True}, {"ome": True}, {"ome": True, "shape": (2, 5, 6)}],
    )
    def test_they_are_left_to_the_core(self, tmp_path: Path, options: dict[str, Any]) -> None:
        options = dict(options)
        shape = options.pop("shape", (5, 6))
        if "ome" in options:
            options["metadata"] = {"axes": "CYX"[-len(shape) :]}
        pixels = np.ones(shape, np.uint8)
        tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", **options)
        assert find_stack(tmp_path / "a.tif") is None

    def test_an_overview_beside_the_picture_makes_no_stack(self, tmp_path: Path) -> None:
        with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
            tiff.write(np.ones((16, 16), np.uint8))
            tiff.write(np.ones((8, 8), np.uint8), subfiletype=1)
        assert find_stack(tmp_path / "a.tif") is None

    @pytest.mark.parametrize("content", [b"", b"no TIFF at all", b"II*\0\xff\xff\xff\x7f"])
    def test_so_are_files_that_are_no_tiff(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.tif").write_bytes(content)
        assert find_stack(tmp_path / "a.tif") is None


class TestReading:
    def test_one_time_point_is_read_without_the_others(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path / "a.tif", "TZYX", compression="zlib")
        stack = find_stack(tmp_path / "a.tif")
        assert stack is not None
        decoded: list[int] = []
        original = tifffile.TiffFile.asarray

        def spy(self: tifffile.TiffFile, key: Any = None, **options: Any) -> Any:
            decoded.extend(key)
            return original(self, key=key, **options)

        monkeypatch.setattr(tifffile.TiffFile, "asarray", spy)
        stack.intensities(1)
        assert decoded == [4, 5, 6, 7]

    def test_a_stack_travels_to_workers_and_can_be_a_key(self, tmp_path: Path) -> None:
        write(tmp_path / "a.tif", "ZYX")
        stack = find_stack(tmp_path / "a.tif")
        assert pickle.loads(pickle.dumps(stack)) == stack
        assert {stack: 1}[stack] == 1

    def test_negative_floats_stay_as_they_are(self, tmp_path: Path) -> None:
        pixels = np.linspace(-5, 5, 60, dtype=np.float32).reshape(3, 4, 5)
        tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack")
        stack = find_stack(tmp_path / "a.tif")
        assert stack is not None
        np.testing.assert_array_equal(stack.intensities()[0], pixels)

    def test_black_and_white_become_0_and_255(self, tmp_path: Path) -> None:
        pixels = np.arange(60).reshape(3, 4, 5) % 2 == 0
        tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", metadata=None)
        stack = find_stack(tmp_path / "a.tif")
        assert stack is not None
        np.testing.assert_array_equal(stack.intensities()[0], pixels * np.uint8(255))
        np.testing.assert_array_equal(stack.values(), pixels)

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_values_that_are_no_numbers_are_refused(self, tmp_path: Path, bad: float) -> None:
        pixels = np.zeros((3, 4, 5), dtype=np.float32)
        pixels[1, 2, 3] = bad
        tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack")
        stack = find_stack(tmp_path / "a.tif")
        assert stack is not None
        with pytest.raises(DataError, match=r"a\.tif: 1 of 60 pixel values are NaN or infinite"):
            stack.intensities()

    def test_a_file_that_changed_is_refused(self, tmp_path: Path) -> None:
        write(tmp_path / "a.tif", "ZYX")
        stack = find_stack(tmp_path / "a.tif")
        assert stack is not None
        write(tmp_path / "a.tif", "ZCYX")
        with pytest.raises(DataError, match="changed since it was listed"):
            stack.intensities()


class TestDamage:
    @pytest.mark.parametrize("kind", ["ome", "imagej", "shaped"])
    @pytest.mark.parametrize("compression", [None, "zlib"])
    @pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
    def test_a_file_cut_short_gives_one_clear_error_and_never_fewer_slices(
        self, tmp_path: Path, kind: str, compression: str | None, share: float
    ) -> None:
        path = tmp_path / "a.tif"
        pixels = np.random.default_rng(0).integers(0, 999, (9, 40, 40)).astype(np.uint16)
        flags: dict[str, Any] = {} if kind == "shaped" else {kind: True}
        options: dict[str, Any] = {"compression": compression, "metadata": {"axes": "ZYX"}}
        tifffile.imwrite(path, pixels, photometric="minisblack", **flags, **options)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(DataError, match=r"a\.tif: .*(damaged|cut short)"):  # noqa: PT012
            stack = find_stack(path)
            assert stack is not None, "it passed for a single picture"
            assert stack.length("Z") == 9
            stack.intensities()

    def test_terabytes_are_refused_before_memory_is_asked_for(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        pages = np.zeros((2, 8, 8), dtype=np.uint16)
        tifffile.imwrite(path, pages, photometric="minisblack", metadata=None, compression="zlib")
        with tifffile.TiffFile(path, mode="r+") as tiff:
            for page in (tiff.pages.first, tiff.pages[1].aspage()):
                for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
                    page.tags[name].overwrite(2**20, dtype="I")
        with pytest.raises(DataError, match=r"claims 4096 GiB .*\?=2 Y=1048576.* blocks"):
            find_stack(path)

    @pytest.mark.parametrize(
        ("before", "after"), [(b'SizeZ="3"', b'SizeZ="9"'), (b"</OME>", b"</OMG>")]
    )
    def test_an_ome_header_that_contradicts_the_file_is_refused(
        self, tmp_path: Path, before: bytes, after: bytes
    ) -> None:
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, np.zeros((3, 8, 8), np.uint8), ome=True, metadata={"axes": "ZYX"})
        content = path.read_bytes()
        assert content.count(before) == 1
        path.write_bytes(content.replace(before, after))
        with pytest.raises(DataError, match=r"other planes than the file holds|damaged"):
            find_stack(path)

    def test_a_header_of_a_thousand_million_planes_is_refused_at_once(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        tifffile.imwrite(
            path, np.zeros((3, 8, 8), np.uint8), ome=True, metadata={"axes": "ZYX", "Name": "x" * 9}
        )
        content = path.read_bytes()
        text = b'SizeZ="3" SizeT="1"'
        assert text in content
        longer = content.replace(b'Name="xxxxxxxxx"', b'Name="x"').replace(
            text, b'SizeZ="999999999" SizeT="1"'
        )
        assert len(longer) == len(content)
        path.write_bytes(longer)
        with pytest.raises(DataError, match="claims 999999999 planes"):
            find_stack(path)

    def test_planes_in_other_files_are_refused(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            tifffile.imwrite(
                tmp_path / f"{name}.ome.tif",
                np.zeros((2, 8, 8), np.uint8),
                metadata={"axes": "ZYX", "UUID": f"urn:uuid:0000000{name}-0000-4000-8000-{0:012d}"},
            )
        path = tmp_path / "a.ome.tif"
        old = tifffile.tiffcomment(path)
        assert isinstance(old, str)
        part = '<TiffData IFD="0" PlaneCount="2"{}>'
        own, other = (
            part.format(f' FirstZ="{z}"')
            + f'<UUID FileName="{n}.ome.tif">urn:uuid:0000000{n}-0000-4000-8000-{0:012d}</UUID>'
            + "</TiffData>"
            for n, z in (("a", 0), ("b", 2))
        )
        new = old.replace(part.format("/"), own + other).replace('SizeZ="2"', 'SizeZ="4"')
        tifffile.tiffcomment(path, new.encode())
        with pytest.raises(DataError, match="in other files"):
            find_stack(path)

    def test_the_limit_is_about_one_time_point(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path / "a.tif", "TZYX")
        monkeypatch.setattr(_tiff_checks, "MOST_BYTES", 4 * 5 * 6 * 2)
        assert find_stack(tmp_path / "a.tif") is not None

    def test_colours_that_are_no_intensities_are_refused(self, tmp_path: Path) -> None:
        tifffile.imwrite(
            tmp_path / "a.tif", np.zeros((3, 8, 8), np.uint8), photometric="miniswhite"
        )
        stack = find_stack(tmp_path / "a.tif")
        assert stack is not None
        with pytest.raises(DataError, match="MINISWHITE"):
            stack.intensities()


class TestLabels:
    def image(self, tmp_path: Path, axes: str) -> TiffStack:
        write(tmp_path / "image.tif", axes)
        image = find_stack(tmp_path / "image.tif")
        assert image is not None
        return image

    def test_axes_without_a_name_are_those_of_the_image(self, tmp_path: Path) -> None:
        image = self.image(tmp_path, "TCZYX")
        labels = np.arange(3 * 4 * 5 * 6, dtype=np.int32).reshape(3, 4, 5, 6)
        tifffile.imwrite(tmp_path / "labels.tif", labels, photometric="minisblack")
        found = find_labels(tmp_path / "labels.tif", image)
        assert found.axes == "TZYX"
        np.testing.assert_array_equal(found.values(2), labels[2])

    def test_pages_of_a_movies_labels_are_time_points(self, tmp_path: Path) -> None:
        image = self.image(tmp_path, "TYX")
        labels = np.arange(3 * 5 * 6, dtype=np.uint16).reshape(3, 5, 6)
        tifffile.imwrite(tmp_path / "labels.tif", labels, photometric="minisblack", metadata=None)
        found = find_labels(tmp_path / "labels.tif", image)
        np.testing.assert_array_equal(found.values(1), labels[1:2])

    @pytest.mark.parametrize("axes", ["TYX", "ZCYX", "TZYX"])
    def test_another_grid_is_refused_with_both_and_the_remedy(
        self, tmp_path: Path, axes: str
    ) -> None:
        image = self.image(tmp_path, "ZCYX")
        write(tmp_path / "labels.tif", axes)
        with pytest.raises(DataError) as caught:
            find_labels(tmp_path / "labels.tif", image)
        text = str(caught.value)
        assert f"{axes[0]}={LENGTHS[axes[0]]}" in text
        assert "is Z=4 C=2 Y=5 X=6" in text
        assert "with the axes Z=4 Y=5 X=6, in one channel" in text

    @pytest.mark.parametrize("axes", ["YX", "CYX"])
    def test_a_single_picture_is_refused(self, tmp_path: Path, axes: str) -> None:
        image = self.image(tmp_path, "ZYX")
        write(tmp_path / "labels.tif", axes)
        with pytest.raises(DataError, match=r"no slices or time points.*Z=4 Y=5 X=6"):
            find_labels(tmp_path / "labels.tif", image)

    def test_whole_floats_are_labels_and_fractions_are_not(self, tmp_path: Path) -> None:
        image = self.image(tmp_path, "ZYX")
        labels = np.full((4, 5, 6), 7, dtype=np.float32)
        path = tmp_path / "labels.tif"
        tifffile.imwrite(path, labels, photometric="minisblack")
        assert find_labels(path, image).values().tolist() == labels.tolist()
        labels[0, 0, 0] = 0.5
        tifffile.imwrite(path, labels, photometric="minisblack")
        with pytest.raises(DataError, match="float32, are not all whole numbers"):
            find_labels(path, image).values()


def test_the_golden_stack_is_read_to_the_last_pixel(tmp_path: Path) -> None:
    """Two slices of two channels, 2 x 3, written byte by byte and without tifffile."""
    planes = [bytes(range(n, n + 6)) for n in (0, 10, 100, 110)]
    text = b"ImageJ=1.54f\nimages=4\nchannels=2\nslices=2\nhyperstack=true\n\0"
    entries, header = 11, 8
    table = 2 + 12 * entries + 4
    text_at = header + 4 * table
    data_at = text_at + len(text) + len(text) % 2
    content = b"II*\0" + struct.pack("<I", header)
    for number in range(4):
        following = 0 if number == 3 else header + (number + 1) * table
        tags = [
            (254, 4, 1, 0),
            (256, 3, 1, 3),
            (257, 3, 1, 2),
            (258, 3, 1, 8),
            (259, 3, 1, 1),
            (262, 3, 1, 1),
            (270, 2, len(text), text_at),
            (273, 4, 1, data_at + 6 * number),
            (277, 3, 1, 1),
            (278, 3, 1, 2),
            (279, 4, 1, 6),
        ]
        content += struct.pack("<H", entries)
        content += b"".join(struct.pack("<HHII", *tag) for tag in tags)
        content += struct.pack("<I", following)
    content += text.ljust(data_at - text_at, b"\0") + b"".join(planes)
    (tmp_path / "a.tif").write_bytes(content)
    stack = find_stack(tmp_path / "a.tif")
    assert stack is not None
    assert stack.describe() == "Z=2 C=2 Y=2 X=3"
    assert stack.intensities().tolist() == [
        [[[0, 1, 2], [3, 4, 5]], [[100, 101, 102], [103, 104, 105]]],
        [[[10, 11, 12], [13, 14, 15]], [[110, 111, 112], [113, 114, 115]]],
    ]
