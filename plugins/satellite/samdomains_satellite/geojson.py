"""GeoJSON: polygons with classes, in the CRS that the file names."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.crs import CRS
from rasterio.errors import CRSError

from samdomains.plugin import DataError, name_some, read_json_object
from samdomains_satellite.polygons import Polygon
from samdomains_satellite.position import Coordinates, crs_name

SUFFIX = ".geojson"

CLASS_PROPERTIES = ("class", "label", "category")
"""Names of the property that says an object's class; the first that occurs counts."""

WGS_84: str = CRS.from_epsg(4326).wkt
"""Longitude and latitude in degrees: the CRS of GeoJSON that names none (RFC 7946, section 4)."""

CRS84 = "urn:ogc:def:crs:OGC:1.3:CRS84"
"""The name of WGS 84 with longitude first, as GeoJSON writes it."""

_POSITIONS_OF_A_RING = 4
"""A ring is closed: a triangle has four positions (RFC 7946, section 3.1.6)."""


@dataclass(frozen=True, eq=False)
class Feature:
    """One object of a GeoJSON file.

    Attributes:
        polygons: Its parts, in the CRS of the file.
        kind: Its class as the file says it, a name or a number; None where it says nothing.
    """

    polygons: tuple[Polygon, ...]
    kind: str | int | None


@dataclass(frozen=True, eq=False)
class GeoJson:
    """What a GeoJSON file holds.

    Attributes:
        path: The file.
        crs: WKT; empty where the file says that nobody knows it (``"crs": null``), so that the
            coordinates are those of the scene.
        features: The features with polygons, in the order of the file.
        others: Number of features that are no polygons: points, lines, or nothing.
    """

    path: Path
    crs: str
    features: tuple[Feature, ...]
    others: int


def read_geojson(path: Path) -> GeoJson:
    """Read a FeatureCollection.

    The CRS is that of its ``crs`` member (GeoJSON of 2008, still written for other CRSs than
    WGS 84), else WGS 84 as RFC 7946 says. x, or longitude, stands first in any CRS.

    Raises:
        DataError: The file is malformed, or its CRS is unknown or cannot be that of its
            coordinates.
    """
    document = read_json_object(path)
    found = document.get("features")
    if document.get("type") != "FeatureCollection" or not isinstance(found, list):
        problem = f"expected a FeatureCollection, got {document.get('type')!r}"
        raise DataError(path, problem, "Export the polygons as a GeoJSON FeatureCollection.")
    crs = _crs(path, document)
    features = [_feature(path, number, item) for number, item in enumerate(found)]
    polygonal = tuple(item for item in features if item is not None)
    _require_degrees(path, crs, polygonal)
    return GeoJson(path, crs, _with_classes(path, polygonal), len(features) - len(polygonal))


def crs_member(crs: str) -> dict[str, Any] | None:
    """The ``crs`` member of GeoJSON in a CRS (WKT); None, JSON's null, for an empty text.

    A CRS without a code of an authority is named by its WKT, which GDAL and QGIS read.
    """
    if not crs:
        return None
    code = crs_name(crs)
    authority, _, number = code.partition(":")
    name = f"urn:ogc:def:crs:{authority}::{number}" if number.isdigit() else crs
    if code in ("EPSG:4326", "OGC:CRS84"):
        name = CRS84
    return {"type": "name", "properties": {"name": name}}


def _crs(path: Path, document: Mapping[str, Any]) -> str:
    if "crs" not in document:
        return WGS_84
    member = document["crs"]
    if member is None:
        return ""
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    remedy = f'Write it as {{"type": "name", "properties": {{"name": "{CRS84}"}}}}, or remove it.'
    if not isinstance(name, str):
        raise DataError(path, f"its crs member names no CRS: {json.dumps(member)}", remedy)
    try:
        found = CRS.from_user_input(name)
    except CRSError:
        raise DataError(path, f"its CRS '{name}' is not known", remedy) from None
    # The same with latitude first, which GeoJSON never means.
    return WGS_84 if found.to_authority() == ("OGC", "CRS84") else str(found.wkt)


def _feature(path: Path, number: int, item: object) -> Feature | None:
    """A feature with polygons; None for one without."""
    if not isinstance(item, dict) or item.get("type") != "Feature":
        raise DataError(path, f"entry {number} of 'features' is no Feature", "Correct it.")
    geometry = item.get("geometry")
    try:
        polygons = tuple(_polygons(geometry)) if isinstance(geometry, dict) else ()
    except (TypeError, ValueError, KeyError) as error:
        problem = f"the geometry of feature {number} is malformed ({error})"
        raise DataError(path, problem, "Export it again, or mend the polygon.") from None
    if not polygons:
        return None
    return Feature(polygons, _kind(path, number, item.get("properties") or {}))


def _polygons(geometry: Mapping[str, Any]) -> Iterator[Polygon]:
    """The polygons of a geometry, those of collections included."""
    kind = geometry.get("type")
    if kind == "Polygon":
        yield _rings(geometry["coordinates"])
    elif kind == "MultiPolygon":
        for part in geometry["coordinates"]:
            yield _rings(part)
    elif kind == "GeometryCollection":
        for part in geometry["geometries"]:
            yield from _polygons(part)


def _rings(coordinates: Sequence[Any]) -> Polygon:
    if not coordinates:
        raise ValueError("a polygon without ring")
    return [_ring(positions) for positions in coordinates]


def _ring(positions: Iterable[Sequence[float]]) -> Coordinates:
    """(N, 2), closed; heights are left out."""
    ring = np.array([(float(x), float(y)) for x, y, *_ in positions], dtype=np.float64)
    if len(ring) < _POSITIONS_OF_A_RING or not np.isfinite(ring).all():
        raise ValueError(f"a ring needs four finite positions, got {len(ring)}")
    return ring if (ring[0] == ring[-1]).all() else np.concatenate([ring, ring[:1]])


def _kind(path: Path, number: int, properties: object) -> str | int | None:
    values = properties if isinstance(properties, dict) else {}
    for name in CLASS_PROPERTIES:
        value = values.get(name)
        if value is None:
            continue
        if isinstance(value, str) and value.strip():
            return value
        if type(value) in (int, float) and float(value).is_integer():
            return int(value)
        problem = f"feature {number} has the {name} {value!r}, neither a name nor a whole number"
        raise DataError(path, problem, "Correct it.")
    return None


def _with_classes(path: Path, features: tuple[Feature, ...]) -> tuple[Feature, ...]:
    """The features, if all or none of them say their class, and in the same way."""
    kinds = {type(item.kind) for item in features}
    if len(kinds) <= 1:
        return features
    if type(None) in kinds:
        missing = sum(item.kind is None for item in features)
        problem = f"{missing} of {len(features)} polygons have no class, label or category"
        raise DataError(path, problem, "Give every polygon one, or none.")
    names = name_some(sorted({str(item.kind) for item in features}))
    raise DataError(path, f"its classes are names and numbers ({names})", "Use one of the two.")


def _require_degrees(path: Path, crs: str, features: Sequence[Feature]) -> None:
    """Refuse coordinates that are no degrees in a file of longitude and latitude."""
    if crs != WGS_84:
        return
    for ring in (ring for item in features for part in item.polygons for ring in part):
        x, y = (float(side) for side in np.abs(ring).max(axis=0))
        if x > 360 or y > 90 or math.isnan(x + y):
            raise DataError(
                path,
                f"its CRS is WGS 84, in degrees, and it has coordinates such as "
                f"{ring[0, 0]:g}, {ring[0, 1]:g}",
                "Name the CRS of its coordinates in a crs member, or export it as WGS 84.",
            )
