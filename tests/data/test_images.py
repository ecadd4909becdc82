"""Reading image and mask files."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageOps

from samdomains.data import images
from samdomains.data.images import image_size, read_mask, read_pixels
from samdomains.errors import DataError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
RGB = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
RGBA = RNG.integers(0, 256, (5, 7, 4), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (5, 7), dtype=np.uint16)
DEEP_RGB = RNG.integers(0, 65536, (5, 7, 3), dtype=np.uint16)
NOISE = RNG.integers(0, 256, (40, 50, 3), dtype=np.uint8)


def channels_first(array: NDArray[Any]) -> NDArray[Any]:
    return array[None] if array.ndim == 2 else np.moveaxis(array, 2, 0)


def png_file(header: bytes, rows: bytes) -> bytes:
    """A PNG with the given header content and uncompressed rows."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
@pytest.mark.parametrize("pixels", [GREY, RGB], ids=["grey", "rgb"])
def test_lossless_formats_keep_every_pixel(
    tmp_path: Path, suffix: str, pixels: NDArray[np.uint8]
) -> None:
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}")
    read = read_pixels(tmp_path / f"a.{suffix}")
    assert read.dtype == np.uint8
    assert read.flags.writeable
    np.testing.assert_array_equal(read, channels_first(pixels))


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_lossy_formats_come_close(tmp_path: Path, suffix: str) -> None:
    Image.new("RGB", (20, 10), (200, 100, 50)).save(tmp_path / f"a.{suffix}", quality=95)
    read = read_pixels(tmp_path / f"a.{suffix}")
    assert read.shape == (3, 10, 20)
    assert np.abs(read.mean(axis=(1, 2)) - [200, 100, 50]).max() < 4


def test_the_content_counts_and_not_the_suffix(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "b.png", GREY)
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    for name in ("a.jpg", "b.png"):
        np.testing.assert_array_equal(read_pixels(tmp_path / name), GREY[None])


def test_alpha_is_dropped(tmp_path: Path) -> None:
    Image.fromarray(RGBA).save(tmp_path / "a.png")
    Image.fromarray(RGBA[..., :2], mode="LA").save(tmp_path / "b.png")
    tifffile.imwrite(tmp_path / "c.tif", RGBA, photometric="rgb", extrasamples=["unassalpha"])
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.png"), channels_first(RGBA[..., :3]))
    np.testing.assert_array_equal(read_pixels(tmp_path / "b.png"), RGBA[None, ..., 0])
    np.testing.assert_array_equal(read_pixels(tmp_path / "c.tif"), channels_first(RGBA[..., :3]))


def test_a_fourth_band_is_not_alpha(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RGBA, photometric="rgb", extrasamples=["unspecified"])
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.tif"), channels_first(RGBA))


@pytest.mark.parametrize("pixels", [DEEP, DEEP_RGB], ids=["grey", "rgb"])
def test_sixteen_bits_are_not_cut_to_eight(tmp_path: Path, pixels: NDArray[np.uint16]) -> None:
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels))
    tifffile.imwrite(tmp_path / "a.tif", pixels, compression="zlib", byteorder=">")
    for name in ("a.png", "a.tif"):
        read = read_pixels(tmp_path / name)
        assert read.dtype == np.dtype("=u2")
        np.testing.assert_array_equal(read, channels_first(pixels))


def test_sixteen_bit_alpha_is_dropped(tmp_path: Path) -> None:
    rgba = np.dstack([DEEP_RGB, DEEP])
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(rgba))
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.png"), channels_first(DEEP_RGB))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int16", "uint32"])
def test_tiff_keeps_its_type(tmp_path: Path, dtype: str) -> None:
    pixels = np.arange(-10, 25).reshape(5, 7).clip(0 if dtype[0] == "u" else -10).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    read = read_pixels(tmp_path / "a.tif")
    assert read.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(read[0], pixels)


def test_channels_of_a_microscopy_tiff_come_first(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 65536, (2, 5, 7), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels, imagej=True, metadata={"axes": "CYX"})
    tifffile.imwrite(tmp_path / "b.ome.tif", pixels, metadata={"axes": "CYX"})
    tifffile.imwrite(tmp_path / "c.tif", pixels, photometric="minisblack", planarconfig="separate")
    for name in ("a.tif", "b.ome.tif", "c.tif"):
        np.testing.assert_array_equal(read_pixels(tmp_path / name), pixels)


