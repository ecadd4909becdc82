from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import PngImagePlugin

from samdomains.audit.mask_files import change_mask
from samdomains.data.images import read_mask
from samdomains.errors import DataError
from samdomains.types import Mask

VALUES = np.arange(48).reshape(6, 8)


GEO = [
    (33550, "d", 3, (10.0, 10.0, 0.0), True),
    (34735, "H", 4, (1, 1, 0, 0), True),
    (42113, "s", 4, "255", True),
]
"""Pixel size, keys and value of missing pixels of a GeoTIFF."""


def pixel(y: int, x: int) -> Mask:
    mask = np.zeros(VALUES.shape, dtype=bool)
    mask[y, x] = True
    return mask


def expected() -> NDArray[Any]:
    changed = VALUES.copy()
    changed[2, 3], changed[4, 5] = 0, 7
    return changed


def as_palette(path: Path) -> None:
    picture = PillowImage.fromarray(VALUES.astype(np.uint8)).convert("L")
    indexed = PillowImage.new("P", picture.size)
    indexed.frombytes(picture.tobytes())
    indexed.putpalette([channel for index in range(256) for channel in (index, 255 - index, 9)])
    indexed.save(path)


def with_texts(path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "somebody")
    PillowImage.fromarray(VALUES.astype(np.uint8)).save(path, dpi=(300, 300), pnginfo=texts)


def tiff(path: Path, **settings: Any) -> None:
    tifffile.imwrite(path, VALUES.astype(np.uint16), metadata=None, **settings)


WRITERS: dict[str, Callable[[Path], None]] = {
    "grey.png": lambda path: PillowImage.fromarray(VALUES.astype(np.uint8)).save(path),
    "deep.png": lambda path: PillowImage.fromarray(VALUES.astype(np.uint16)).save(path),
    "palette.png": as_palette,
    "texts.png": with_texts,
    "grey.bmp": lambda path: PillowImage.fromarray(VALUES.astype(np.uint8)).save(path),
    "plain.tif": lambda path: tiff(path, software=False),
    "described.tif": lambda path: tiff(path, description="by hand"),
    "georeferenced.tif": lambda path: tiff(path, tile=(16, 16), compression="lzw", extratags=GEO),
    "big_endian.tif": lambda path: tiff(path, byteorder=">", resolution=(72, 72)),
    "packed.tif": lambda path: tiff(path, software=False, compression="zlib", predictor=True),
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_pixels_change_and_nothing_else(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    before = _beside_pixels(path)
    change_mask(path, pixel(2, 3), {7: pixel(4, 5)})
    assert (read_mask(path) == expected()).all()
    assert _beside_pixels(path) == before


def _beside_pixels(path: Path) -> object:
    if path.suffix == ".tif":
        with tifffile.TiffFile(path) as file:
            tags = {tag.code: tag.value for tag in file.pages[0].tags}  # type: ignore[union-attr]
        moved = (273, 279, 324, 325)  # where strips or tiles begin, and how long they are
        return {code: value for code, value in tags.items() if code not in moved}
    with PillowImage.open(path) as picture:
        return picture.mode, picture.size, dict(picture.info), picture.getpalette()


def two_pages(path: Path) -> None:
    tifffile.imwrite(path, np.zeros((2, 6, 8), np.uint8), metadata=None)


def rgb(path: Path) -> None:
    PillowImage.fromarray(np.zeros((6, 8, 3), dtype=np.uint8)).save(path)


@pytest.mark.parametrize(
    ("name", "write", "why"),
    [
        ("a.jpg", rgb, "kind .jpg"),
        ("a.png", rgb, "kind RGB"),
        ("a.tif", lambda path: tiff(path, compression="jpeg2000"), "JPEG2000"),
        ("b.tif", two_pages, "2 pages"),
    ],
)
def test_what_would_lose_something_is_refused_and_stays(
    name: str, write: Callable[[Path], None], why: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    write(path)
    before = path.read_bytes()
    with pytest.raises(DataError, match=f"{why}.* cannot be written back without loss"):
        change_mask(path, pixel(2, 3), {})
    assert path.read_bytes() == before
