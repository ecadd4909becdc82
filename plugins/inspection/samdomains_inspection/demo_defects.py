"""Generated defects: scratches, dents and pits, drawn into the brightness of a surface."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree
from scipy.special import expit

from samdomains.plugin import Mask, Size
from samdomains_inspection.demo_surfaces import smooth_noise

Light: TypeAlias = NDArray[np.float64]
"""Brightness, (H, W) with mean about 1."""

Defect: TypeAlias = Callable[[np.random.Generator, Light], tuple[Light, Mask]]
"""Draws one to five defects of a kind; gives the brightness with them and their mask."""

GAP = 6
"""Least distance in pixels between two defects, so that each is a connected part by itself."""

TRIES = 10
"""Places that are tried for a defect before there is taken to be no room."""


def scratches(rng: np.random.Generator, light: Light) -> tuple[Light, Mask]:
    """One to three thin, gently curved lines of bare, bright metal with a dark edge."""
    return _several(rng, light, int(rng.integers(1, 4)), _scratch)


def dents(rng: np.random.Generator, light: Light) -> tuple[Light, Mask]:
    """One or two hollows: bright where they face the lamp, dark on the other side."""
    return _several(rng, light, int(rng.integers(1, 3)), _dent)


def pits(rng: np.random.Generator, light: Light) -> tuple[Light, Mask]:
    """Two to five small dark holes, some with a bright rim."""
    return _several(rng, light, int(rng.integers(2, 6)), _pit)


DEFECTS: Mapping[str, Defect] = {"scratch": scratches, "dent": dents, "pit": pits}
"""Name of the folder → what draws the defects."""


def _several(
    rng: np.random.Generator,
    light: Light,
    wanted: int,
    draw: Callable[[np.random.Generator, Light], tuple[Light, Mask]],
) -> tuple[Light, Mask]:
    """Draw defects that do not touch: the wanted number, or fewer where there is no room."""
    taken = np.zeros(light.shape, dtype=bool)
    masks = taken.copy()
    for _ in range(TRIES * wanted):
        factor, mask = draw(rng, light)
        if (mask & taken).any():
            continue
        light, masks = light * factor, masks | mask
        taken |= ndimage.binary_dilation(mask, iterations=GAP)
        wanted -= 1
        if wanted == 0:
            break
    return light, masks


def _scratch(rng: np.random.Generator, light: Light) -> tuple[Light, Mask]:
    """A quadratic Bézier curve that gets narrower and fainter towards its ends."""
    height, width = light.shape
    length = rng.uniform(0.25, 0.7) * min(height, width)
    angle, bow = rng.uniform(0, np.pi), rng.normal(0, 0.12) * length
    ends = np.array([[-0.5, 0.0], [0.0, 2 * bow / length], [0.5, 0.0]]) * length
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    reach = length / 2 + 4
    centre = [_within(rng, side, reach) for side in (width, height)]
    points = ends @ turn + centre
    t = np.linspace(0, 1, max(2, int(3 * length)))[:, None]
    curve = (1 - t) ** 2 * points[0] + 2 * t * (1 - t) * points[1] + t**2 * points[2]
    distance, place = _distance(curve, (height, width))
    half = rng.uniform(0.8, 1.6) * np.clip(4 * (1 - np.abs(2 * place - 1)), 0.5, 1)
    edge = np.exp(-(((distance - half - 1) / 0.8) ** 2))
    bright = rng.uniform(0.25, 0.5) * (1 - 0.25 * np.abs(2 * place - 1))
    factor = 1 + bright * expit((half - distance) / 0.3) - 0.08 * edge
    return factor, _largest_part(distance <= half)


def _dent(rng: np.random.Generator, light: Light) -> tuple[Light, Mask]:
    """A round hollow, shaded as its slope towards the lamp."""
    radius = rng.uniform(10, 24)
    y, x, inside = _blob(rng, light, radius, 1.5)
    depth = np.exp(-(((x**2 + y**2) / radius**2) ** 1.5) * 2)
    lamp = rng.uniform(0, 2 * np.pi)
    slope = np.gradient(depth, axis=1) * np.cos(lamp) + np.gradient(depth, axis=0) * np.sin(lamp)
    shade = rng.uniform(0.2, 0.35) * slope / np.abs(slope).max() - 0.06 * depth
    return 1 + shade, inside


def _pit(rng: np.random.Generator, light: Light) -> tuple[Light, Mask]:
    """A dark hole whose edge is a pixel wide."""
    _, _, inside = _blob(rng, light, rng.uniform(2.5, 6), 1.4)
    dark = ndimage.gaussian_filter(inside.astype(float), 0.6)
    rim = ndimage.gaussian_filter(ndimage.binary_dilation(inside) & ~inside, 0.6, output=float)
    return 1 - rng.uniform(0.35, 0.6) * dark + rng.choice([0.0, 0.15]) * rim, inside


def _blob(
    rng: np.random.Generator, light: Light, radius: float, stretch: float
) -> tuple[Light, Light, Mask]:
    """Coordinates in which it is a disc about ``radius``, and an ellipse with a wavy outline."""
    height, width = light.shape
    centre = np.array([_within(rng, side, 1.5 * radius) for side in (height, width)])
    y, x = np.indices(light.shape) - centre[:, None, None]
    turn, ratio = rng.uniform(0, np.pi), np.sqrt(rng.uniform(1, stretch))
    along = (x * np.cos(turn) + y * np.sin(turn)) / ratio
    across = (y * np.cos(turn) - x * np.sin(turn)) * ratio
    waves = 1 + 0.08 * smooth_noise(rng, light.shape, radius / 2)
    inside = _largest_part(np.hypot(along, across) <= radius * waves)
    return across, along, inside


def _within(rng: np.random.Generator, side: int, margin: float) -> float:
    """A coordinate at least ``margin`` from both ends; the middle where there is no room."""
    return side / 2 if 2 * margin >= side else float(rng.uniform(margin, side - margin))


def _distance(curve: NDArray[np.float64], size: Size) -> tuple[Light, Light]:
    """Distance of each pixel from a curve of (x, y), and where along it, 0 to 1, it is nearest."""
    y, x = np.indices(size)
    distance, nearest = KDTree(curve).query(np.stack([x, y], axis=-1))
    return distance, nearest / (len(curve) - 1)


def _largest_part(mask: Mask) -> Mask:
    """The largest connected part (8 neighbours), so that one defect is one object."""
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    if count < 2:
        return mask
    part: Mask = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    return part
