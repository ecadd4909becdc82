"""Satellite and aerial images: GeoTIFF scenes, labelled by rasters or by polygons on the ground.

Prompts and strategy are the core's; this layer reads and writes what lies on the ground, leaves
nodata out of the statistics, and brings values and demo data. The domain ``infrared`` extends it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from samdomains.plugin import (
    Case,
    MaskWriter,
    Normalizer,
    OutputFormat,
    Recipe,
    chosen_writer,
    hookimpl,
    make_normalizer,
)
from samdomains_satellite.intensity import NodataNormalizer
from samdomains_satellite.suites import SATELLITE

OUTPUTS: tuple[OutputFormat, ...] = ("native", "geotiff", "geojson", "png", "coco")


@hookimpl
def load_cases(source: Path, recipe: Recipe) -> Sequence[Case]:
    """GeoTIFF with label rasters or GeoJSON; plain pictures as the core reads them."""
    from samdomains_satellite.cases import load_any

    return load_any(source, recipe)


@hookimpl
def normalize_intensity(recipe: Recipe) -> Normalizer:
    """The core's stretches, for scenes in which some pixels hold nothing."""
    return NodataNormalizer(make_normalizer(recipe.intensity))


@hookimpl
def write_masks(recipe: Recipe) -> MaskWriter:
    """Label GeoTIFF and GeoJSON in the scene's CRS; or PNG label maps, or COCO JSON."""
    from samdomains_satellite.writers import SceneWriter

    writers = {output: SceneWriter(output) for output in OUTPUTS}
    return chosen_writer(recipe.data.output, writers, "GeoTIFF and GeoJSON")


@hookimpl
def recipes() -> Mapping[str, Mapping[str, Any]]:
    """The values in which satellite and aerial images differ from the core's."""
    return {
        "default": {
            # One prompt stands for one building, field or pond: label maps and polygons say so by
            # themselves; this is for binary masks, whose connected parts are the objects.
            "data": {"objects": "components"},
            # A few clouds, roofs or shadows must not take all grey levels: scenes are shown
            # between 2 and 98 percent, as by QGIS (QgsRasterMinMaxOrigin, cumulative cut).
            "intensity": {"lower": 2.0, "upper": 98.0},
            # Houses at 0.15 to 0.5 m a pixel are less than 128 pixels wide, half of this tile, in
            # which they are not cut. Of 128 and 256 the latter found buildings from a point better
            # (Dice 0.63 and 0.68, `tiny` untuned, README).
            "model": {"tile": 256},
            # Cross-entropy with Dice and small batches for small data sets, as in microscopy
            # (nnU-Net, Isensee et al. 2021, doi:10.1038/s41592-020-01008-z).
            "training": {
                "epochs": 10,
                "batch_size": 2,
                "focal_weight": 2.0,
                "focal_gamma": 0.0,
                "warmup_fraction": 0.1,
            },
        },
        # Reflectance in 1/10000, shown from 0 to 0.3: the usual stretch of Sentinel-2 in true
        # colours (Earth Engine, Map.addLayer, and its pages on COPERNICUS/S2_SR). At 10 m a pixel
        # fields are about 20 pixels wide: of tiles of 64, 128 and 256 pixels the first found them
        # from a point best (Dice 0.62, 0.55 and 0.53, `tiny` untuned, README).
        "sentinel2": {
            "intensity": {"method": "range", "lower": 0.0, "upper": 3000.0},
            "model": {"tile": 64},
        },
        # A network of roads spans its scene: one prompt stands for all of it, and the whole scene
        # is looked at.
        "roads": {
            "data": {"objects": "whole"},
            "model": {"tile": None},
            # One object a scene is little to learn from: on 11 scenes the validation Dice fell for
            # 8 passes at 1e-4, and rose from 0.15 to 0.64 in 40 at 2e-4 (benchmarks/domains.md).
            "training": {"epochs": 40, "patience": 20, "learning_rate": 2e-4},
        },
        # Bands from blue on, as most satellites of 4 to 8 bands deliver them, in true colours.
        "bgr": {"intensity": {"channels": [2, 1, 0]}},
        # Near infrared, red and green as red, green and blue, of the bands red, green, blue and
        # near infrared: colour infrared film, in which plants are red.
        "false_colour": {"intensity": {"channels": [3, 0, 1]}},
    }


@hookimpl
def benchmarks() -> Mapping[str, Mapping[str, Any]]:
    """The data sets of ``suites.py``."""
    return {"default": SATELLITE}


@hookimpl
def make_demo_data(directory: Path, seed: int) -> Path:
    """Scenes of four bands with roofs: GeoTIFF, footprints in GeoJSON, ``splits.json``."""
    from samdomains_satellite.demo import write_demo_data

    return write_demo_data(directory, seed)
