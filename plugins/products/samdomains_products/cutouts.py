"""Writers of cut-outs: RGBA PNG with a soft edge, and hard masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from samdomains.plugin import (
    Case,
    DataError,
    Mask,
    ObjectMask,
    RawImage,
    Size,
    atomic_path,
    file_stem,
    image_file,
)
from samdomains_products.matting import EDGE, SoftCutout, cut_out

MASKS = "masks"
"""Folder of the hard masks, beside the cut-outs, so that no two files can have one name."""

COMPRESSION = 6
"""zlib's level, its own default."""


@dataclass(frozen=True)
class CutoutWriter:
    """Writes ``<id>.png``, the objects of a photo cut out together, and ``masks/<id>.png``.

    The cut-out is RGBA, sRGB, of the photo's own size and depth (8 or 16 bit), alpha not
    multiplied into the colours. The mask is 8 bit, 0 and 255. A photo in which nothing was found
    gives a wholly transparent cut-out.

    Attributes:
        masks: Whether the hard mask is written too.
        edge: Width of the soft band on each side of the contour, as a share of the longer side.
    """

    masks: bool = True
    edge: float = EDGE

    def __call__(self, case: Case, objects: Sequence[ObjectMask], out: Path) -> Sequence[Path]:
        """Write the objects of one photo under the folder ``out``; returns the files.

        Raises:
            DataError: The soft edge cannot be computed, or the case's id is no file name.
        """
        name = f"{file_stem(case)}.png"
        pixels = case.read_pixels()
        mask = union(objects, (pixels.shape[-2], pixels.shape[-1]))
        files = {out / name: _rgba(self._soft(case, pixels, mask), pixels.dtype)}
        if self.masks:
            files[out / MASKS / name] = mask.astype(np.uint8) * np.uint8(255)
        for path, picture in files.items():
            _save_png(path, picture)
        return list(files)

    def _soft(self, case: Case, pixels: RawImage, mask: Mask) -> SoftCutout:
        image = np.moveaxis(pixels / np.iinfo(pixels.dtype).max, 0, 2)
        colours = np.broadcast_to(image, (*mask.shape, 3))
        try:
            return cut_out(colours, mask, self.edge)
        except ValueError as error:
            problem = f"the soft edge of its cut-out cannot be computed ({error})"
            remedy = "Write its mask alone: --set data.output=png."
            raise DataError(image_file(case), problem, remedy) from error


def union(objects: Sequence[ObjectMask], size: Size) -> Mask:
    """(H, W): all pixels of all objects."""
    mask = np.zeros(size, dtype=bool)
    for item in objects:
        (y, x), (height, width) = item.origin, item.crop.shape
        mask[y : y + height, x : x + width] |= item.crop
    return mask


def _rgba(soft: SoftCutout, dtype: np.dtype[Any]) -> NDArray[Any]:
    """(H, W, 4) of an integer type."""
    samples = np.concatenate([soft.colours, soft.alpha[..., None]], axis=-1)
    levels: NDArray[Any] = np.rint(samples * np.iinfo(dtype).max).astype(dtype)
    return levels


def _save_png(path: Path, picture: NDArray[Any]) -> None:
    with atomic_path(path) as temporary:
        rows = np.ascontiguousarray(picture)  # the encoder takes no other order
        temporary.write_bytes(imagecodecs.png_encode(rows, level=COMPRESSION))
