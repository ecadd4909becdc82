"""Polygons to masks and back, on the edges of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from rasterio import features

from samdomains.plugin import Mask, Size
from samdomains_satellite.position import Coordinates

Polygon: TypeAlias = Sequence[Coordinates]
"""Rings, the outer one first and then its holes; (N, 2) each, the last point equal to the first."""


def rasterised(polygons: Sequence[Polygon], size: Size) -> tuple[Mask, tuple[int, int]] | None:
    """The pixels whose centres lie in any of some polygons, as a crop; nothing larger is made.

    Args:
        polygons: The parts of one object, in pixels: (column, row), (0, 0) the outer corner of the
            first pixel.
        size: (H, W) of the image.

    Returns:
        The crop, its border rows and columns not empty, and its (y, x) in the image; None where
        the polygons hold no centre of a pixel of the image.

    Example:
        >>> square = np.array([[1.0, 2.0], [3.0, 2.0], [3.0, 4.0], [1.0, 4.0], [1.0, 2.0]])
        >>> rasterised([[square]], (9, 9))
        (array([[ True,  True],
               [ True,  True]]), (2, 1))
    """
    outlines = np.concatenate([polygon[0] for polygon in polygons])
    limits = (size[1], size[0])
    x0, y0 = (int(side) for side in np.clip(np.floor(outlines.min(axis=0)), 0, limits))
    x1, y1 = (int(side) for side in np.clip(np.ceil(outlines.max(axis=0)), 0, limits))
    if x0 >= x1 or y0 >= y1:
        return None
    parts = [
        {"type": "Polygon", "coordinates": [(ring - (x0, y0)).tolist() for ring in polygon]}
        for polygon in polygons
    ]
    inside = features.rasterize(parts, out_shape=(y1 - y0, x1 - x0), dtype="uint8") > 0
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if len(rows) == 0:
        return None
    top, left = int(rows[0]), int(columns[0])
    crop: Mask = np.array(inside[top : rows[-1] + 1, left : columns[-1] + 1], order="C")
    return crop, (y0 + top, x0 + left)


def outlined(crop: Mask, origin: tuple[int, int]) -> list[Polygon]:
    """The outlines of a mask along the edges of its pixels; ``rasterised`` gives it back exactly.

    Args:
        crop: (h, w).
        origin: (y, x) of the crop's first pixel in the image.

    Returns:
        One polygon for each part that hangs together by the sides of its pixels, in pixels:
        (column, row).
    """
    values = crop.astype(np.uint8)
    first = np.array(origin[::-1])
    return [
        [np.asarray(ring, dtype=np.float64) + first for ring in shape["coordinates"]]
        for shape, _ in features.shapes(values, mask=crop, connectivity=4)
    ]
