"""What a photo's header says about its colours: inks, alpha, ICC profile; and how they become sRGB.

Meant for files that ``read_pixels`` of the core has already read once, since its checks of size,
pages and damage are not repeated here.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image as PillowImage
from tifffile import EXTRASAMPLE, PHOTOMETRIC

from samdomains.plugin import DataError, RawImage, upright

_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PROFILE = "icc_profile"
_ORIENTATION = 0x0112
_ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
_PREMULTIPLIED = EXTRASAMPLE.ASSOCALPHA
_ALPHA = (EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA)
_CHANNELS = {b"GRAY": 1, b"RGB ": 3, b"CMYK": 4}
"""Colour space in an ICC profile's header (ICC.1:2022, section 7.2) → channels."""

_COLOUR_SPACES = {1: "gray", 3: "rgb", 4: "cmyk"}
_REMEDY = "Save it as sRGB without a profile, or embed the right one."


@dataclass(frozen=True)
class Colours:
    """What the header says.

    Attributes:
        inks: Whether the pixels are amounts of cyan, magenta, yellow and black.
        alpha: Whether some pixels may be transparent.
        premultiplied: Whether the colours are already multiplied by alpha (TIFF alone).
        profile: The embedded ICC profile; None where there is none.
        orientation: EXIF orientation, 1 to 8.
    """

    inks: bool
    alpha: bool
    premultiplied: bool
    profile: bytes | None
    orientation: int


def read_colours(path: Path) -> Colours:
    """Read the header alone.

    Raises:
        DataError: The embedded profile is damaged or incomplete.
        OSError: The file is no image, or its header is damaged.
        tifffile.TiffFileError: The same of a TIFF.
    """
    if _is_tiff(path):
        with tifffile.TiffFile(path) as tiff:
            return _of_tiff(tiff.pages.first)
    with _opened(path) as image:
        profile = image.info.get(_PROFILE)
        if _PROFILE in image.info and not profile:
            raise DataError(path, "its ICC profile is damaged or incomplete", _REMEDY)
        orientation = PillowImage.Image.getexif(image).get(_ORIENTATION, 1)
        return Colours(
            inks=image.mode == "CMYK",
            alpha=image.mode in _ALPHA_MODES or "transparency" in image.info,
            premultiplied=False,
            profile=profile,
            orientation=orientation if orientation in range(1, 9) else 1,
        )


def _is_tiff(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in _TIFF_SIGNATURES


def _of_tiff(page: tifffile.TiffPage) -> Colours:
    return Colours(
        inks=page.photometric == PHOTOMETRIC.SEPARATED,
        alpha=any(kind in _ALPHA for kind in page.extrasamples),
        premultiplied=_PREMULTIPLIED in page.extrasamples,
        profile=page.iccprofile or None,
        orientation=int(page.tags.valueof(_ORIENTATION, default=1)),
    )


@contextmanager
def _opened(path: Path) -> Iterator[PillowImage.Image]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PillowImage.DecompressionBombWarning)
        with PillowImage.open(path) as image:
            yield image


def read_inks(path: Path, colours: Colours) -> RawImage:
    """(4, H, W), upright: cyan, magenta, yellow, black; 0 is paper.

    JPEG stores inks inverted, as Adobe does; Pillow turns them back.
    """
    return _upright(_samples(path)[..., :4], colours.orientation)


def read_alpha(path: Path, colours: Colours) -> RawImage:
    """(1, H, W), upright, in the dtype of the colours; 0 is transparent."""
    if _is_tiff(path):
        with tifffile.TiffFile(path) as tiff:
            extra = list(tiff.pages.first.extrasamples)
        index = next(i for i, kind in enumerate(extra) if kind in _ALPHA) - len(extra)
        return _upright(_samples(path)[..., index][..., None], colours.orientation)
    if _is_deep_png(path):
        samples = np.atleast_3d(imagecodecs.png_decode(path.read_bytes()))
        return _upright(samples[..., -1:], colours.orientation)
    with _opened(path) as image:
        alpha = np.asarray(image.convert("RGBA"))[..., 3:]
    return _upright(alpha, colours.orientation)


