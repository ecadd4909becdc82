"""Writing segmentations on the ground: label GeoTIFF and GeoJSON polygons in the scene's CRS."""

from __future__ import annotations

import csv
import errno
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.errors import RasterioError
from rasterio.windows import Window

from samdomains.plugin import (
    Case,
    CocoJsonWriter,
    DataError,
    LabelPngWriter,
    ObjectMask,
    OutputFormat,
    atomic_path,
    file_stem,
    image_file,
    write_text,
)
from samdomains_satellite.geojson import crs_member
from samdomains_satellite.polygons import outlined
from samdomains_satellite.position import Coordinates, Position
from samdomains_satellite.rasters import CACHE_BYTES

BLOCK = 256
"""Side of the tiles of a label GeoTIFF, and rows that are in memory at once: GDAL's own default
for tiles, a multiple of 16 as TIFF asks."""

MOST_UINT16 = 2**16 - 1


@dataclass(frozen=True)
class SceneWriter:
    """Writes masks in the format of ``data.output``; the object at place i has the value i + 1.

    * ``geotiff``: ``<id>.tif``, a label raster; and ``<id>_classes.csv`` where there are several
      classes. Where objects overlap, the smaller lies over the larger.
    * ``geojson``: ``<id>.geojson``, the outlines of the pixels of each object, overlaps kept.
    * ``native``: both; of an image without position the PNG label map of the core.
    * ``png``, ``coco``: as the core writes them.

    Attributes:
        output: The recipe's ``data.output``, one of these.
    """

    output: OutputFormat

    def __call__(self, case: Case, objects: Sequence[ObjectMask], out: Path) -> Sequence[Path]:
        """Write the objects of one case under the folder ``out``; returns the files.

        Raises:
            DataError: The id of the case is no file name; or the image has no position, and the
                format needs one.
        """
        if self.output == "coco":
            return CocoJsonWriter()(case, objects, out)
        if self.output == "png" or (self.output == "native" and case.geometry is None):
            return LabelPngWriter()(case, objects, out)
        position, stem = _position(case, self.output), file_stem(case)
        written: list[Path] = []
        if self.output in ("native", "geotiff"):
            written.append(out / f"{stem}.tif")
            write_label_raster(written[-1], position, objects)
            if len(case.classes) > 1:
                written.append(out / f"{stem}_classes.csv")
                _write_classes(written[-1], case, objects)
        if self.output in ("native", "geojson"):
            written.append(out / f"{stem}.geojson")
            write_polygons(written[-1], position, case, objects)
        return written


def write_label_raster(path: Path, position: Position, objects: Sequence[ObjectMask]) -> None:
    """Write a label GeoTIFF on the grid of a scene, a row of tiles at a time.

    0 is background, declared as nodata; uint16, or uint32 above 65,535 objects.

    Args:
        path: Where to write.
        position: Of the scene.
        objects: Of the scene, the first with value 1.

    Raises:
        OSError: It cannot be written, the disk is full for example; names ``path``.
    """
    height, width = position.size
    dtype = np.dtype(np.uint16 if len(objects) <= MOST_UINT16 else np.uint32)
    profile = {
        "driver": "GTiff",
        "dtype": dtype.name,
        "count": 1,
        "height": height,
        "width": width,
        "crs": position.reference,
        "transform": Affine(*position.transform),
        "nodata": 0,
        "compress": "deflate",
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "bigtiff": "if_safer",
    }
    with atomic_path(path) as temporary, rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES):
        try:
            with rasterio.open(temporary, "w", **profile) as target:
                for y0, rows in _label_rows(objects, position.size, dtype):
                    target.write(rows, 1, window=Window(0, y0, width, len(rows)))
            with rasterio.open(temporary) as written:
                written.checksum(1)  # GDAL says nothing of what fails as it closes a file
        except RasterioError as error:
            reason = str(error.__cause__ or error).replace(temporary.name, path.name)
            problem = f"it cannot be written whole; is the disk full? ({reason})"
            raise OSError(errno.EIO, problem, str(path)) from error


def _label_rows(
    objects: Sequence[ObjectMask], size: tuple[int, int], dtype: np.dtype[Any]
) -> Iterator[tuple[int, NDArray[Any]]]:
    """(first row, (h, W) labels) of each row of tiles, the smaller object above the larger."""
    height, width = size
    order = sorted(range(len(objects)), key=lambda place: -objects[place].area)
    tops = np.array([objects[place].origin[0] for place in order], dtype=np.int64)
    ends = tops + np.array([len(objects[place].crop) for place in order], dtype=np.int64)
    for y0 in range(0, height, BLOCK):
        rows = np.zeros((min(BLOCK, height - y0), width), dtype=dtype)
        for index in np.flatnonzero((tops < y0 + len(rows)) & (ends > y0)):
            _lay(rows, y0, objects[order[index]], order[index] + 1)
        yield y0, rows


def _lay(rows: NDArray[Any], y0: int, item: ObjectMask, value: int) -> None:
    """Put the part of an object that lies in some rows of the image on top."""
    (top, left), (height, width) = item.origin, item.crop.shape
    first, last = max(top, y0), min(top + height, y0 + len(rows))
    crop = item.crop[first - top : last - top]
    rows[first - y0 : last - y0, left : left + width][crop] = value


def write_polygons(
    path: Path, position: Position, case: Case, objects: Sequence[ObjectMask]
) -> None:
    """Write GeoJSON in the CRS of a scene, a feature a line; it rasterises back to the masks.

    Args:
        path: Where to write.
        position: Of the scene.
        case: The scene, for its name and classes.
        objects: Of the scene.
    """
    head = {"type": "FeatureCollection", "name": case.id, "crs": crs_member(position.crs)}
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "features": [')
        for place, item in enumerate(objects):
            feature = _feature(item, place + 1, position, case)
            file.write((",\n" if place else "\n") + json.dumps(feature, ensure_ascii=False))
        file.write("\n]}\n")


def _feature(item: ObjectMask, value: int, position: Position, case: Case) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "id": value,
        "class": case.classes.get(item.class_id, f"class {item.class_id}"),
    }
    reference = position.reference
    if reference is not None and reference.is_projected:
        properties["area"] = item.area * position.pixel_area
    if item.score is not None:
        properties["score"] = float(item.score)
    parts = [
        [_wound(position.to_ground(ring), clockwise=bool(place)) for place, ring in enumerate(part)]
        for part in outlined(item.crop, item.origin)
    ]
    geometry = (
        {"type": "Polygon", "coordinates": parts[0]}
        if len(parts) == 1
        else {"type": "MultiPolygon", "coordinates": parts}
    )
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _wound(ring: Coordinates, *, clockwise: bool) -> list[list[float]]:
    """A ring's positions; outer rings are anticlockwise, holes clockwise (RFC 7946, 3.1.6)."""
    x, y = (ring - ring[0]).T
    doubled = np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])
    positions: list[list[float]] = (ring[::-1] if (doubled > 0) == clockwise else ring).tolist()
    return positions


def _position(case: Case, output: OutputFormat) -> Position:
    if not isinstance(case.geometry, Position):
        raise DataError(
            image_file(case),
            f"data.output is {output}, and the image has no position (CRS and transform)",
            "Write --set data.output=png, or segment the georeferenced image.",
        )
    return case.geometry


def _write_classes(path: Path, case: Case, objects: Sequence[ObjectMask]) -> None:
    """A row for each value: value, class id and class name."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["value", "class_id", "class"])
    for value, item in enumerate(objects, start=1):
        table.writerow([value, item.class_id, case.classes.get(item.class_id, "")])
    write_text(path, text.getvalue())
