"""Generated aerial scenes with houses: GeoTIFF of four bands, and footprints in GeoJSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp

from samdomains.plugin import Mask, Size, atomic_path, write_json
from samdomains_satellite.demo_land import House, land
from samdomains_satellite.geojson import WGS_84
from samdomains_satellite.position import Position, moved

SPLITS = {"train": 8, "val": 2, "test": 4}
"""Scenes in each part of ``splits.json``: from 8 for training, all of a small model is tuned."""

SIDES = (128, 160)
"""Smallest and largest side of a scene in pixels."""

PIXEL = 0.5
"""Metres: aerial images, and the sharpest satellites."""

CORNER = (455_000.0, 5_540_000.0)
SPACING = 150.0
"""Easting and northing of the first scene in EPSG:32633, and metres from one to the next; none
overlap."""

BANDS = ("red", "green", "blue", "near infrared")
"""In this order the first three make true colours."""

NODATA = 0
SCALE = 10_000
"""Reflectance is stored as whole numbers of 1/10000, as that of Sentinel-2 and Landsat."""

DECIMALS = 9
"""Of the footprints' degrees: a tenth of a millimetre."""


def write_demo_data(directory: Path, seed: int) -> Path:
    """Write ``images/``, ``footprints.geojson`` and ``splits.json`` under ``directory``.

    Args:
        directory: An existing, empty folder.
        seed: The same seed gives the same files.

    Returns:
        The folder.
    """
    features: list[dict[str, Any]] = []
    crs = CRS.from_epsg(32633).wkt
    names = [f"scene_{index:02d}" for index in range(sum(SPLITS.values()))]
    for index, name in enumerate(names):
        rng = np.random.default_rng([seed, index])
        height, width = (int(side) for side in rng.integers(SIDES[0], SIDES[1] + 1, 2))
        void = _void_corner(rng, (height, width))
        with rasterio.Env():  # once, not for each of a hundred polygons
            reflectance, houses = land(rng, (height, width), void)
        east, north = CORNER[0] + SPACING * (index % 4), CORNER[1] - SPACING * (index // 4)
        transform = (PIXEL, 0.0, east, 0.0, -PIXEL, north)
        place = Position(crs, transform, (height, width))
        _save(directory / "images" / f"{name}.tif", _stored(reflectance, void), place)
        features += [_footprint(house, place) for house in houses]
    document = {"type": "FeatureCollection", "name": "footprints", "features": features}
    write_json(directory / "footprints.geojson", document)
    remaining = iter(names)
    parts = {part: [next(remaining) for _ in range(count)] for part, count in SPLITS.items()}
    write_json(directory / "splits.json", parts)
    return directory


def _void_corner(rng: np.random.Generator, size: Size) -> Mask:
    """A corner that the flight did not cover, in one of three scenes."""
    y, x = np.indices(size)
    if rng.random() > 1 / 3:
        return np.zeros(size, dtype=bool)
    inside: Mask = x * rng.uniform(0.5, 1.5) + y < rng.uniform(30, 60)
    if rng.random() < 0.5:
        inside = inside[::-1, ::-1].copy()
    return inside


def _stored(reflectance: NDArray[np.float64], void: Mask) -> NDArray[np.uint16]:
    """Whole numbers from 1; 0 where there is nothing."""
    stored: NDArray[np.uint16] = np.clip(np.rint(SCALE * reflectance), 1, SCALE).astype(np.uint16)
    stored[:, void] = NODATA
    return stored


def _save(path: Path, pixels: NDArray[np.uint16], place: Position) -> None:
    profile = {
        "driver": "GTiff",
        "dtype": "uint16",
        "count": len(pixels),
        "height": pixels.shape[1],
        "width": pixels.shape[2],
        "crs": place.reference,
        "transform": Affine(*place.transform),
        "nodata": NODATA,
        "compress": "deflate",
        "predictor": 2,
    }
    with atomic_path(path) as temporary, rasterio.open(temporary, "w", **profile) as target:
        target.write(pixels)
        target.descriptions = BANDS
        colours = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.undefined)
        target.colorinterp = colours


def _footprint(house: House, place: Position) -> dict[str, Any]:
    """A house as a GeoJSON feature in WGS 84."""
    ring = moved(place.to_ground(house.outline), place.crs, WGS_84)[::-1]  # anticlockwise
    geometry = {"type": "Polygon", "coordinates": [np.round(ring, DECIMALS).tolist()]}
    return {"type": "Feature", "properties": {"class": "building"}, "geometry": geometry}
