"""TIFF files, through tifffile: one picture's samples and how to understand them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC

from samdomains.errors import DataError
from samdomains.types import Size

# tifffile logs what is wrong with a file before it raises; the user gets one line, from the error.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""First bytes of classic TIFF and BigTIFF, little and big endian."""

_ORIENTATION_TAG = 274
_ALPHA = (EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA)
_GREY_OR_COLOUR = (PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB)


@dataclass(frozen=True, eq=False)
class TiffPicture:
    """The one picture of a TIFF file, in the frame it was stored in.

    Attributes:
        samples: (H, W, C), as stored, alpha dropped.
        orientation: EXIF orientation, 1 to 8.
        photometric: What the samples mean.
        bits: Bits of one sample.
        colormap: (3, N), 16 bit, for a palette picture.
    """

    samples: NDArray[Any]
    orientation: int
    photometric: int
    bits: int
    colormap: NDArray[np.uint16] | None


def tiff_size(path: Path) -> tuple[Size, int]:
    """Stored (H, W) and EXIF orientation, from the tags alone."""
    with tifffile.TiffFile(path) as tiff:
        series = _only_picture(path, tiff)
        return _stored_size(series), _orientation(series)


def read_tiff(path: Path, *, most_pixels: int) -> TiffPicture:
    """Decode the one picture of a TIFF file.

    Args:
        path: The file.
        most_pixels: A larger picture is refused before it is decoded.

    Raises:
        DataError: The file holds several pages, is cut short or too large.
    """
    with tifffile.TiffFile(path) as tiff:
        series = _only_picture(path, tiff)
        height, width = _stored_size(series)
        if height * width > most_pixels:
            raise DataError(
                path,
                f"the image has {width} x {height} pixels, more than {most_pixels}",
                "Cut it into tiles.",
            )
        _require_all_bytes(path, series)
        page = series.keyframe
        return TiffPicture(
            samples=_samples(series),
            orientation=_orientation(series),
            photometric=_photometric(path, page),
            bits=page.bitspersample,
            colormap=page.colormap,
        )


def _only_picture(path: Path, tiff: tifffile.TiffFile) -> tifffile.TiffPageSeries:
    """The series that is the picture, overviews and transparency masks left aside."""
    pictures = [
        series
        for series in tiff.series
        if not (series.keyframe.is_reduced or series.keyframe.is_mask)
    ]
    stacked = pictures and any(
        length > 1 and axis not in "YXSC"
        for axis, length in zip(pictures[0].axes, pictures[0].shape, strict=True)
    )
    if len(pictures) != 1 or stacked:
        raise DataError(
            path,
            f"the TIFF holds {len(tiff.pages)} pages, and one picture is needed",
            "Save every page (slice, frame) as a file of its own, or use a domain that reads "
            "stacks.",
        )
    return pictures[0]


def _stored_size(series: tifffile.TiffPageSeries) -> Size:
    lengths = dict(zip(series.axes, series.shape, strict=True))
    return int(lengths["Y"]), int(lengths["X"])


def _orientation(series: tifffile.TiffPageSeries) -> int:
    return int(series.keyframe.tags.valueof(_ORIENTATION_TAG, default=1))


def _require_all_bytes(path: Path, series: tifffile.TiffPageSeries) -> None:
    """Refuse a file whose strips or tiles lie beyond its end, which would decode to zeros."""
    end = max(
        offset + count
        for page in series.pages
        if page is not None
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)
    )
    if end > path.stat().st_size:
        raise DataError(path, "the file is cut short", "Copy or export it again.")


def _samples(series: tifffile.TiffPageSeries) -> NDArray[Any]:
    """(H, W, C): channels and samples folded into one axis, alpha dropped, native byte order."""
    single = tuple(index for index, axis in enumerate(series.axes) if axis not in "YXSC")
    axes = "".join(axis for axis in series.axes if axis in "YXSC")
    array = np.squeeze(series.asarray(), axis=single)
    array = array.transpose([axes.index(axis) for axis in "YXCS" if axis in axes])
    if "S" in axes:
        extra = series.keyframe.extrasamples
        first_extra = array.shape[-1] - len(extra)
        alpha = {first_extra + index for index, kind in enumerate(extra) if kind in _ALPHA}
        array = array[..., [index for index in range(array.shape[-1]) if index not in alpha]]
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    return native.reshape(*array.shape[:2], -1)


def _photometric(path: Path, page: tifffile.TiffPage) -> int:
    """What the samples mean after decoding; JPEG in TIFF is decoded to RGB."""
    photometric = page.photometric
    if photometric == PHOTOMETRIC.YCBCR and page.compression == COMPRESSION.JPEG:
        return int(PHOTOMETRIC.RGB)
    if photometric in (*_GREY_OR_COLOUR, PHOTOMETRIC.PALETTE, PHOTOMETRIC.SEPARATED):
        return int(photometric)
    raise DataError(
        path,
        f"TIFF colours of the kind {PHOTOMETRIC(photometric).name} are not supported",
        "Save it as grey, RGB, palette or CMYK.",
    )


def tiff_colours(path: Path, picture: TiffPicture) -> NDArray[Any]:
    """(H, W, C): grey levels or colours as they are meant to be seen; dtype as stored.

    Raises:
        DataError: The samples do not suit the kind of colours that the file claims.
    """
    samples = picture.samples
    if samples.dtype == bool:
        samples = samples.astype(np.uint8) * np.uint8(255)
    if picture.photometric == PHOTOMETRIC.MINISWHITE and samples.dtype.kind == "u":
        white = 255 if picture.bits == 1 else 2**picture.bits - 1
        seen: NDArray[Any] = samples.dtype.type(white) - samples
        return seen
    if picture.photometric == PHOTOMETRIC.PALETTE:
        if picture.colormap is None or samples.shape[2] != 1 or samples.dtype.kind != "u":
            raise DataError(path, "the TIFF palette is damaged", "Save it as RGB.")
        return np.moveaxis(picture.colormap[:, samples[..., 0]] >> 8, 0, 2).astype(np.uint8)
    if picture.photometric == PHOTOMETRIC.SEPARATED:
        return _rgb_from_cmyk(path, samples)
    return samples


def _rgb_from_cmyk(path: Path, samples: NDArray[Any]) -> NDArray[Any]:
    if samples.shape[2] != 4 or samples.dtype.kind != "u":
        raise DataError(path, "the TIFF has separated inks other than CMYK", "Save it as RGB.")
    white = np.iinfo(samples.dtype).max
    light = white - samples.astype(np.float64)
    return np.rint(light[..., :3] * light[..., 3:] / white).astype(samples.dtype)