def _is_deep_png(path: Path) -> bool:
    """Whether it is a PNG of 16 bits a sample, which Pillow would cut to 8."""
    with path.open("rb") as file:
        header = file.read(25)
    return header.startswith(b"\x89PNG") and header[24] == 16


def _samples(path: Path) -> NDArray[Any]:
    """(H, W, S): every sample of a TIFF or CMYK picture as stored."""
    if not _is_tiff(path):
        with _opened(path) as image:
            return np.asarray(image)
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        samples = page.asarray()
        planes_first = page.axes.startswith("S")
    native = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    return np.moveaxis(native, 0, -1) if planes_first else native


def _upright(samples: NDArray[Any], orientation: int) -> RawImage:
    """(H, W, C) as stored → (C, H, W) upright."""
    return np.ascontiguousarray(np.moveaxis(upright(samples, orientation), 2, 0))


def to_srgb(path: Path, pixels: RawImage, profile: bytes) -> RawImage:
    """Convert colours by their ICC profile.

    By Little CMS, relative colorimetric with black-point compensation, which is what image editors
    take unless told otherwise.

    Args:
        path: The file, for errors.
        pixels: (C, H, W), 8 or 16 bit: 1 channel of grey, 3 of RGB or 4 of CMYK.
        profile: The embedded profile.

    Returns:
        (3, H, W), sRGB, in the same dtype.

    Raises:
        DataError: The profile is damaged, or is for other colours than the picture has.
    """
    wanted, count = _CHANNELS.get(profile[16:20]), len(pixels)
    if wanted is not None and wanted != count:
        kind = profile[16:20].decode("ascii").strip()
        problem = f"its ICC profile is for {kind}, and it has {count} channels"
        raise DataError(path, problem, _REMEDY)
    samples = np.ascontiguousarray(np.moveaxis(pixels, 0, -1))
    try:
        converted = imagecodecs.cms_transform(
            samples[..., 0].copy() if count == 1 else samples,
            profile,
            imagecodecs.cms_profile("srgb"),
            colorspace=_COLOUR_SPACES[count],
            outcolorspace="rgb",
            intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
            flags=imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION,
        )
    except imagecodecs.CmsError as error:
        problem = f"its ICC profile is damaged or of no use for a photo ({error})"
        raise DataError(path, problem, _REMEDY) from None
    return np.ascontiguousarray(np.moveaxis(converted, -1, 0))


def unmultiplied(pixels: RawImage, alpha: RawImage) -> RawImage:
    """Divide colours that were multiplied by alpha; where nothing is to be seen they are 0.

    Args:
        pixels: (C, H, W), 8 or 16 bit.
        alpha: (1, H, W) in the same dtype.
    """
    white = np.iinfo(pixels.dtype).max
    straight = pixels * (white / np.maximum(alpha, 1, dtype=np.float64))
    return np.rint(np.minimum(straight, white)).astype(pixels.dtype)


def on_white(pixels: RawImage, alpha: RawImage) -> RawImage:
    """Composite on white, as a browser shows a picture on a white page.

    Args:
        pixels: (C, H, W), sRGB values, 8 or 16 bit, not multiplied by alpha.
        alpha: (1, H, W) in the same dtype, 0 is transparent.

    Returns:
        As ``pixels``.

    Example:
        >>> red = np.array([200, 0, 0], dtype=np.uint8).reshape(3, 1, 1)
        >>> on_white(red, np.array([[[51]]], dtype=np.uint8)).ravel().tolist()
        [244, 204, 204]
    """
    white = np.iinfo(pixels.dtype).max
    cover = alpha / white
    return np.rint(pixels * cover + white * (1 - cover)).astype(pixels.dtype)