def test_an_overview_page_is_no_second_picture(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(RGB, photometric="rgb")
        tiff.write(RGB[::2, ::2], photometric="rgb", subfiletype=1)
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.tif"), channels_first(RGB))


def test_palette_black_and_white_and_inverted_pictures_show_what_is_seen(tmp_path: Path) -> None:
    palette = Image.fromarray(RGB).quantize(16)
    palette.save(tmp_path / "palette.png", transparency=bytes(range(16)))
    palette.save(tmp_path / "palette.tif")
    expected = channels_first(np.asarray(palette.convert("RGB")))
    np.testing.assert_array_equal(read_pixels(tmp_path / "palette.png"), expected)
    np.testing.assert_array_equal(read_pixels(tmp_path / "palette.tif"), expected)
    for name in ("a.png", "a.bmp", "a.tif"):
        Image.fromarray(GREY > 127).save(tmp_path / name)
        expected = np.where(GREY > 127, 255, 0)[None]
        np.testing.assert_array_equal(read_pixels(tmp_path / name), expected)
    tifffile.imwrite(tmp_path / "white.tif", GREY, photometric="miniswhite")
    np.testing.assert_array_equal(read_pixels(tmp_path / "white.tif"), 255 - GREY[None])


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_becomes_rgb(tmp_path: Path, suffix: str) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / f"a.{suffix}")
    read = read_pixels(tmp_path / f"a.{suffix}")
    assert np.abs(read.mean(axis=(1, 2)) - [255, 0, 0]).max() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_exif_orientation_is_applied_to_pixels_masks_and_size(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    path = tmp_path / f"a.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(GREY).save(path, exif=exif)
    # Pillow itself turns some TIFF files when it loads them, so that its answer is taken from PNG.
    with Image.open(path) as stored:
        Image.fromarray(np.asarray(stored) if suffix == "jpg" else GREY).save(
            tmp_path / "reference.png", exif=exif
        )
    with Image.open(tmp_path / "reference.png") as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(read_pixels(path)[0], upright)
    np.testing.assert_array_equal(read_mask(path), upright)
    assert image_size(path) == upright.shape


def test_the_size_is_read_without_decoding(tmp_path: Path) -> None:
    for suffix in ("png", "jpg", "bmp", "tif"):
        path = tmp_path / f"a.{suffix}"
        Image.fromarray(NOISE).save(path)
        path.write_bytes(path.read_bytes()[:-200] if suffix != "tif" else path.read_bytes())
        assert image_size(path) == (40, 50)


def test_mask_values_are_kept_as_stored(tmp_path: Path) -> None:
    labels = np.array([[0, 1, 300], [65535, 7, 0]])
    (tmp_path / "deep.png").write_bytes(imagecodecs.png_encode(labels.astype(np.uint16)))
    tifffile.imwrite(tmp_path / "long.tif", labels.astype(np.int32))
    tifffile.imwrite(tmp_path / "float.tif", labels.astype(np.float32))
    for name in ("deep.png", "long.tif", "float.tif"):
        values = read_mask(tmp_path / name)
        assert values.dtype == np.int64
        np.testing.assert_array_equal(values, labels)


def test_a_palette_mask_gives_its_indices(tmp_path: Path) -> None:
    labels = np.array([[0, 3, 58], [1, 1, 2]], dtype=np.uint8)
    image = Image.fromarray(labels, mode="P")
    image.putpalette(RNG.integers(0, 256, 768, dtype=np.uint8).tobytes())
    for name in ("a.png", "a.bmp", "a.tif"):
        image.save(tmp_path / name)
        np.testing.assert_array_equal(read_mask(tmp_path / name), labels)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_shallow_grey_png_masks_are_not_stretched(tmp_path: Path, depth: int) -> None:
    values = np.arange(8) % 2**depth
    bits = "".join(f"{value:0{depth}b}" for value in values)
    row = b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    header = struct.pack(">IIBBBBB", 8, 1, depth, 0, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(png_file(header, row))
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), values[None])


