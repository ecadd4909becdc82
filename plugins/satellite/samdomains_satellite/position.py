"""Where a raster lies on the ground: its CRS and transform, and pixels to coordinates and back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from samdomains.plugin import Size

if TYPE_CHECKING:
    from rasterio.crs import CRS

Coordinates = NDArray[np.float64]
"""(N, 2): (x, y) in the units of a CRS, x to the east, or longitude, first; or (column, row)."""

Bounds = tuple[float, float, float, float]
"""Left, bottom, right and top in the units of a CRS."""

SAME_PLACE = 0.01
"""Pixels by which the corners of two grids may differ that count as one: tiles of web maps are
written with rounding errors far below this, and a nearest neighbour moves by none of it."""

_STEPS = 21
"""Points along each side of a scene, since its straight sides are curves in another CRS; as
GDAL's transform of bounds takes by default."""


@dataclass(frozen=True)
class Position:
    """What a writer needs to put masks back on the ground. Hashable.

    Attributes:
        crs: The coordinate reference system as WKT; empty where the file names none.
        transform: (a, b, c, d, e, f): the corner of a pixel at column i and row j has
            x = a i + b j + c and y = d i + e j + f. Rotation and shear are kept.
        size: (H, W) in pixels.
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]
    size: Size

    @property
    def reference(self) -> CRS | None:
        """The CRS, ready for rasterio; None where the file names none."""
        return parsed(self.crs)

    @property
    def pixel_area(self) -> float:
        """Area of a pixel in the square of the CRS's unit."""
        a, b, _, d, e, _ = self.transform
        return abs(a * e - b * d)

    def to_ground(self, pixels: Coordinates) -> Coordinates:
        """(N, 2) of (column, row), where (0, 0) is the outer corner of the first pixel → (x, y)."""
        a, b, c, d, e, f = self.transform
        columns, rows = pixels[:, 0], pixels[:, 1]
        return np.stack([a * columns + b * rows + c, d * columns + e * rows + f], axis=1)

    def to_pixels(self, ground: Coordinates) -> Coordinates:
        """(N, 2) of (x, y) → (column, row); the inverse of ``to_ground``.

        Example:
            >>> position = Position("", (0.5, 0.0, 100.0, 0.0, -0.5, 200.0), (4, 4))
            >>> position.to_pixels(np.array([[101.0, 199.5]])).tolist()
            [[2.0, 1.0]]
        """
        a, b, c, d, e, f = self.transform
        x, y = ground[:, 0] - c, ground[:, 1] - f
        determinant = a * e - b * d
        return np.stack([(e * x - b * y) / determinant, (a * y - d * x) / determinant], axis=1)

    def lies_on(self, other: Position) -> bool:
        """Whether both are one grid: the same size, corners and CRS, as far as both name one."""
        if self.size != other.size or not self._shares_reference(other):
            return False
        corners = np.array([[0, 0], [1, 0], [0, 1]]) * (other.size[1], other.size[0])
        apart = other.to_pixels(self.to_ground(corners.astype(np.float64))) - corners
        return bool(np.abs(apart).max() <= SAME_PLACE)

    def _shares_reference(self, other: Position) -> bool:
        return not (self.crs and other.crs) or self.reference == other.reference

    def bounds_in(self, crs: str) -> Bounds | None:
        """The bounds of its outline in another CRS (WKT, or empty for its own).

        None where a point of the outline has no coordinates in that CRS.
        """
        height, width = self.size
        side = np.linspace(0.0, 1.0, _STEPS)
        zero, one = np.zeros(_STEPS), np.ones(_STEPS)
        columns = np.concatenate([side, one, side, zero]) * width
        rows = np.concatenate([zero, side, one, side]) * height
        points = moved(self.to_ground(np.stack([columns, rows], axis=1)), self.crs, crs)
        if not np.isfinite(points).all():
            return None
        (left, bottom), (right, top) = points.min(axis=0), points.max(axis=0)
        return float(left), float(bottom), float(right), float(top)


@cache
def parsed(crs: str) -> CRS | None:
    """A CRS from its WKT; None for an empty text."""
    from rasterio.crs import CRS

    return CRS.from_wkt(crs) if crs else None


def moved(points: Coordinates, source: str, target: str) -> Coordinates:
    """Bring points from one CRS to another; the same points where both are one, or one is empty.

    Args:
        points: (N, 2), x (east, or longitude) first whatever the CRS says of its axes.
        source: WKT.
        target: WKT.

    Returns:
        (N, 2); all infinite where any of the points has no coordinates in the target.
    """
    from rasterio._err import CPLE_BaseError
    from rasterio.warp import transform

    before, after = parsed(source), parsed(target)
    if before is None or after is None or before == after or len(points) == 0:
        return points
    try:
        x, y = transform(before, after, points[:, 0], points[:, 1])
    except CPLE_BaseError:
        return np.full_like(points, np.inf)
    return np.stack([np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)], axis=1)


def overlap(one: Bounds, other: Bounds) -> bool:
    """Whether two bounds have a point in common."""
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def crs_name(crs: str) -> str:
    """What people call a CRS: its authority's code, or its name, or ``no CRS``."""
    reference = parsed(crs)
    if reference is None:
        return "no CRS"
    authority = reference.to_authority(confidence_threshold=100)
    if authority:
        return ":".join(authority)
    return crs.split('"')[1] if '"' in crs else crs
