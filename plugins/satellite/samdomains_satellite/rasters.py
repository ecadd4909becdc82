"""GeoTIFF through GDAL: headers, windows, overviews and whole scenes, with nodata as NaN."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from rasterio import windows
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp, Interleaving, MaskFlags, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from samdomains.plugin import MOST_PIXELS, DataError, RawImage, Size, Window
from samdomains_satellite.position import Position

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

TIFF_SUFFIXES = (".tif", ".tiff")

OVERVIEW_SIDE = 2048
"""Longest side in pixels of what statistics are taken from: about the core's sample of 4 million
pixels a channel."""

MOST_BLOCK_BYTES = 2**30
"""GDAL reads a tile as a whole; no writer makes larger ones, and memory may not hold it beside
others. One strip of a large scene is no such block: GDAL reads that row by row."""

CACHE_BYTES = 2**28
"""Most that GDAL keeps of decoded blocks, instead of a share of the machine's memory: enough for a
row of tiles of a wide scene, so that an overview decodes none twice."""

_COPY_AGAIN = "Copy or export it again."

_COLOURS = {
    ColorInterp.palette: ("a palette", "Expand it: gdal_translate -expand rgb."),
    ColorInterp.cyan: ("CMYK colours", "Convert it to RGB."),
}
"""Meanings of bands that cannot be taken for intensities, and what to do."""


@dataclass(frozen=True)
class Raster:
    """A GeoTIFF as its header describes it, and what reads it. Hashable; it opens when asked.

    As ``Case.read_pixels`` it is called; as ``Case.windows`` it reads parts.

    Attributes:
        path: The file.
        size: (H, W) in pixels.
        bands: Numbers of the bands that are read, from 1, in the order of the file; alpha is none.
        dtype: Name of the dtype of what is read: that of the file; or, where the file says that
            some pixels may hold nothing, float32 for up to 16 bits and float64 above.
        masked: Whether the file says which pixels hold nothing: by a nodata value, a mask or alpha.
        nodata: Another value that holds nothing, or None: the recipe's, where the file names none.
        position: Where it lies; None where the file does not say.
        remark: Why the file does not say where it lies; empty where it does.
    """

    path: Path
    size: Size
    bands: tuple[int, ...]
    dtype: str
    masked: bool
    nodata: float | None
    position: Position | None
    remark: str = ""

    def read(self, window: Window) -> RawImage:
        """(C, h, w): a part of the scene, NaN where it holds nothing.

        Raises:
            DataError: The file is damaged or cut short.
            ValueError: The window is empty or reaches beyond the scene.
        """
        (height, width), (y0, x0) = self.size, (window.y0, window.x0)
        if not (0 <= y0 < window.y1 <= height and 0 <= x0 < window.x1 <= width):
            raise ValueError(f"{window} is no part of a scene of {width} x {height} pixels")
        return self._pixels(window, window.size)

    def overview(self) -> RawImage:
        """(C, h, w): the whole scene in at most 2048 pixels a side, by the file's overviews.

        Raises:
            DataError: The file is damaged; a band holds infinite or no valid pixels.
        """
        height, width = self.size
        shrink = max(1.0, max(self.size) / OVERVIEW_SIDE)
        shape = (max(1, int(height / shrink)), max(1, int(width / shrink)))
        return with_content(self.path, self._pixels(Window(0, 0, height, width), shape))

    def __call__(self) -> RawImage:
        """(C, H, W): the whole scene, NaN where it holds nothing.

        Raises:
            DataError: The file is damaged or has more than ``MOST_PIXELS`` pixels; a band holds
                infinite or no valid pixels.
        """
        height, width = self.size
        if height * width > MOST_PIXELS:
            raise DataError(
                self.path,
                f"it has {width} x {height} pixels, and at most {MOST_PIXELS} are read at once",
                "Lower scene.tile, so that it is read tile by tile.",
            )
        return with_content(self.path, self._pixels(Window(0, 0, height, width), self.size))

    def _pixels(self, window: Window, shape: Size) -> RawImage:
        with opened(self.path) as source:
            size = (len(self.bands), *shape)
            part = windows.Window(window.x0, window.y0, window.size[1], window.size[0])
            how: dict[str, Any] = {"window": part, "out_shape": size}
            how["resampling"] = Resampling.nearest
            pixels: RawImage = source.read(list(self.bands), **how).astype(self.dtype, copy=False)
            if self.masked:
                pixels[source.read_masks(list(self.bands), **how) == 0] = np.nan
        if self.nodata is not None:
            pixels[pixels == self.nodata] = np.nan
        return pixels


def with_content(path: Path, pixels: RawImage) -> RawImage:
    """The pixels of a whole scene, (C, H, W), if they are fit for statistics.

    Raises:
        DataError: Pixels are infinite, or a band holds none but NaN.
    """
    if pixels.dtype.kind != "f":
        return pixels
    if infinite := int(np.count_nonzero(np.isinf(pixels))):
        problem = f"{infinite} of {pixels.size} pixel values are infinite"
        raise DataError(path, problem, "Replace them by the file's nodata value.")
    void = [number for number, band in enumerate(pixels, start=1) if np.isnan(band).all()]
    if void:
        which = "it" if len(void) == len(pixels) else f"its band {void[0]}"
        problem = f"{which} holds nothing: every pixel is nodata, masked or NaN"
        raise DataError(path, problem, "Remove the scene or the band, or correct nodata.")
    return pixels


def find_raster(path: Path, nodata: float | None = None) -> Raster:
    """Describe a TIFF by its header alone; no pixel is read and nothing is allocated for any.

    Args:
        path: A TIFF, with or without position.
        nodata: Value of pixels that hold nothing, where the file names none.

    Raises:
        DataError: The file is missing, damaged, or nothing that is read here; says what to do.
    """
    with opened(path) as source:
        require_one_picture(path, source)
        _require_intensities(path, source)
        bands = intensity_bands(source)
        flags = {flag for number in bands for flag in source.mask_flag_enums[number - 1]}
        masked = flags != {MaskFlags.all_valid}
        own = nodata if source.nodata is None else None
        dtype = np.dtype(source.dtypes[bands[0] - 1])
        if masked or own is not None:
            dtype = float_for(dtype)
        size = (source.height, source.width)
        position, remark = position_of(source)
    return Raster(path, size, bands, dtype.name, masked, own, position, remark)


@contextmanager
def opened(path: Path) -> Iterator[DatasetReader]:
    """Open a TIFF; what GDAL raises then or while it is read becomes one clear line.

    Raises:
        DataError: The file is missing, no TIFF, damaged or cut short.
    """
    _require_file(path)
    try:
        with warnings.catch_warnings(), rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # said in a note instead
            with rasterio.open(path, driver="GTiff") as source:
                yield source
    except (RasterioError, CPLE_BaseError) as error:
        reason = str(error.__cause__ or error).replace(str(path), "the file")
        problem = f"the file is damaged, cut short or no TIFF ({reason})"
        raise DataError(path, problem, _COPY_AGAIN) from error


def intensity_bands(source: DatasetReader) -> tuple[int, ...]:
    """Numbers of the bands, from 1, that are not alpha."""
    return tuple(
        number
        for number, meaning in zip(source.indexes, source.colorinterp, strict=True)
        if meaning != ColorInterp.alpha
    )


def _require_file(path: Path) -> None:
    if not path.is_file():
        problem = "it is no file" if path.exists() else "there is no such file"
        raise DataError(path, problem, "Check its name and folder.")
    if not os.access(path, os.R_OK):
        raise DataError(path, "it cannot be read", "Name a file that you may read.")
    if path.stat().st_size == 0:
        raise DataError(path, "the file is empty (0 bytes)", _COPY_AGAIN)


def require_one_picture(path: Path, source: DatasetReader) -> None:
    """Refuse what GDAL opens and nobody can take for one picture of real numbers.

    Raises:
        DataError: The file holds several pictures, no band but alpha, complex numbers, or blocks
            that are larger than ``MOST_BLOCK_BYTES``.
    """
    if len(source.subdatasets) > 1:
        problem = f"it holds {len(source.subdatasets)} pictures"
        raise DataError(path, problem, "Save each picture as a file of its own.")
    if not intensity_bands(source):
        raise DataError(path, "it has no band but alpha", "Export it with its image bands.")
    kinds = {np.dtype(dtype).kind for dtype in source.dtypes if not dtype.startswith("complex_")}
    if not kinds or not kinds <= set("uif"):
        problem = f"pixels of type {source.dtypes[0]} are not supported"
        raise DataError(path, problem, "Save it as real numbers, the amplitude for example.")
    _require_small_blocks(path, source)


def _require_intensities(path: Path, source: DatasetReader) -> None:
    """Refuse an image whose bands are no intensities; label files may have a palette."""
    for meaning in source.colorinterp:
        if meaning in _COLOURS:
            what, remedy = _COLOURS[meaning]
            raise DataError(path, f"it has {what}, and no bands of intensities", remedy)


def _require_small_blocks(path: Path, source: DatasetReader) -> None:
    """Refuse a file of which GDAL would read too much at once."""
    pixels = math.prod(source.block_shapes[0])
    together = source.count if source.interleaving == Interleaving.pixel else 1
    size = pixels * together * np.dtype(source.dtypes[0]).itemsize
    if size > MOST_BLOCK_BYTES:
        raise DataError(
            path,
            f"its pixels are stored in blocks of {size / 2**30:.1f} GiB, which are read as a whole",
            "Store it in tiles: gdal_translate -co TILED=YES -co COMPRESS=DEFLATE.",
        )


def position_of(source: DatasetReader) -> tuple[Position | None, str]:
    """Where an opened raster lies; or None and why it is not known."""
    matrix = source.transform
    if source.gcps[0] and matrix.is_identity:
        return None, "it is placed by ground control points: warp it (gdalwarp) to keep its place"
    if matrix.is_identity or matrix.is_degenerate:
        return None, "it has no position (CRS and transform)"
    crs = "" if source.crs is None else source.crs.wkt
    transform = (matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f)
    return Position(crs, transform, (source.height, source.width)), ""


def float_for(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The float that holds the values of a dtype, and NaN: float32 up to 16 bits."""
    if dtype.kind == "f" and dtype.itemsize >= 4:
        return dtype
    return np.dtype(np.float32 if dtype.itemsize <= 2 else np.float64)
