from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image as PillowImage
from samdomains_products.colours import on_white, read_colours, to_srgb, unmultiplied

from samdomains.plugin import DataError

HERE = Path("photo.jpg")
WIDE = imagecodecs.cms_profile("adobergb")


def pixels(*colours: tuple[int, ...], dtype: type = np.uint8) -> np.ndarray:
    """(C, 1, N)."""
    return np.array(colours, dtype=dtype).T[:, None]


class TestProfiles:
    def test_srgb_stays_as_it_is(self) -> None:
        some = np.random.default_rng(0).integers(0, 256, (3, 9, 7)).astype(np.uint8)
        assert to_srgb(HERE, some, imagecodecs.cms_profile("srgb")).tolist() == some.tolist()

    @pytest.mark.parametrize(("dtype", "step"), [(np.uint8, 1), (np.uint16, 257)])
    def test_adobe_rgb_becomes_more_vivid_in_either_depth(self, dtype: type, step: int) -> None:
        """By the two spaces' published matrices (118.6, 151.4, 128.0) is meant."""
        wide = pixels((255, 255, 255), (0, 0, 0), (128, 150, 128), dtype=np.uint16) * step
        seen = to_srgb(HERE, wide.astype(dtype), WIDE)
        assert seen.dtype == dtype
        expected = [[255, 255, 255], [0, 0, 0], [118.6, 151.4, 128.0]]
        np.testing.assert_allclose(seen[:, 0].T / step, expected, atol=0.6)

    def test_grey_with_a_profile_becomes_rgb(self) -> None:
        profile = imagecodecs.cms_profile("gray", gamma=1.8)
        seen = to_srgb(HERE, pixels((0,), (128,), (255,)), profile)
        assert seen[:, 0].T.tolist() == [[0, 0, 0], [146, 146, 146], [255, 255, 255]]

    def test_inks_are_seen_as_the_profile_says(self, ink_profile: bytes) -> None:
        inks = pixels((0, 0, 0, 0), (0, 0, 0, 255), (255, 0, 0, 0), (255, 255, 255, 0))
        seen = to_srgb(HERE, inks, ink_profile)
        lightness = seen[0, 0].tolist()
        assert lightness[:2] == [255, 0]
        assert 255 > lightness[2] > lightness[3] > 0
        np.testing.assert_allclose(seen[0], seen[2], atol=2)

    @pytest.mark.parametrize("damage", [b"", b"garbage" * 40, WIDE[:200]])
    def test_a_damaged_profile_is_said(self, damage: bytes) -> None:
        with pytest.raises(DataError, match="ICC profile is damaged"):
            to_srgb(HERE, pixels((1, 2, 3)), damage)

    def test_a_profile_for_other_colours_is_said(self, ink_profile: bytes) -> None:
        with pytest.raises(DataError, match="profile is for CMYK, and it has 3 channels"):
            to_srgb(HERE, pixels((1, 2, 3)), ink_profile)


class TestAlpha:
    @given(
        colours=arrays(np.uint16, (3, 4, 5)),
        alpha=arrays(np.uint16, (1, 4, 5), elements=st.integers(0, 65535)),
    )
    def test_a_composite_lies_between_the_colour_and_white(
        self, colours: np.ndarray, alpha: np.ndarray
    ) -> None:
        seen = on_white(colours, alpha)
        assert seen.dtype == np.uint16
        assert (seen >= colours).all()
        shown = np.broadcast_to(alpha, colours.shape)
        assert (seen[shown == 0] == 65535).all()
        assert (seen[shown == 65535] == colours[shown == 65535]).all()

    def test_multiplied_colours_are_divided(self) -> None:
        multiplied, alpha = pixels((40, 0, 20), (9, 9, 9)), pixels((51,), (0,))
        straight = unmultiplied(multiplied, alpha)
        assert straight[:, 0, 0].tolist() == [200, 0, 100]
        assert on_white(straight, alpha)[:, 0].T.tolist() == [[244, 204, 224], [255, 255, 255]]


class TestHeaders:
    def test_a_plain_jpeg_has_nothing_to_do(self, tmp_path: Path) -> None:
        PillowImage.new("RGB", (8, 6)).save(tmp_path / "a.jpg")
        colours = read_colours(tmp_path / "a.jpg")
        assert (colours.inks, colours.alpha, colours.profile) == (False, False, None)
        assert colours.orientation == 1

    @pytest.mark.parametrize("mode", ["LA", "RGBA"])
    def test_alpha_is_found(self, tmp_path: Path, mode: str) -> None:
        PillowImage.new(mode, (8, 6)).save(tmp_path / "a.png")
        assert read_colours(tmp_path / "a.png").alpha

    def test_a_transparent_palette_colour_counts_as_alpha(self, tmp_path: Path) -> None:
        PillowImage.new("P", (8, 6)).save(tmp_path / "a.png", transparency=0)
        assert read_colours(tmp_path / "a.png").alpha

    def test_tiff_tells_inks_profile_and_orientation(
        self, tmp_path: Path, ink_profile: bytes
    ) -> None:
        tifffile.imwrite(
            tmp_path / "a.tif",
            np.zeros((6, 8, 4), np.uint8),
            photometric="separated",
            iccprofile=ink_profile,
            extratags=[(274, 3, 1, 6, True)],
        )
        colours = read_colours(tmp_path / "a.tif")
        assert colours.inks
        assert colours.profile == ink_profile
        assert colours.orientation == 6

    def test_a_profile_of_which_a_part_is_missing_is_said(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jpg"
        PillowImage.new("RGB", (8, 6)).save(path, icc_profile=WIDE)
        content = path.read_bytes()
        numbered = b"ICC_PROFILE\0\x01\x01"
        assert content.count(numbered) == 1
        path.write_bytes(content.replace(numbered, b"ICC_PROFILE\0\x01\x02"))
        with pytest.raises(DataError, match="damaged or incomplete"):
            read_colours(path)
