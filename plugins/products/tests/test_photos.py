from __future__ import annotations

import pickle
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage
from PIL import ImageOps
from samdomains_products.photos import Photo, load_photos, read_photo

from samdomains.plugin import DataError, Recipe

ORIENTATION = 0x0112
COLOURS = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)


def turned(orientation: int) -> PillowImage.Exif:
    exif = PillowImage.Exif()
    exif[ORIENTATION] = orientation
    return exif


def listed(path: Path) -> tuple[str, ...]:
    (case,) = load_photos(path, Recipe())
    return case.notes


def test_a_reader_travels_and_is_hashable(tmp_path: Path) -> None:
    reader = Photo(tmp_path / "a.jpg")
    assert {pickle.loads(pickle.dumps(reader)): 1}[reader] == 1


@pytest.mark.parametrize("suffix", ["png", "webp", "bmp", "tiff"])
def test_every_format_without_loss_gives_its_pixels(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    PillowImage.fromarray(COLOURS).save(path, **({"lossless": True} if suffix == "webp" else {}))
    np.testing.assert_array_equal(np.moveaxis(read_photo(path), 0, 2), COLOURS)


@given(
    orientation=st.integers(1, 8),
    mode=st.sampled_from(["RGB", "RGBA", "LA"]),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
@settings(max_examples=40, deadline=None)
def test_any_photo_comes_out_upright_once(
    tmp_path_factory: pytest.TempPathFactory, orientation: int, mode: str, size: tuple[int, int]
) -> None:
    path = tmp_path_factory.mktemp("turned") / "a.png"
    samples = np.random.default_rng(1).integers(0, 256, (*size, len(mode))).astype(np.uint8)
    image = PillowImage.frombytes(mode, size[::-1], samples.tobytes())
    image.save(path, exif=turned(orientation))
    white = PillowImage.new("RGBA", size[::-1], "white")
    white.alpha_composite(image.convert("RGBA"))
    white.getexif()[ORIENTATION] = orientation
    expected = np.asarray(ImageOps.exif_transpose(white).convert("RGB"), dtype=int)
    got = np.moveaxis(read_photo(path), 0, 2)
    np.testing.assert_allclose(np.broadcast_to(got, expected.shape), expected, atol=1)


class TestInks:
    def inks(self) -> np.ndarray:
        """Paper, black, cyan and half a magenta, (8, 32, 4) in squares that JPEG keeps."""
        colours = np.array([[0, 0, 0, 0], [0, 0, 0, 255], [255, 0, 0, 0], [0, 128, 0, 0]])
        return np.repeat(np.repeat(colours[None], 8, axis=0), 8, axis=1).astype(np.uint8)

    def save(self, path: Path, **options: object) -> Path:
        image = PillowImage.frombytes("CMYK", (32, 8), self.inks().tobytes())
        image.save(path, quality=100, **options)
        return path

    def test_the_golden_adobe_jpeg_without_a_profile_is_inverted_once(self, tmp_path: Path) -> None:
        path = self.save(tmp_path / "a.jpg")
        assert b"Adobe" in path.read_bytes()  # which stores 255 for no ink
        seen = read_photo(path)[:, 4, [4, 12, 20, 28]].T
        expected = [[255, 255, 255], [0, 0, 0], [0, 255, 255], [255, 127, 255]]
        np.testing.assert_allclose(seen, expected, atol=2)
        assert "CMYK without a profile" in listed(path)[0]

    def test_a_profile_says_how_inks_look(self, tmp_path: Path, ink_profile: bytes) -> None:
        path = self.save(tmp_path / "a.jpg", icc_profile=ink_profile)
        seen = read_photo(path)[:, 4, [4, 12, 20]].T
        np.testing.assert_allclose(seen[:2], [[255] * 3, [0] * 3], atol=2)
        np.testing.assert_allclose(seen[2], [198] * 3, atol=3)  # L* = 80: grey, and no cyan
        assert listed(path) == ()

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_tiff_keeps_its_depth_and_comes_out_upright(
        self, tmp_path: Path, ink_profile: bytes, dtype: type
    ) -> None:
        step = np.iinfo(dtype).max // 255
        path = tmp_path / "a.tif"
        tifffile.imwrite(
            path,
            self.inks().astype(dtype) * dtype(step),
            photometric="separated",
            iccprofile=ink_profile,
            extratags=[(ORIENTATION, 3, 1, 6, True)],
        )
        seen = read_photo(path)
        assert (seen.shape, seen.dtype) == ((3, 32, 8), dtype)
        np.testing.assert_allclose(seen[0, [4, 12, 20], 4] / step, [255, 0, 198], atol=3)


class TestAlpha:
    def test_sixteen_bits_are_kept_with_alpha_and_without(self, tmp_path: Path) -> None:
        samples = np.random.default_rng(2).integers(0, 65536, (5, 6, 4)).astype(np.uint16)
        (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(samples))
        (tmp_path / "b.png").write_bytes(imagecodecs.png_encode(samples[..., :3].copy()))
        cover = samples[..., 3:] / 65535
        composite = samples[..., :3] * cover + 65535 * (1 - cover)
        seen = read_photo(tmp_path / "a.png")
        assert seen.dtype == np.uint16
        np.testing.assert_allclose(np.moveaxis(seen, 0, 2), composite, atol=0.51)
        plain = read_photo(tmp_path / "b.png")
        np.testing.assert_array_equal(np.moveaxis(plain, 0, 2), samples[..., :3])

    @pytest.mark.parametrize(("kind", "expected"), [("unassalpha", 205), ("assocalpha", 255)])
    def test_tiff_may_hold_colours_multiplied_by_alpha(
        self, tmp_path: Path, kind: str, expected: int
    ) -> None:
        picture = np.full((4, 5, 4), (55, 55, 55, 64), dtype=np.uint8)
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, picture, photometric="rgb", extrasamples=[kind])
        seen = read_photo(path)
        assert seen.shape == (3, 4, 5)
        np.testing.assert_allclose(seen, expected if kind == "unassalpha" else 246, atol=1)

    def test_a_transparent_palette_colour_becomes_white(self, tmp_path: Path) -> None:
        image = PillowImage.fromarray(np.array([[0, 1]], dtype=np.uint8), mode="P")
        image.putpalette([10, 20, 30, 40, 50, 60])
        image.save(tmp_path / "a.png", transparency=0)
        assert read_photo(tmp_path / "a.png")[:, 0].T.tolist() == [[255, 255, 255], [40, 50, 60]]


class TestBadInput:
    def test_a_damaged_profile_is_one_clear_line(self, tmp_path: Path) -> None:
        path = tmp_path / "a.png"
        PillowImage.fromarray(COLOURS).save(path, icc_profile=b"no profile at all" * 20)
        with pytest.raises(DataError, match=r"a\.png: its ICC profile is damaged.*Save it as sRGB"):
            read_photo(path)
        assert listed(path) == ()

    def test_an_animated_webp_is_refused(self, tmp_path: Path) -> None:
        frames = [PillowImage.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
        frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])
        with pytest.raises(DataError, match=r"animated \(2 frames\)"):
            read_photo(tmp_path / "a.webp")

    def test_a_huge_jpeg_is_refused_before_it_is_decoded(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jpg"
        PillowImage.new("RGB", (8, 8)).save(path)
        content = bytearray(path.read_bytes())
        at = content.index(b"\xff\xc0") + 5
        content[at : at + 4] = (20_000).to_bytes(2, "big") * 2
        path.write_bytes(bytes(content))
        assert listed(path) == ()
        with pytest.raises(DataError, match="more than 178956970 pixels"):
            read_photo(path)

    def test_floating_point_is_no_photo(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 6), np.float32))
        with pytest.raises(DataError, match="float32, and a photo has 8 or 16 bits"):
            read_photo(tmp_path / "a.tif")

    def test_many_channels_are_no_photo(self, tmp_path: Path) -> None:
        bands = np.zeros((5, 6, 5), np.uint8)
        tifffile.imwrite(tmp_path / "a.tif", bands, photometric="minisblack", planarconfig="contig")
        with pytest.raises(DataError, match="5 channels"):
            read_photo(tmp_path / "a.tif")

    def test_a_cut_file_is_listed_and_refused_when_read(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jpg"
        path.write_bytes(b"\xff\xd8\xff\xe0")
        (case,) = load_photos(path, Recipe())
        with pytest.raises(DataError, match=r"a\.jpg"):
            case.read_pixels()

    def test_one_pixel_is_a_photo(self, tmp_path: Path) -> None:
        PillowImage.new("RGB", (1, 1), (1, 2, 3)).save(tmp_path / "a.png")
        assert read_photo(tmp_path / "a.png").ravel().tolist() == [1, 2, 3]


class TestMasks:
    def data(self, folder: Path, mask: PillowImage.Image) -> Path:
        (folder / "images").mkdir()
        (folder / "masks").mkdir()
        PillowImage.new("RGB", (12, 8)).save(folder / "images/a.jpg", exif=turned(6))
        mask.save(folder / "masks/a.png")
        return folder

    def test_an_upright_mask_belongs_to_the_upright_photo(self, tmp_path: Path) -> None:
        mask = np.zeros((12, 8), dtype=np.uint8)
        mask[1:4, 5:7] = 255
        (case,) = load_photos(self.data(tmp_path, PillowImage.fromarray(mask)), Recipe())
        assert case.read_pixels().shape == (3, 12, 8)
        assert case.read_objects is not None
        (found,) = case.read_objects()
        np.testing.assert_array_equal(found.mask(), mask > 0)

    def test_a_mask_of_the_stored_photo_is_refused(self, tmp_path: Path) -> None:
        mask = PillowImage.new("L", (12, 8), 255)
        (case,) = load_photos(self.data(tmp_path, mask), Recipe())
        assert case.read_objects is not None
        with pytest.raises(DataError, match=r"the mask is 12 x 8.*is 8 x 12"):
            case.read_objects()
