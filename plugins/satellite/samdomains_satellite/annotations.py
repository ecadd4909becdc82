"""What reads the objects of one scene: a label raster, or the polygons that lie in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.enums import Resampling
from rasterio.warp import reproject

from samdomains.plugin import (
    MOST_PIXELS,
    DataError,
    MaskReading,
    ObjectMask,
    Size,
    image_size,
    read_mask,
)
from samdomains_satellite.geojson import Feature
from samdomains_satellite.polygons import Polygon, rasterised
from samdomains_satellite.position import Position, crs_name, moved, overlap
from samdomains_satellite.rasters import (
    TIFF_SUFFIXES,
    Raster,
    intensity_bands,
    opened,
    position_of,
    require_one_picture,
)

NOWHERE = np.zeros((0, 2))
"""No point at all."""

Scene: TypeAlias = Raster | Path
"""A GeoTIFF, or the file of a plain picture, which the core reads."""


@dataclass(frozen=True)
class RasterObjects:
    """Reads the objects of a scene from a label raster. Hashable.

    Attributes:
        path: The label raster: a TIFF with or without position, or a plain picture.
        scene: What it labels.
        reading: What its values mean.
    """

    path: Path
    scene: Scene
    reading: MaskReading

    def __call__(self) -> tuple[ObjectMask, ...]:
        """The objects, sorted by class or value.

        Raises:
            DataError: The raster is damaged, holds colours or fractions, is of another size than
                its scene without saying where it lies, or lies elsewhere.
        """
        return self.reading.objects_of(label_values(self.path, self.scene))


@dataclass(frozen=True)
class PolygonObjects:
    """Reads the objects of a scene from polygons. Hashable: file and place tell it from others.

    Attributes:
        path: The GeoJSON file that they are from.
        crs: WKT of their coordinates; empty for those of the scene.
        position: Where the scene lies.
        features: The polygons that may lie in the scene.
        class_ids: Of each feature.
    """

    path: Path
    crs: str
    position: Position
    features: tuple[Feature, ...] = field(compare=False)
    class_ids: tuple[int, ...] = field(compare=False)

    def __call__(self) -> tuple[ObjectMask, ...]:
        """The objects in the order of the file, each rasterised in its own window alone.

        A pixel belongs to a polygon that holds its centre; a polygon that holds none is left out.

        Raises:
            DataError: The polygons have no coordinates in the CRS of the scene.
        """
        found = []
        for parts, class_id in zip(self._in_pixels(), self.class_ids, strict=True):
            crop = rasterised(parts, self.position.size)
            if crop is not None:
                found.append(ObjectMask(*crop, self.position.size, class_id))
        return tuple(found)

    def _in_pixels(self) -> Iterator[list[Polygon]]:
        """The parts of each feature, in pixels of the scene."""
        rings = [ring for item in self.features for part in item.polygons for ring in part]
        points = moved(np.concatenate([NOWHERE, *rings]), self.crs, self.position.crs)
        if not np.isfinite(points).all():
            raise DataError(
                self.path,
                f"a polygon has no coordinates in the CRS of the scene, "
                f"{crs_name(self.position.crs)}",
                "Check the CRS of both, or remove what lies far from the scene.",
            )
        ends = np.cumsum([len(ring) for ring in rings])[:-1]
        pixels = iter(np.split(self.position.to_pixels(points), ends))
        for item in self.features:
            yield [[next(pixels) for _ in part] for part in item.polygons]


def label_values(path: Path, scene: Scene) -> NDArray[np.int64]:
    """(H, W): the values of a label raster on the grid of its scene; nodata is background.

    A raster on another grid or CRS is brought there by the nearest neighbour.

    Raises:
        DataError: As for ``RasterObjects``.
    """
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return _of_the_same_size(path, read_mask(path), scene_size(scene))
    values, position = _read_tiff(path)
    target = scene.position if isinstance(scene, Raster) else None
    if not is_reprojected(position, target):
        return _of_the_same_size(path, values, scene_size(scene))
    assert position is not None
    assert target is not None
    return _reprojected(path, values, position, target)


def scene_size(scene: Scene) -> Size:
    """(H, W) of a scene, from its header."""
    return scene.size if isinstance(scene, Raster) else image_size(scene)


def label_position(path: Path) -> Position | None:
    """Where a label raster lies, from its header; None for a plain picture.

    Raises:
        DataError: The file is damaged.
    """
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return None
    with opened(path) as source:
        return position_of(source)[0]


def is_reprojected(label: Position | None, scene: Position | None) -> bool:
    """Whether a label raster lies on another grid or CRS than its scene, as far as both say."""
    return label is not None and scene is not None and not label.lies_on(scene)


def _read_tiff(path: Path) -> tuple[NDArray[np.int64], Position | None]:
    with opened(path) as source:
        require_one_picture(path, source)
        if source.height * source.width > MOST_PIXELS:
            problem = f"it has more than {MOST_PIXELS} pixels"
            raise DataError(path, problem, "Cut it with its scene, or label by GeoJSON.")
        bands = list(intensity_bands(source))
        values = _whole_numbers(path, source.read(bands))
        values[source.read_masks(bands[0]) == 0] = 0
        return values, position_of(source)[0]


def _whole_numbers(path: Path, bands: NDArray[Any]) -> NDArray[np.int64]:
    """(H, W) of (C, H, W) whose bands are all the same; NaN is background."""
    first = bands[0]
    if any((band != first).any() for band in bands[1:]):
        problem = "the labels are coloured, and colours have no number"
        raise DataError(path, problem, "Save one number for each class or object, in one band.")
    if first.dtype.kind == "f":
        first = np.where(np.isnan(first), 0, first)
        if not np.isfinite(first).all() or (first != np.rint(first)).any():
            problem = f"its values, of type {first.dtype}, are not all whole numbers"
            raise DataError(path, problem, "Save one whole number for each class or object.")
    whole: NDArray[np.int64] = first.astype(np.int64)
    return whole


def _of_the_same_size(path: Path, values: NDArray[np.int64], size: Size) -> NDArray[np.int64]:
    if values.shape != size:
        raise DataError(
            path,
            f"the labels are {values.shape[1]} x {values.shape[0]} pixels (width x height), their "
            f"image is {size[1]} x {size[0]}, and one of the two does not say where it lies",
            "Export the labels at the image's size; without a position they are not resized.",
        )
    return values


def _reprojected(
    path: Path, values: NDArray[np.int64], position: Position, target: Position
) -> NDArray[np.int64]:
    """The labels on the grid of their scene, by the nearest neighbour; 0 beyond their border."""
    if not (position.crs and target.crs):
        raise DataError(
            path,
            "the labels and their image lie on different grids, and a CRS is missing",
            "Write the CRS into both: gdal_edit.py -a_srs EPSG:<code>.",
        )
    own, wanted = target.bounds_in(position.crs), position.bounds_in(position.crs)
    if own is None or wanted is None or not overlap(own, wanted):
        problem = f"the labels ({crs_name(position.crs)}) lie elsewhere than their image"
        raise DataError(path, problem, "Check that both are of one place, and their CRS.")
    # float64 holds whole numbers up to 2**53, and GDAL's warper knows it in every release.
    destination = np.zeros(target.size, dtype=np.float64)
    reproject(
        source=values.astype(np.float64),
        destination=destination,
        src_transform=Affine(*position.transform),
        src_crs=position.reference,
        dst_transform=Affine(*target.transform),
        dst_crs=target.reference,
        resampling=Resampling.nearest,
        tolerance=0,
    )
    return destination.astype(np.int64)
