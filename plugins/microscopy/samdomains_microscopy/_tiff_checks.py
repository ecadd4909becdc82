"""Whether a TIFF's header can be trusted, before memory is asked for or a plane is left out."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from xml.etree import ElementTree

import tifffile

from samdomains.plugin import DataError

NAMED = "TZCYXS"
"""Letters of the axes that are read here."""

UNNAMED = "IQ"
"""tifffile's letters for an axis of which the file says nothing."""

MOST_BYTES = 2**34
"""One time point above 16 GiB is refused before memory is asked for: it is held as a whole."""

SMALLEST_PLANE = 64
"""Bytes of the file that a plane takes at least, for its entry alone."""

_COPY_AGAIN = "Copy or export it again."


def describe(axes: str, shape: tuple[int, ...]) -> str:
    """Axes and their lengths as text; an axis without a name is written ``?``.

    Example:
        >>> describe("IYX", (9, 40, 60))
        '?=9 Y=40 X=60'
    """
    names = ["?" if axis in UNNAMED else axis for axis in axes]
    return " ".join(f"{name}={length}" for name, length in zip(names, shape, strict=True))


def require_whole_header(path: Path, tiff: tifffile.TiffFile) -> None:
    """Refuse a file whose end is cut off with a part of its header.

    tifffile leaves out tags and pages that lie beyond the end, so that a stack would pass for a
    smaller one or for a single picture.

    Raises:
        DataError: A tag of the first page, or a page, lies beyond the end.
    """
    layout, first, last = tiff.tiff, tiff.pages.first, tiff.pages[-1]
    tags = _number_at(tiff, first.offset, layout.tagnoformat)
    tags_of_last = _number_at(tiff, last.offset, layout.tagnoformat)
    end = last.offset + layout.tagnosize + layout.tagsize * (tags_of_last or 0)
    following = _number_at(tiff, end, layout.offsetformat)
    beyond = following is None or following >= tiff.filehandle.size
    if beyond or tags is None or len(first.tags) < tags:
        raise DataError(path, "the file is cut short: a part of its header is missing", _COPY_AGAIN)


def _number_at(tiff: tifffile.TiffFile, offset: int, layout: str) -> int | None:
    """One number of the file; None where the file ends before it."""
    tiff.filehandle.seek(offset)
    stored = tiff.filehandle.read(struct.calcsize(layout))
    return int(struct.unpack(layout, stored)[0]) if len(stored) == struct.calcsize(layout) else None


def require_possible_planes(path: Path, tiff: tifffile.TiffFile) -> None:
    """Refuse OME-XML that speaks of more planes than fit into the file.

    tifffile would fill a list of that length.
    """
    if tiff.ome_metadata is None:
        return
    most = tiff.filehandle.size // SMALLEST_PLANE
    for pixels in ElementTree.fromstring(tiff.ome_metadata).iter():
        sizes = [int(pixels.get(f"Size{axis}", 1)) for axis in "TZC"]
        if math.prod(sizes) > most:
            raise DataError(
                path,
                f"its OME-XML claims {math.prod(sizes)} planes, more than a file of this size has",
                _COPY_AGAIN,
            )


def only_series(path: Path, tiff: tifffile.TiffFile) -> tifffile.TiffPageSeries:
    """The planes that belong together, overviews and transparency masks left aside.

    Raises:
        DataError: There are several such sets, some planes are missing or in other files, or the
            header and the planes contradict each other.
    """
    found = [s for s in tiff.series if not (s.keyframe.is_reduced or s.keyframe.is_mask)]
    if len(found) != 1:
        shapes = ", ".join(describe(series.axes, series.shape) for series in found[:3])
        problem = f"it holds {len(found)} pictures ({shapes})"
        raise DataError(path, problem, "Save each picture as a file of its own.")
    series = found[0]
    pages = list(series)
    if any(page is not None and page.parent is not tiff for page in pages):
        problem = "a part of its planes is in other files"
        raise DataError(path, problem, "Save all planes in one file (in Fiji, by File > Save As).")
    text = tiff.pages.first.description
    described = tiff.is_ome or tiff.is_imagej or tiff.is_shaped or "<OME" in text
    unread = described and series.kind in ("uniform", "generic")
    if unread or any(page is None for page in pages):
        problem = "its header speaks of other planes than the file holds"
        raise DataError(path, problem, "It may be cut short: copy or export it again.")
    return series


def require_known(path: Path, axes: str, shape: tuple[int, ...]) -> None:
    """Refuse axes other than time, slices, channels, rows, columns and samples."""
    strange = sorted(set(axes) - set(NAMED) - set(UNNAMED))
    if strange or not {"Y", "X"} <= set(axes) or any(axes.count(axis) > 1 for axis in NAMED):
        problem = f"its axes ({describe(axes, shape)}) are not all among T, Z, C, Y, X and S"
        raise DataError(path, problem, "Save each position, angle or the like as its own file.")


def require_memory(path: Path, axes: str, shape: tuple[int, ...], itemsize: int) -> None:
    """Refuse a time point of more than ``MOST_BYTES``."""
    time_point = [length for axis, length in zip(axes, shape, strict=True) if axis != "T"]
    if (size := math.prod(time_point) * itemsize) > MOST_BYTES:
        raise DataError(
            path,
            f"it claims {size / 2**30:.0f} GiB for one time point ({describe(axes, shape)}), "
            f"more than {MOST_BYTES // 2**30}",
            "Cut it into smaller blocks.",
        )


def require_all_bytes(path: Path, tiff: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> None:
    """Refuse a file whose pixels lie beyond its end, which would decode to zeros."""
    if series.dataoffset is not None:
        end = series.dataoffset + series.nbytes
    else:
        segments = [zip(p.dataoffsets, p.databytecounts, strict=True) for p in series if p]
        end = max(offset + count for page in segments for offset, count in page)
    if end > tiff.filehandle.size:
        raise DataError(path, "the file is cut short", _COPY_AGAIN)