def test_a_grey_mask_saved_as_rgb_is_understood_and_a_coloured_one_refused(tmp_path: Path) -> None:
    Image.fromarray(np.dstack([GREY] * 3)).save(tmp_path / "grey.png")
    Image.fromarray(np.dstack([GREY] * 3 + [RGBA[..., 3]])).save(tmp_path / "alpha.png")
    Image.fromarray(RGB).save(tmp_path / "colour.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "grey.png"), GREY)
    np.testing.assert_array_equal(read_mask(tmp_path / "alpha.png"), GREY)
    with pytest.raises(DataError, match=r"colour\.png: the mask is coloured.*palette indices"):
        read_mask(tmp_path / "colour.png")


def test_a_mask_of_fractions_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full((4, 4), 0.5, dtype=np.float32))
    with pytest.raises(DataError, match="not all whole numbers"):
        read_mask(tmp_path / "a.tif")


Writer = Callable[[Path], None]


def tiff_writer(compression: str | None) -> Writer:
    def write(path: Path) -> None:
        tifffile.imwrite(path, NOISE, photometric="rgb", compression=compression, rowsperstrip=8)

    return write


def pillow_writer(path: Path) -> None:
    Image.fromarray(NOISE).save(path)


def deep_png_writer(path: Path) -> None:
    path.write_bytes(imagecodecs.png_encode(NOISE.astype(np.uint16) * 257))


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.png", pillow_writer),
        ("deep.png", deep_png_writer),
        ("a.jpg", pillow_writer),
        ("a.bmp", pillow_writer),
        ("a.webp", pillow_writer),
        ("raw.tif", tiff_writer(None)),
        ("zlib.tif", tiff_writer("zlib")),
        ("lzw.tif", tiff_writer("lzw")),
    ],
)
@pytest.mark.parametrize("share", [0.0, 0.002, 0.05, 0.5, 0.95])
def test_a_truncated_file_is_an_error_and_never_filled_with_grey(
    tmp_path: Path, name: str, write: Writer, share: float
) -> None:
    path = tmp_path / name
    write(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    for read in (read_pixels, read_mask):
        with pytest.raises(DataError, match=name):
            read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b"hello, this is a text and no image", "not an image"),
        (b"GIF89a" + bytes(40), "not an image"),
    ],
)
def test_files_that_are_no_image_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.png").write_bytes(content)
    for read in (read_pixels, read_mask, image_size):
        with pytest.raises(DataError, match=rf"a\.png: .*{message}"):
            read(tmp_path / "a.png")


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"b\.png: there is no such file"):
        read_pixels(tmp_path / "b.png")
    with pytest.raises(DataError, match="cannot be read"):
        read_pixels(tmp_path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinite_pixels_are_refused(tmp_path: Path, value: float) -> None:
    pixels = np.zeros((4, 4), dtype=np.float32)
    pixels[1, 2] = value
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    with pytest.raises(DataError, match="1 of 16 pixel values are NaN or infinite"):
        read_pixels(tmp_path / "a.tif")


def test_complex_pixels_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), dtype=np.complex64))
    with pytest.raises(DataError, match="complex64"):
        read_pixels(tmp_path / "a.tif")


def test_stacks_and_animations_are_refused_with_a_remedy(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "stack.tif", np.zeros((3, 5, 7), np.uint8), photometric="minisblack"
    )
    tifffile.imwrite(
        tmp_path / "volume.tif",
        np.zeros((4, 5, 7), np.uint16),
        imagej=True,
        metadata={"axes": "ZYX"},
    )
    frames = [Image.fromarray(NOISE), Image.fromarray(255 - NOISE)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])
    for name, pages in (("stack.tif", 3), ("volume.tif", 4)):
        for read in (read_pixels, read_mask, image_size):
            with pytest.raises(DataError, match=rf"{pages} pages.*file of its own"):
                read(tmp_path / name)
    with pytest.raises(DataError, match="2 frames"):
        read_pixels(tmp_path / "a.webp")


def test_decompression_bombs_are_refused_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", NOISE, photometric="rgb")
    monkeypatch.setattr(images, "MOST_PIXELS", 1999)
    with pytest.raises(DataError, match="more than 1999"):
        read_pixels(tmp_path / "a.tif")
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 1, 0, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(png_file(header, bytes(100)))
    for read in (read_pixels, read_mask, image_size):
        with pytest.raises(DataError, match="Cut it into tiles"):
            read(tmp_path / "a.png")


def test_the_limit_is_pillows_own() -> None:
    assert Image.MAX_IMAGE_PIXELS is not None
    assert images.MOST_PIXELS == 2 * Image.MAX_IMAGE_PIXELS
