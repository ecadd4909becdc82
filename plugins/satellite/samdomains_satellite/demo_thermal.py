"""Generated thermal images: far targets of a few pixels and warm animals, in degrees Celsius."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from scipy import ndimage

from samdomains.plugin import Mask, Size, atomic_path, write_json

SPLITS = {"train": 8, "val": 2, "test": 4}
"""Images in each part of ``splits.json``: from 8 for training, all of a small model is tuned."""

SIDES = (128, 160)
"""Smallest and largest side of an image in pixels."""

TARGETS = (3, 7)
TARGET_WIDTHS = (1.2, 2.4)
"""Far targets are spots, as the optics blur them: least and most of them, and standard deviations
of their warmth in pixels. Half of the peak is exceeded in 6 to 25 pixels, a small target by the
field's measure of up to 80 (Chapple et al. 1999, Proc. SPIE 3699:122-132)."""

BODIES = (1, 2)
BODY_LENGTHS = (34.0, 60.0)
"""Animals in an image, and their lengths in pixels."""

NETD = 0.05
"""Noise of a pixel in kelvin: uncooled cameras are sold with 30 to 60 millikelvin."""

GAP = 4
"""Pixels between objects, so that each is a connected part of its own."""


def write_demo_thermal(directory: Path, seed: int) -> Path:
    """Write ``images/``, ``masks/`` and ``splits.json`` under ``directory`` and return it.

    Args:
        directory: An existing, empty folder.
        seed: The same seed gives the same files.
    """
    names = [f"thermal_{index:02d}" for index in range(sum(SPLITS.values()))]
    for index, name in enumerate(names):
        celsius, mask = thermal_scene(np.random.default_rng([seed, index]))
        _save(directory / "images" / f"{name}.tif", celsius)
        _save(directory / "masks" / f"{name}.tif", mask.astype(np.uint8) * 255)
    remaining = iter(names)
    parts = {part: [next(remaining) for _ in range(count)] for part, count in SPLITS.items()}
    write_json(directory / "splits.json", parts)
    return directory


def thermal_scene(rng: np.random.Generator) -> tuple[NDArray[np.float32], Mask]:
    """One image.

    Args:
        rng: The only source of randomness.

    Returns:
        Temperatures in degrees Celsius, (H, W), and the mask of all warm objects, (H, W).
    """
    height, width = (int(side) for side in rng.integers(SIDES[0], SIDES[1] + 1, 2))
    size = (height, width)
    celsius = _ground(rng, size)
    mask = np.zeros(size, dtype=bool)
    for _ in range(int(rng.integers(BODIES[0], BODIES[1] + 1))):
        _add(celsius, mask, *_animal(rng, celsius))
    for _ in range(int(rng.integers(TARGETS[0], TARGETS[1] + 1))):
        _add(celsius, mask, *_spot(rng, celsius))
    columns = rng.normal(0, 0.5 * NETD, width)  # each has its own amplifier
    return (celsius + columns + rng.normal(0, NETD, size)).astype(np.float32), mask


def _ground(rng: np.random.Generator, size: Size) -> NDArray[np.float64]:
    """Cool land under a colder sky, with warmer patches and the texture of plants."""
    land = rng.uniform(8, 16) + 1.5 * _smooth(rng, size, 25) + 0.4 * _smooth(rng, size, 2)
    horizon = rng.uniform(-0.2, 0.35) * size[0] + 4 * _smooth(rng, (1, size[1]), 12)[0]
    y = np.arange(size[0])[:, None]
    sky = rng.uniform(-12, 0) + 8 * y / size[0] + 0.8 * _smooth(rng, size, 14)
    share = 1 / (1 + np.exp(-(y - horizon[None]) / 1.5))
    ground: NDArray[np.float64] = share * land + (1 - share) * sky
    return ground


def _smooth(rng: np.random.Generator, size: Size, blur: float) -> NDArray[np.float64]:
    """Smooth noise of unit standard deviation."""
    noise = ndimage.gaussian_filter(rng.normal(size=size), blur, mode="reflect")
    smooth: NDArray[np.float64] = noise / max(noise.std(), 1e-9)
    return smooth


def _spot(rng: np.random.Generator, celsius: NDArray[np.float64]) -> tuple[Any, Mask]:
    """The warmth that a far target adds, and where it is at least half of its peak."""
    y, x = np.indices(celsius.shape) - rng.uniform(6, np.array(celsius.shape) - 6)[:, None, None]
    width, ratio = rng.uniform(*TARGET_WIDTHS), rng.uniform(0.7, 1.0)
    share = np.exp(-0.5 * ((x / width) ** 2 + (y / (ratio * width)) ** 2))
    return rng.uniform(4, 14) * share, share >= 0.5


def _animal(rng: np.random.Generator, celsius: NDArray[np.float64]) -> tuple[Any, Mask]:
    """The warmth that an animal seen from the side adds, and its mask."""
    length = rng.uniform(*BODY_LENGTHS)
    centre = rng.uniform((0.45, 0.2), (0.85, 0.8)) * celsius.shape
    y, x = (np.indices(celsius.shape) - centre[:, None, None]) / length
    x *= rng.choice([-1.0, 1.0])
    inside = _ellipse(x, y, 0.42, 0.19)
    inside |= _ellipse(x - 0.46, y + 0.16, 0.15, 0.09) | _ellipse(x - 0.34, y + 0.08, 0.16, 0.1)
    for leg in (-0.3, -0.2, 0.2, 0.3):
        inside |= (np.abs(x - leg - rng.normal(0, 0.015)) < 0.045) & (y > 0) & (y < 0.46)
    depth = np.minimum(1.0, ndimage.distance_transform_edt(inside) / (0.12 * length))
    skin = 26 + 6 * depth + 1.2 * _smooth(rng, inside.shape, 4)  # limbs and edges are cooler
    share = ndimage.gaussian_filter(inside.astype(np.float64), 0.8)  # the lens
    return share * (skin - celsius), inside


def _ellipse(
    x: NDArray[np.float64], y: NDArray[np.float64], half_width: float, half_height: float
) -> Mask:
    inside: Mask = (x / half_width) ** 2 + (y / half_height) ** 2 <= 1
    return inside


def _add(celsius: NDArray[np.float64], mask: Mask, warmth: Any, inside: Mask) -> None:  # noqa: ANN401
    """Put an object into the image, unless it comes too near to another."""
    if not (ndimage.binary_dilation(inside, iterations=GAP) & mask).any():
        celsius += warmth
        mask |= inside


def _save(path: Path, pixels: NDArray[Any]) -> None:
    """A TIFF without position, as thermal cameras write it."""
    profile = {
        "driver": "GTiff",
        "dtype": pixels.dtype.name,
        "count": 1,
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "compress": "deflate",
    }
    with atomic_path(path) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(temporary, "w", **profile) as target:
            target.write(pixels, 1)
