"""Scenes on the ground, for all tests of the plugin."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning
from samdomains_satellite.position import Position

UTM = "EPSG:32633"
CORNER = (500_000.0, 5_540_000.0)
"""Of every scene, on the central meridian, 15 degrees east."""

TRANSFORM = Affine(0.5, 0, CORNER[0], 0, -0.5, CORNER[1])


@pytest.fixture(scope="session")
def save() -> Callable[..., Path]:
    """Writes pixels, (H, W) or (C, H, W), as a GeoTIFF; without CRS and transform a plain TIFF."""

    def write(
        path: Path,
        pixels: NDArray[Any],
        crs: str | None = UTM,
        transform: Affine | None = TRANSFORM,
        mask: NDArray[Any] | None = None,
        **profile: Any,
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        bands = pixels[None] if pixels.ndim == 2 else pixels
        profile |= {"driver": "GTiff", "dtype": bands.dtype.name, "count": len(bands)}
        profile |= {"height": bands.shape[1], "width": bands.shape[2], "crs": crs}
        with warnings.catch_warnings(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            if transform is not None:
                profile["transform"] = transform
            with rasterio.open(path, "w", **profile) as target:
                target.write(bands)
                if mask is not None:
                    target.write_mask(mask)
        return path

    return write


@pytest.fixture(scope="session")
def save_polygons() -> Callable[..., Path]:
    """Writes rings as GeoJSON, a polygon each; properties and more members of the file follow."""

    def write(
        path: Path,
        rings: Sequence[Sequence[Sequence[float]]],
        properties: Sequence[dict[str, Any]] | None = None,
        **members: Any,
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        features = [
            {
                "type": "Feature",
                "properties": properties[i] if properties else {},
                "geometry": {"type": "Polygon", "coordinates": [ring]},
            }
            for i, ring in enumerate(rings)
        ]
        document = {"type": "FeatureCollection", "features": features, **members}
        path.write_text(json.dumps(document))
        return path

    return write


@pytest.fixture
def utm() -> dict[str, Any]:
    """The ``crs`` member of GeoJSON in the CRS of the scenes."""
    return {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}


@pytest.fixture
def place() -> Callable[..., Position]:
    """Where a scene of a size lies."""

    def make(height: int = 40, width: int = 60) -> Position:
        transform = (0.5, 0.0, CORNER[0], 0.0, -0.5, CORNER[1])
        return Position(CRS.from_user_input(UTM).wkt, transform, (height, width))

    return make


@pytest.fixture
def ring() -> Callable[..., list[list[float]]]:
    """A closed rectangle of rows and columns of a scene, in its CRS."""

    def make(y0: float, x0: float, y1: float, x1: float) -> list[list[float]]:
        east, north = CORNER
        corners = [(x0, y0), (x0, y1), (x1, y1), (x1, y0), (x0, y0)]
        return [[east + x / 2, north - y / 2] for x, y in corners]

    return make


@pytest.fixture
def pattern() -> NDArray[np.uint16]:
    """Three bands of 40 x 60 pixels, no value twice."""
    return np.arange(1, 3 * 40 * 60 + 1, dtype=np.uint16).reshape(3, 40, 60)
