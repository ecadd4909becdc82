"""Image and mask files: pixels as they were stored, the right way up, or a clear error."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from samdomains.data._tiff import SIGNATURES, read_tiff, tiff_colours, tiff_size
from samdomains.errors import DataError
from samdomains.types import RawImage, Size

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""Suffixes of the files that this module reads, in lower case."""

MOST_PIXELS = 178_956_970
"""Larger images are refused before decoding: Pillow's own limit against decompression bombs."""

_PILLOW_FORMATS = ("BMP", "JPEG", "PNG", "WEBP")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_EXIF_ORIENTATION = 0x0112
_PNG_COLOUR_CHANNELS = {0: 1, 2: 3, 4: 1, 6: 3}
"""PNG colour type → channels without alpha (PNG specification, section 11.2.1)."""

_DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    RuntimeError,
    TypeError,
    IndexError,
    KeyError,
    OverflowError,
    struct.error,
    zlib.error,
    tifffile.TiffFileError,  # no ValueError in older releases
)
"""What Pillow, tifffile and imagecodecs raise for damaged files."""


def read_pixels(path: Path) -> RawImage:
    """Read an image as it was stored, upright and without alpha.

    Args:
        path: PNG, JPEG, BMP, WebP or TIFF; grey, RGB, palette, 1 bit or CMYK. EXIF orientation is
            applied where it stands before the pixels. Palette and CMYK become RGB.

    Returns:
        (C, H, W), 8 or 16 bit or float as in the file; black and white become 0 and 255.

    Raises:
        DataError: The file is missing, empty, cut short, not an image, too large, of several
            pages, or holds NaN or infinite values.
    """
    with _decoding(path) as header:
        if header.startswith(SIGNATURES):
            picture = read_tiff(path, most_pixels=MOST_PIXELS)
            array, orientation = tiff_colours(path, picture), picture.orientation
        else:
            with _open(path) as image:
                orientation, array = _orientation(image), _colours(path, header, image)
    if array.dtype.kind not in "uif":
        raise DataError(path, f"pixels of type {array.dtype} are not supported", "Save it as real.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        count = int(np.count_nonzero(~np.isfinite(array)))
        raise DataError(
            path,
            f"{count} of {array.size} pixel values are NaN or infinite",
            "Replace them by a finite background value.",
        )
    turned = upright(array, orientation)
    channels = turned[None] if turned.ndim == 2 else np.moveaxis(turned, 2, 0)
    return np.array(channels, order="C")


def read_mask(path: Path) -> NDArray[np.int64]:
    """Read the values of a mask: labels, grey levels or palette indices, exactly as stored.

    Args:
        path: As for :func:`read_pixels`. An RGB mask needs three equal channels.

    Returns:
        (H, W), upright.

    Raises:
        DataError: As for :func:`read_pixels`; or the mask is coloured or holds fractions.
    """
    with _decoding(path) as header:
        if header.startswith(SIGNATURES):
            picture = read_tiff(path, most_pixels=MOST_PIXELS)
            array, orientation = picture.samples, picture.orientation
        else:
            with _open(path) as image:
                orientation, array = _orientation(image), _values(path, header, image)
    return np.array(upright(_whole_numbers(path, _one_channel(path, array)), orientation))


def image_size(path: Path) -> Size:
    """(H, W) of an image or mask the right way up, from the header alone.

    Raises:
        DataError: The file is missing, empty or not an image.
    """
    with _decoding(path) as header:
        if header.startswith(SIGNATURES):
            (height, width), orientation = tiff_size(path)
        else:
            with _open(path) as image:
                (width, height), orientation = image.size, _orientation(image)
    return (width, height) if orientation >= 5 else (height, width)


@contextmanager
def _decoding(path: Path) -> Iterator[bytes]:
    """Give the first bytes of a file and turn what decoders raise into one clear line."""
    try:
        if path.is_file() and path.stat().st_size == 0:
            raise DataError(path, "the file is empty (0 bytes)", "Copy or export it again.")
        with path.open("rb") as file:
            header = file.read(32)
        yield header
    except FileNotFoundError:
        raise DataError(path, "there is no such file", "Check its name and folder.") from None
    except (IsADirectoryError, PermissionError) as error:
        problem = f"it cannot be read ({error.strerror})"
        raise DataError(path, problem, "Name a file that you may read.") from None
    except UnidentifiedImageError:
        allowed = ", ".join(IMAGE_SUFFIXES)
        remedy = f"Save it as one of {allowed}, or remove it."
        raise DataError(path, "the file is not an image of a known format", remedy) from None
    except PillowImage.DecompressionBombError:
        problem = f"the image has more than {MOST_PIXELS} pixels"
        raise DataError(path, problem, "Cut it into tiles.") from None
    except _DECODING_ERRORS as error:
        problem = f"the file is damaged or cut short ({error})"
        raise DataError(path, problem, "Copy or export it again.") from error


@contextmanager
def _open(path: Path) -> Iterator[PillowImage.Image]:
    """Open an image with Pillow, which reads its header; pixels follow when they are asked for."""
    with warnings.catch_warnings():
        # Large is fine up to MOST_PIXELS, where Pillow raises.
        warnings.simplefilter("ignore", PillowImage.DecompressionBombWarning)
        with PillowImage.open(path, formats=_PILLOW_FORMATS) as image:
            frames = getattr(image, "n_frames", 1)
            # A phone's MPO is a JPEG with extra views after the picture itself.
            if frames > 1 and image.format != "MPO":
                problem = f"the image is animated ({frames} frames)"
                raise DataError(path, problem, "Save every frame as a file of its own.")
            yield image


def _orientation(image: PillowImage.Image) -> int:
    """EXIF orientation, 1 to 8, from the header.

    The base class's ``getexif``, since that of PNG decodes all pixels to look behind them.
    """
    orientation = PillowImage.Image.getexif(image).get(_EXIF_ORIENTATION, 1)
    return orientation if orientation in range(1, 9) else 1


def upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo an EXIF orientation (EXIF 2.32, tag 274).

    Args:
        array: (H, W) or (H, W, C), as stored.
        orientation: 1 to 8.
    """
    turns = {3: 2, 4: 2, 6: 3, 7: 2, 8: 1}.get(orientation, 0)
    turned = np.rot90(array, turns)
    if orientation in (2, 4):
        return turned[:, ::-1]
    if orientation in (5, 7):
        return turned.swapaxes(0, 1)
    return turned


def _png_depth_and_colour(header: bytes) -> tuple[int, int]:
    """Bits of a sample and colour type of a PNG; zeros for another format."""
    return (header[24], header[25]) if header.startswith(_PNG_SIGNATURE) else (0, 0)


def _deep_png(path: Path, colour_type: int) -> NDArray[Any]:
    """A 16-bit PNG, (H, W, C); Pillow would cut colours to 8 bits."""
    array = np.atleast_3d(imagecodecs.png_decode(path.read_bytes()))
    return array[..., : _PNG_COLOUR_CHANNELS[colour_type]]


def _colours(path: Path, header: bytes, image: PillowImage.Image) -> NDArray[Any]:
    depth, colour_type = _png_depth_and_colour(header)
    if depth == 16:
        return _deep_png(path, colour_type)
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    if image.mode in ("L", "LA"):
        return np.atleast_3d(np.asarray(image))[..., :1]
    if image.mode == "P":
        # By way of RGBA, since a palette may hold transparent colours.
        return np.asarray(image.convert("RGBA"))[..., :3]
    if image.mode in ("RGB", "RGBA", "RGBX"):
        return np.asarray(image)[..., :3]
    if image.mode in ("CMYK", "YCbCr"):
        return np.asarray(image.convert("RGB"))
    raise DataError(path, f"colours of the kind {image.mode} are not supported", "Save it as RGB.")


def _values(path: Path, header: bytes, image: PillowImage.Image) -> NDArray[Any]:
    """(H, W) or (H, W, C): stored values, alpha dropped."""
    depth, colour_type = _png_depth_and_colour(header)
    if depth == 16:
        return _deep_png(path, colour_type)
    if image.mode in ("1", "P"):
        return np.asarray(image)
    if image.mode == "L" and depth in (2, 4):
        # Pillow stretches 2-bit and 4-bit grey to 0..255.
        return np.asarray(image) // np.uint8(255 // (2**depth - 1))
    if image.mode in ("L", "LA"):
        return np.atleast_3d(np.asarray(image))[..., 0]
    if image.mode in ("RGB", "RGBA", "RGBX"):
        return np.asarray(image)[..., :3]
    raise DataError(
        path,
        f"a mask cannot have colours of the kind {image.mode}",
        "Save it as a grey or palette image.",
    )


def _one_channel(path: Path, array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim == 2:
        return array
    first = array[..., 0]
    if any((array[..., channel] != first).any() for channel in range(1, array.shape[2])):
        raise DataError(
            path,
            "the mask is coloured, and colours have no number",
            "Save it as grey values or palette indices, one number for each class or object.",
        )
    return first


def _whole_numbers(path: Path, array: NDArray[Any]) -> NDArray[np.int64]:
    if array.dtype.kind in "bui":
        return array.astype(np.int64)
    if array.dtype.kind != "f" or not np.isfinite(array).all() or (array != np.rint(array)).any():
        raise DataError(
            path,
            f"the mask's values, of type {array.dtype}, are not all whole numbers",
            "Save it with whole numbers, one for each class or object.",
        )
    return array.astype(np.int64)
