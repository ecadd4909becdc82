"""TIFF files of several planes: which axes they have, and one time point of them as an array.

A single picture, of any number of channels, is no stack: the core reads it.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray
from tifffile import EXTRASAMPLE, PHOTOMETRIC

from samdomains.plugin import DataError, RawVolume
from samdomains_microscopy._tiff_checks import (
    NAMED,
    UNNAMED,
    describe,
    only_series,
    require_all_bytes,
    require_known,
    require_memory,
    require_possible_planes,
    require_whole_header,
)

TIFF_SUFFIXES = (".tif", ".tiff")
"""Suffixes of the files that are read here, in lower case."""

_ALPHA = (EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA)
_INTENSITIES = (
    PHOTOMETRIC.MINISBLACK,
    PHOTOMETRIC.RGB,
    PHOTOMETRIC.PALETTE,  # a lookup table for the eye; what was measured are the indices
)

_DAMAGED = (
    OSError,
    ValueError,
    RuntimeError,
    TypeError,
    IndexError,
    KeyError,
    OverflowError,
    struct.error,
    zlib.error,
    ElementTree.ParseError,
    tifffile.TiffFileError,  # no ValueError in older releases
)
"""What tifffile and imagecodecs raise for damaged files."""

_SAVE_ANEW = "Save it as OME-TIFF or, in Fiji, as a hyperstack (Image > Hyperstacks)."


@dataclass(frozen=True)
class TiffStack:
    """A TIFF file of several planes, whose pixels are read when asked. Hashable, and pickles.

    Attributes:
        path: The file.
        axes: A letter for each axis, as in the file: T (time), Z (slices), C (channels), Y (rows),
            X (columns) and S (samples of a pixel, red, green and blue for example).
        shape: Length of each axis; only Y and X may be 1.
    """

    path: Path
    axes: str
    shape: tuple[int, ...]

    def length(self, axis: str) -> int:
        """Length of an axis; 1 where the file has it not."""
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1

    def names_in_time(self, name: str) -> list[str]:
        """A name for each time point; ``name`` itself where there is one.

        Example:
            >>> TiffStack(Path("film.tif"), "TYX", (2, 40, 60)).names_in_time("film")
            ['film_t000', 'film_t001']
        """
        times = self.length("T")
        digits = max(3, len(str(times - 1)))
        return [name] if times == 1 else [f"{name}_t{time:0{digits}d}" for time in range(times)]

    def moment(self) -> TiffStack:
        """Axes and shape of one time point, for labels that are saved for each."""
        kept = [(axis, n) for axis, n in zip(self.axes, self.shape, strict=True) if axis != "T"]
        return TiffStack(self.path, "".join(axis for axis, _ in kept), tuple(n for _, n in kept))

    def describe(self) -> str:
        """Axes and their lengths as text.

        Example:
            >>> TiffStack(Path("cells.tif"), "ZYX", (9, 40, 60)).describe()
            'Z=9 Y=40 X=60'
        """
        return describe(self.axes, self.shape)

    def intensities(self, time: int = 0) -> RawVolume:
        """Read the pixels of one time point.

        Args:
            time: Number of the time point, from 0.

        Returns:
            (C, Z, H, W) as stored, alpha left out; black and white become 0 and 255. Samples count
            as channels.

        Raises:
            DataError: The file is damaged, has no intensities, or holds NaN or infinite values.
        """
        with _picture(self.path) as (tiff, series):
            kind = series.keyframe.photometric
            if kind not in _INTENSITIES:
                problem = f"planes of the kind {PHOTOMETRIC(kind).name} are not supported"
                raise DataError(self.path, problem, "Save it as grey (black is zero) or RGB.")
            pixels = self._read(tiff, series, time)
        if pixels.dtype == bool:
            return pixels.astype(np.uint8) * np.uint8(255)
        if pixels.dtype.kind not in "uif":
            problem = f"pixels of type {pixels.dtype} are not supported"
            raise DataError(self.path, problem, "Save it as real numbers.")
        if pixels.dtype.kind == "f" and not (finite := np.isfinite(pixels)).all():
            raise DataError(
                self.path,
                f"{np.count_nonzero(~finite)} of {pixels.size} pixel values are NaN or infinite",
                "Replace them by a finite background value.",
            )
        return pixels

    def values(self, time: int = 0) -> NDArray[Any]:
        """Read one time point of a label stack.

        Args:
            time: Number of the time point, from 0.

        Returns:
            (Z, H, W), whole numbers of any type, exactly as stored.

        Raises:
            DataError: The file is damaged or holds fractions.
        """
        with _picture(self.path) as (tiff, series):
            labels: NDArray[Any] = self._read(tiff, series, time)[0]
        if labels.dtype.kind == "b":
            return labels.astype(np.uint8)
        if labels.dtype.kind in "ui":
            return labels
        if not np.isfinite(labels).all() or (labels != np.rint(labels)).any():
            raise DataError(
                self.path,
                f"the labels, of type {labels.dtype}, are not all whole numbers",
                "Save one whole number for each object, 0 for the background.",
            )
        return labels.astype(np.int64)

    def _read(
        self, tiff: tifffile.TiffFile, series: tifffile.TiffPageSeries, time: int
    ) -> NDArray[Any]:
        """(C, Z, H, W) of one time point, as stored."""
        if series.shape != self.shape:
            raise DataError(self.path, "the file has changed since it was listed", "Start again.")
        require_all_bytes(self.path, tiff, series)
        array, axes = _time_point(tiff, series, self.axes, time), self.axes.replace("T", "")
        for axis in "CSZ":
            if axis not in axes:
                array, axes = array[None], axis + axes
        array = array.transpose([axes.index(axis) for axis in "CSZYX"])
        array = array[:, _colours(series)] if "S" in self.axes else array
        return np.ascontiguousarray(array.reshape(-1, *array.shape[2:]))


def find_stack(path: Path) -> TiffStack | None:
    """The stack that an image file holds, from its header; None for a single picture.

    The axes are those of the OME-XML or the ImageJ header. An axis that no header names, the pages
    of a plain TIFF, is Z.

    Raises:
        DataError: It is a stack, and its header is damaged, contradicts the file, names no axes or
            claims more than can be held.
    """
    found = _axes_of(path)
    if found is None:
        return None
    axes, shape = found
    unnamed = [axis for axis in axes if axis in UNNAMED]
    if len(unnamed) > 1 or (unnamed and "Z" in axes):
        problem = f"nothing in it says what its axes are ({describe(axes, shape)})"
        raise DataError(path, problem, _SAVE_ANEW)
    return TiffStack(path, "".join("Z" if axis in UNNAMED else axis for axis in axes), shape)


def find_labels(path: Path, image: TiffStack) -> TiffStack:
    """The label stack of an image, from its header.

    Args:
        path: A TIFF with the slices and time points of ``image`` and one channel. Axes that it
            does not name are those of the image, in the same order.
        image: The image.

    Raises:
        DataError: It is no such file; names the axes of both.
    """
    found = _axes_of(path) if path.suffix.lower() in TIFF_SUFFIXES else None
    if found is None:
        problem = f"it has no slices or time points, and its image {image.path} is a stack"
        remedy = f"Save the labels as one TIFF with the axes {_grid(image)}."
        raise DataError(path, f"{problem} ({image.describe()})", remedy)
    axes, shape = found
    free = iter([axis for axis in image.axes if axis in "TZ" and axis not in axes])
    named = "".join(next(free, axis) if axis in UNNAMED else axis for axis in axes)
    labels = TiffStack(path, named, shape)
    same = all(labels.length(axis) == image.length(axis) for axis in "TZYX")
    if not same or labels.length("C") * labels.length("S") > 1 or set(named) - set(NAMED):
        raise DataError(
            path,
            f"the labels are {labels.describe()}, their image {image.path} is {image.describe()}",
            f"Export the labels with the axes {_grid(image)}, in one channel; they are not "
            "resized, since that moves borders.",
        )
    return labels


def _grid(image: TiffStack) -> str:
    """The axes that labels share with their image, as text."""
    kept = [(axis, n) for axis, n in zip(image.axes, image.shape, strict=True) if axis in "TZYX"]
    return " ".join(f"{axis}={length}" for axis, length in kept)


def _axes_of(path: Path) -> tuple[str, tuple[int, ...]] | None:
    """Axes, as tifffile names them, and shape of a stack; None for what the core reads."""
    try:
        with tifffile.TiffFile(path) as tiff:
            pages = len(tiff.pages)
    except _DAMAGED:
        pages = 0
    if pages == 0:
        return None  # it may be another format; if it is none, the core's reader says so
    with _picture(path) as (_, series):
        axes, shape = series.axes, tuple(int(length) for length in series.shape)
        if not set(axes) - set("YXSC"):
            return None
        require_known(path, axes, shape)
        require_memory(path, axes, shape, series.dtype.itemsize)
        return axes, shape


@contextmanager
def _picture(path: Path) -> Iterator[tuple[tifffile.TiffFile, tifffile.TiffPageSeries]]:
    """Open a TIFF and give its one series of planes; what decoders raise becomes one clear line."""
    try:
        with tifffile.TiffFile(path) as tiff:
            require_whole_header(path, tiff)
            require_possible_planes(path, tiff)
            yield tiff, only_series(path, tiff)
    except FileNotFoundError:
        raise DataError(path, "there is no such file", "Check its name and folder.") from None
    except _DAMAGED as error:
        problem = f"the file is damaged or cut short ({error})"
        raise DataError(path, problem, "Copy or export it again.") from error


def _time_point(
    tiff: tifffile.TiffFile, series: tifffile.TiffPageSeries, axes: str, time: int
) -> NDArray[Any]:
    """One time point in the file's order of axes, T left out; other time points are not read."""
    axis = axes.find("T")
    if series.dataoffset is not None:
        stored = series.dtype.newbyteorder(tiff.byteorder)
        mapped = np.memmap(
            tiff.filehandle.path, stored, "r", series.dataoffset, tuple(series.shape)
        )
        part = mapped if axis < 0 else np.moveaxis(mapped, axis, 0)[time]
        return np.array(part, dtype=series.dtype.newbyteorder("="))
    if axis < 0:
        whole: NDArray[Any] = series.asarray()
        return whole
    plane = series.keyframe.shape
    lead = tuple(series.shape[: len(series.shape) - len(plane)])
    pages = np.moveaxis(np.arange(math.prod(lead)).reshape(lead), axis, 0)[time]
    planes = tiff.asarray(key=[int(page) for page in pages.flat], series=series)
    return planes.reshape(*pages.shape, *plane)


def _colours(series: tifffile.TiffPageSeries) -> list[int]:
    """Indices of the samples that are no alpha."""
    extra = series.keyframe.extrasamples
    count = series.shape[series.axes.index("S")]
    first = count - len(extra)
    alpha = {first + index for index, kind in enumerate(extra) if kind in _ALPHA}
    return [index for index in range(count) if index not in alpha]
