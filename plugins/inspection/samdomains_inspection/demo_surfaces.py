"""Generated surfaces without any defect: brushed metal, a casting, a woven textile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.plugin import Size

Surface: TypeAlias = Callable[[np.random.Generator, Size], NDArray[np.float64]]
"""Draws brightness, (H, W) with mean about 1, from a random generator and a size (H, W)."""


def brushed_metal(rng: np.random.Generator, size: Size) -> NDArray[np.float64]:
    """Fine grooves along the rows or the columns, as a brush leaves them."""
    along, across = rng.uniform(25, 45), 0.6
    blur = (across, along) if rng.random() < 0.5 else (along, across)
    grooves = smooth_noise(rng, size, blur)
    return 1 + rng.uniform(0.03, 0.05) * grooves + 0.02 * smooth_noise(rng, size, 18)


def casting(rng: np.random.Generator, size: Size) -> NDArray[np.float64]:
    """Grain of a cast surface, finer and coarser, on gentle waves."""
    grain = 0.8 * smooth_noise(rng, size, 0.9) + 0.5 * smooth_noise(rng, size, 2.5)
    return 1 + rng.uniform(0.03, 0.05) * grain + 0.03 * smooth_noise(rng, size, 22)


def textile(rng: np.random.Generator, size: Size) -> NDArray[np.float64]:
    """A plain weave: threads of two directions that take turns at lying on top."""
    pitch, turn = rng.uniform(4.5, 6.5), rng.uniform(-0.1, 0.1)
    y, x = np.indices(size)
    bend = 0.4 * smooth_noise(rng, size, 12)
    warp = (x * np.cos(turn) + y * np.sin(turn) + bend) * np.pi / pitch
    weft = (y * np.cos(turn) - x * np.sin(turn) + bend) * np.pi / pitch
    on_top = np.sin(warp) * np.sin(weft)
    threads = np.where(on_top > 0, np.abs(np.sin(warp)), np.abs(np.sin(weft)))
    weave: NDArray[np.float64] = ndimage.gaussian_filter(threads, 0.8)
    return 1 + 0.3 * (weave - float(weave.mean())) + 0.03 * smooth_noise(rng, size, 1.0)


SURFACES: Sequence[Surface] = (brushed_metal, casting, textile)


def smooth_noise(
    rng: np.random.Generator, size: Size, blur: float | Sequence[float]
) -> NDArray[np.float64]:
    """Smooth noise of unit standard deviation, (H, W).

    Args:
        rng: The only source of randomness.
        size: (H, W).
        blur: Standard deviation of the Gaussian in pixels, for both axes or for each.
    """
    noise = ndimage.gaussian_filter(rng.normal(size=size), blur, mode="reflect")
    smooth: NDArray[np.float64] = noise / noise.std()
    return smooth
