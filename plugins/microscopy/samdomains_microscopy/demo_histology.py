"""Generated histology: tiles of slides stained with haematoxylin and eosin, as RGB TIFF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from tifffile import RESUNIT

from samdomains.plugin import write_json
from samdomains_microscopy.demo_parts import blob, save_plain, scatter, smooth_noise, write_splits

SLIDES = {"train": 5, "val": 1, "test": 2}
"""Slides in each part of ``splits.json``."""

TILES = 2
"""Tiles of each slide."""

SIDE = 192
"""Side of a tile in pixels."""

PIXELS_PER_CENTIMETRE = 40_000
"""0.25 micrometres a pixel, a scan at 40 times."""

RADII = (9.0, 16.0)
"""Smallest and largest mean radius of a nucleus in pixels: 4.5 to 8 micrometres wide."""

HAEMATOXYLIN = np.array([0.650, 0.704, 0.286])
EOSIN = np.array([0.072, 0.990, 0.105])
"""Optical density of the stains in red, green and blue (Ruifrok and Johnston 2001, "Quantification
of histochemical staining by color deconvolution", Anal Quant Cytol Histol 23:291-299)."""

WHITE = 243.0
"""Grey level of empty glass."""


def write_demo_histology(directory: Path, seed: int) -> Path:
    """Write ``images/``, ``labels/``, ``splits.json`` and ``groups.json`` and return the folder.

    Args:
        directory: An existing, empty folder.
        seed: The same seed gives the same files.
    """
    groups: dict[str, str] = {}
    for slide in range(sum(SLIDES.values())):
        stain = np.random.default_rng([seed, slide]).uniform(0.8, 1.25, 2)
        for tile in range(TILES):
            name = f"slide_{slide}_tile_{tile}"
            groups[name] = f"slide_{slide}"
            rng = np.random.default_rng([seed, slide, tile])
            image, labels = tissue_tile(rng, haematoxylin=stain[0], eosin=stain[1])
            save_plain(
                directory / "images" / f"{name}.tif",
                image,
                photometric="rgb",
                resolution=(PIXELS_PER_CENTIMETRE, PIXELS_PER_CENTIMETRE),
                resolutionunit=RESUNIT.CENTIMETER,
            )
            save_plain(directory / "labels" / f"{name}.tif", labels)
    sizes = {part: count * TILES for part, count in SLIDES.items()}
    write_splits(directory, list(groups), sizes)
    write_json(directory / "groups.json", groups)
    return directory


def tissue_tile(
    rng: np.random.Generator, *, haematoxylin: float, eosin: float
) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """One tile.

    Args:
        rng: The only source of randomness.
        haematoxylin: Strength of the slide's stain of nuclei; 1 is usual.
        eosin: Strength of the slide's stain of everything else.

    Returns:
        The image, (H, W, 3) as red, green and blue, and the label map of the nuclei, (H, W): 0 is
        background, every other value one nucleus.
    """
    size = (SIDE, SIDE)
    labels = scatter(lambda: blob(rng, size, RADII, 1.9), size, int(rng.integers(14, 30)))
    nuclei = haematoxylin * _nuclear_stain(rng, labels)
    density = nuclei[..., None] * HAEMATOXYLIN
    density = density + (eosin * _tissue_stain(rng, labels))[..., None] * EOSIN
    transmitted = WHITE * np.exp(-density)  # Beer and Lambert: stains multiply
    seen = ndimage.gaussian_filter(transmitted, (0.8, 0.8, 0)) + rng.normal(0, 3, (*size, 3))
    return np.clip(np.rint(seen), 0, 255).astype(np.uint8), labels


def _nuclear_stain(rng: np.random.Generator, labels: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Amount of haematoxylin: dark rims, clumps of chromatin, a haze of it elsewhere."""
    amount = rng.uniform(0.7, 1.5, int(labels.max()) + 1)
    amount[0] = 0.0
    clumps = 1 + 0.25 * smooth_noise(rng, labels.shape, 1.8)
    depth = ndimage.distance_transform_edt(labels > 0)
    rim = 1 + 0.4 * np.exp(-depth / 1.5)
    haze = 0.08 + 0.03 * smooth_noise(rng, labels.shape, 12)
    stain: NDArray[np.float64] = np.clip(amount[labels] * clumps * rim + haze, 0.0, None)
    return stain


def _tissue_stain(rng: np.random.Generator, labels: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Amount of eosin: cytoplasm and fibres, with gaps of empty glass."""
    fibres = smooth_noise(rng, labels.shape, (1.0, 7.0)) + smooth_noise(rng, labels.shape, 10)
    stain = np.clip(0.45 + 0.12 * fibres, 0.05, None)
    gaps = (smooth_noise(rng, labels.shape, 14) > 1.5) & (ndimage.maximum_filter(labels, 7) == 0)
    stain[gaps] = 0.02
    stain[labels > 0] *= 0.5
    return stain
