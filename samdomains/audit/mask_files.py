"""Changing pixels of a mask file and nothing else of it.

Files are written back where that loses nothing: PNG and BMP with one number a pixel, and plain
TIFF. What is kept beside the pixels (palette, resolution, texts) is compared afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import PngImagePlugin

from samdomains.errors import DataError
from samdomains.files import atomic_path
from samdomains.types import Mask

WRITABLE = "PNG and BMP with one grey level or palette index a pixel, and TIFF with one page"
"""The mask files that can be changed without loss, in words."""

_SUFFIXES = {".png": "PNG", ".bmp": "BMP"}
_MODES = ("1", "L", "P", "I;16")
_WRITTEN_TAGS = frozenset(
    {254, 256, 257, 258, 259, 262, 273, 277, 278, 279, 282, 283, 284}
    | {296, 317, 322, 323, 324, 325, 338, 339}
)
"""TIFF tags (TIFF 6.0) that tifffile writes by itself, from pixels and settings."""

_STORAGE_TAGS = frozenset({273, 279, 324, 325})
"""Where strips or tiles begin, and how long they are."""

_DEFAULTS: Mapping[int, object] = {284: 1, 339: 1}
"""What a missing tag means: samples of a pixel together, unsigned numbers (TIFF 6.0)."""

_POINTER_TAGS = frozenset({330, 34665, 34853, 40965})
"""Tags whose values are places in the file, which move."""

_COMPRESSIONS = (
    tifffile.COMPRESSION.NONE,
    tifffile.COMPRESSION.LZW,
    tifffile.COMPRESSION.ADOBE_DEFLATE,
    tifffile.COMPRESSION.DEFLATE,
    tifffile.COMPRESSION.PACKBITS,
)


def change_mask(path: Path, removed: Mask, filled: Mapping[int, Mask]) -> None:
    """Set pixels of a mask file to new values.

    Args:
        path: The file.
        removed: (H, W), pixels that become background, value 0.
        filled: Stored value → (H, W), pixels that get it.

    Raises:
        DataError: The file cannot be written back without loss; says why. It is as it was.
    """
    if path.suffix.lower() in (".tif", ".tiff"):
        _change_tiff(path, removed, filled)
    elif path.suffix.lower() in _SUFFIXES:
        _change_picture(path, removed, filled)
    else:
        raise _not_lossless(path, f"files of the kind {path.suffix or 'without suffix'}")


def _changed(
    values: NDArray[Any], removed: Mask, filled: Mapping[int, Mask], path: Path
) -> NDArray[Any]:
    if values.shape != removed.shape:
        raise _not_lossless(path, f"pixels of shape {values.shape}")
    result = values.copy()
    result[removed] = 0
    for value, mask in filled.items():
        result[mask] = value
    return result


def _change_picture(path: Path, removed: Mask, filled: Mapping[int, Mask]) -> None:
    with PillowImage.open(path) as picture:
        picture.load()
        mode, info, palette = picture.mode, {**picture.info}, picture.getpalette()
        values = np.asarray(picture)
        if mode not in _MODES or getattr(picture, "n_frames", 1) > 1 or picture.getexif():
            raise _not_lossless(path, f"pictures of the kind {mode}")
        if mode == "L" and _is_stretched(path):
            raise _not_lossless(path, "grey levels of fewer than 8 bits")
        changed = PillowImage.fromarray(_changed(values, removed, filled, path))
        if changed.mode != mode:
            changed = _in_mode(changed, mode)
        if palette is not None:
            changed.putpalette(palette)
    with atomic_path(path) as temporary:
        changed.save(temporary, format=_SUFFIXES[path.suffix.lower()], **_kept(info))
        with PillowImage.open(temporary) as written:
            written.load()
            same = written.mode == mode and {**written.info} == info
            if not same or written.getpalette() != palette:
                raise _not_lossless(path, "what is stored beside the pixels")


def _is_stretched(path: Path) -> bool:
    """Whether Pillow gives other grey levels than are stored: a PNG of 2 or 4 bits."""
    with path.open("rb") as file:
        header = file.read(25)
    return header.startswith(b"\x89PNG") and header[24] < 8


def _in_mode(picture: PillowImage.Image, mode: str) -> PillowImage.Image:
    """The same numbers as palette indices."""
    indexed = PillowImage.new(mode, picture.size)
    indexed.frombytes(picture.tobytes())
    return indexed


def _kept(info: Mapping[Any, Any]) -> dict[str, Any]:
    """What Pillow writes again: resolution, transparency, colour profile and texts."""
    kept = {key: info[key] for key in ("dpi", "transparency", "icc_profile") if key in info}
    texts = PngImagePlugin.PngInfo()
    for key, value in info.items():
        if isinstance(value, str):
            texts.add_text(key, value)
    return {**kept, "pnginfo": texts} if texts.chunks else kept


def _change_tiff(path: Path, removed: Mask, filled: Mapping[int, Mask]) -> None:
    with tifffile.TiffFile(path) as tiff:
        if len(tiff.pages) != 1:
            raise _not_lossless(path, f"{len(tiff.pages)} pages")
        page, before = tiff.pages[0], _tags(tiff)
        assert isinstance(page, tifffile.TiffPage)
        if page.compression not in _COMPRESSIONS:
            raise _not_lossless(
                path, f"the compression {tifffile.COMPRESSION(page.compression).name}"
            )
        if _POINTER_TAGS & before.keys():
            raise _not_lossless(path, "tags that point to other places in the file")
        changed = _changed(page.asarray(), removed, filled, path)
        further = [
            (tag.code, int(tag.dtype), tag.count, tag.value, True)
            for tag in page.tags
            if tag.code not in _WRITTEN_TAGS
        ]
        settings: dict[str, Any] = {
            "photometric": page.photometric,
            "compression": page.compression,
            "predictor": page.predictor,
            "tile": (page.tilelength, page.tilewidth) if page.is_tiled else None,
            "rowsperstrip": None if page.is_tiled else page.rowsperstrip,
            "extratags": further,
        }
        if 282 in before:
            settings["resolution"] = (page.tags[282].value, page.tags[283].value)
            settings["resolutionunit"] = page.tags.valueof(296, default=2)
        order, big = tiff.byteorder, tiff.is_bigtiff
    with atomic_path(path) as temporary:
        with tifffile.TiffWriter(temporary, byteorder=order, bigtiff=big) as writer:
            writer.write(changed, metadata=None, software=False, **settings)
        with tifffile.TiffFile(temporary) as written:
            # tifffile adds a resolution of 1 where there is none.
            after = {**_DEFAULTS, **_tags(written)}
            kept = all(after.get(code) == value for code, value in before.items())
            if not kept or (written.asarray() != changed).any():
                raise _not_lossless(path, "what is stored beside the pixels")


def _tags(tiff: tifffile.TiffFile) -> dict[int, object]:
    """The tags of the first page but those of its storage."""
    page = tiff.pages[0]
    assert isinstance(page, tifffile.TiffPage)
    return {tag.code: tag.value for tag in page.tags if tag.code not in _STORAGE_TAGS}


def _not_lossless(path: Path, what: str) -> DataError:
    return DataError(
        path,
        f"{what} cannot be written back without loss",
        f"Correct it by hand, or save it as one of these first: {WRITABLE}.",
    )
