"""Generated land seen from above: fields, a road, ponds, trees and houses, as reflectance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.plugin import Mask, Size
from samdomains_satellite.polygons import rasterised
from samdomains_satellite.position import Coordinates

FINER = 2
"""The land is drawn in finer pixels and averaged, so that edges mix as they do in a camera."""

Cover = tuple[float, float, float, float]
"""Reflectance of a surface in red, green, blue and near infrared."""

# Rounded from the shapes of common spectra: plants are dark in red and bright in near infrared,
# soil rises evenly, water is dark and darkest in near infrared, asphalt is flat.
FIELDS: Sequence[Cover] = (
    (0.05, 0.09, 0.04, 0.38),
    (0.04, 0.07, 0.03, 0.47),
    (0.08, 0.11, 0.05, 0.30),
    (0.24, 0.19, 0.12, 0.31),
    (0.17, 0.13, 0.09, 0.24),
)
ROOFS: Sequence[Cover] = (
    (0.34, 0.17, 0.11, 0.38),
    (0.27, 0.12, 0.08, 0.30),
    (0.30, 0.30, 0.30, 0.33),
    (0.52, 0.52, 0.53, 0.55),
    (0.10, 0.10, 0.12, 0.13),
)
ASPHALT: Cover = (0.12, 0.12, 0.12, 0.14)
WATER: Cover = (0.03, 0.05, 0.06, 0.02)
TREE: Cover = (0.03, 0.06, 0.02, 0.40)

SHADE = 0.4
"""Share of the light that reaches a shadow, from the sky alone."""

SUN = np.array([5.0, 4.0])
"""Shadow of a house, (x, y) in pixels: the sun stands in the north-west, as on shaded maps."""

ROAD_WIDTH = 12.0
HOUSE_SIDES = (14.0, 34.0)
"""Pixels of 0.5 m: a country road of 6 m, houses of 7 to 17 m."""

GAP = 4
"""Pixels between houses, road and ponds."""


@dataclass(frozen=True, eq=False)
class House:
    """One house.

    Attributes:
        outline: Closed ring in pixels of the scene, (column, row); it may leave the scene.
        turn: Direction of its ridge in radians.
    """

    outline: Coordinates
    turn: float


def land(
    rng: np.random.Generator, size: Size, keep_free: Mask
) -> tuple[NDArray[np.float64], list[House]]:
    """A scene and its houses.

    Args:
        rng: The only source of randomness.
        size: (H, W) in pixels.
        keep_free: (H, W), where no house stands.

    Returns:
        Reflectance, (4, H, W), in red, green, blue and near infrared; and the houses.
    """
    turn = rng.uniform(-0.6, 0.6)
    along, across = _axes(size, turn, FINER)
    noise = ndimage.gaussian_filter(rng.normal(size=along.shape), FINER)
    noise /= noise.std()
    picture = _fields(rng, along, across, noise)
    place = rng.uniform(-0.2, 0.2) * max(size)
    road = np.abs(across - place) < ROAD_WIDTH / 2
    pond = _pond(rng, along, across) if rng.random() < 0.5 else np.zeros_like(road)
    _paint(picture, road, ASPHALT, 0.05 * noise)
    _paint(picture, pond, WATER, 0.05 * noise)
    taken = _reduced((road | pond).astype(np.float64)) > 0
    houses = _houses(rng, size, turn, taken | keep_free)
    for house in houses:
        _draw_house(picture, house, rng)
    _draw_trees(picture, rng, [house.outline for house in houses], road | pond)
    fine = ndimage.gaussian_filter(picture, (0, 0.5 * FINER, 0.5 * FINER))  # the lens
    reflectance = np.stack([_reduced(band) for band in fine])
    return reflectance + rng.normal(0, 0.004, reflectance.shape), houses


def _axes(size: Size, turn: float, finer: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixels along and across a direction from the middle of the scene, on a finer grid."""
    rows, columns = (np.indices([side * finer for side in size]) + 0.5) / finer
    y, x = rows - size[0] / 2, columns - size[1] / 2
    return x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)


def _reduced(band: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of each square of finer pixels."""
    height, width = (side // FINER for side in band.shape)
    reduced: NDArray[np.float64] = band.reshape(height, FINER, width, FINER).mean(axis=(1, 3))
    return reduced


def _paint(
    picture: NDArray[np.float64], inside: Mask, cover: Cover, noise: NDArray[np.float64]
) -> None:
    """Cover a part of the picture, with relative noise."""
    picture[:, inside] = np.array(cover)[:, None] * (1 + noise[inside])


def _fields(
    rng: np.random.Generator,
    along: NDArray[np.float64],
    across: NDArray[np.float64],
    noise: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(4, h, w): a patchwork of rectangles, each with rows of its crop."""
    picture = np.zeros((4, *along.shape))
    cuts = [np.sort(rng.uniform(-90, 90, 3)) for _ in range(2)]
    patch = 4 * np.digitize(along, cuts[0]) + np.digitize(across, cuts[1])
    for number in np.unique(patch):
        inside = patch == number
        _paint(picture, inside, FIELDS[int(rng.integers(len(FIELDS)))], 0.08 * noise)
        rows = 1 + 0.06 * np.sin(2 * np.pi * across[inside] / rng.uniform(4, 7))
        picture[:, inside] *= rows
    return picture


def _pond(
    rng: np.random.Generator, along: NDArray[np.float64], across: NDArray[np.float64]
) -> Mask:
    x, y = along - rng.uniform(-50, 50), across - rng.choice([-45.0, 45.0])
    angle = np.arctan2(y, x)
    radius = rng.uniform(14, 24) * (1 + 0.15 * np.cos(2 * angle) + 0.1 * np.sin(3 * angle))
    inside: Mask = np.hypot(x, y) < radius
    return inside


def _houses(rng: np.random.Generator, size: Size, turn: float, taken: Mask) -> list[House]:
    """Six to ten houses that touch nothing, fewer where there is no room."""
    houses: list[House] = []
    wanted = int(rng.integers(6, 11))
    for _ in range(60):
        house = _house(rng, size, turn + rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.05))
        found = rasterised([[house.outline]], size)
        if found is None:
            continue
        crop, (y, x) = found
        mask = np.zeros(size, dtype=bool)
        mask[y : y + crop.shape[0], x : x + crop.shape[1]] = crop
        if not (ndimage.binary_dilation(mask, iterations=GAP) & taken).any():
            houses.append(house)
            taken = taken | mask
        if len(houses) == wanted:
            break
    return houses


def _house(rng: np.random.Generator, size: Size, turn: float) -> House:
    """A rectangle, or two of them in an L, around a point of the scene."""
    length = rng.uniform(0.6 * HOUSE_SIDES[1], HOUSE_SIDES[1])
    depth = rng.uniform(HOUSE_SIDES[0], 0.65 * HOUSE_SIDES[1])
    if rng.random() < 0.3:
        wing = rng.uniform(0.35, 0.5) * length
        corners = [(0, 0), (length, 0), (length, depth), (wing, depth), (wing, 2 * depth)]
        corners.append((0, 2 * depth))
    else:
        corners = [(0, 0), (length, 0), (length, depth), (0, depth)]
    shape = np.array(corners) - (length / 2, depth / 2)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    ring = shape @ rotation + rng.uniform((4, 4), (size[1] - 4, size[0] - 4))
    return House(np.concatenate([ring, ring[:1]]), turn)


def _draw_house(picture: NDArray[np.float64], house: House, rng: np.random.Generator) -> None:
    """Its shadow, and its roof with a bright and a dark side."""
    _shade(picture, house.outline)
    found = _finer(house.outline, picture)
    if found is None:
        return
    rows, columns = found
    x, y = (columns / FINER, rows / FINER) - house.outline[:-1].mean(axis=0)[:, None]
    side = y * np.cos(house.turn) - x * np.sin(house.turn)
    facing = np.where(side < 0, 1.12, 0.82)
    tiles = 1 + rng.normal(0, 0.04, len(rows))
    roof = np.array(ROOFS[int(rng.integers(len(ROOFS)))])[:, None]
    picture[:, rows, columns] = roof * rng.uniform(0.85, 1.1) * facing * tiles


def _shade(picture: NDArray[np.float64], outline: Coordinates) -> None:
    """Darken what lies behind an outline, all along the way that its shadow reaches."""
    shaded = np.zeros(picture.shape[1:], dtype=bool)
    for share in np.linspace(0, 1, 6):
        if found := _finer(outline + share * SUN, picture):
            shaded[found] = True
    picture[:, shaded] *= SHADE


def _finer(
    outline: Coordinates, picture: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Rows and columns of the finer pixels in an outline."""
    height, width = picture.shape[1:]
    found = rasterised([[outline * FINER]], (height, width))
    if found is None:
        return None
    crop, (y, x) = found
    rows, columns = np.nonzero(crop)
    return rows + y, columns + x


def _draw_trees(
    picture: NDArray[np.float64],
    rng: np.random.Generator,
    houses: Sequence[Coordinates],
    taken: Mask,
) -> None:
    """Round crowns that keep away from houses, road and ponds."""
    height, width = (side / FINER for side in picture.shape[1:])
    for _ in range(int(rng.integers(8, 20))):
        centre, radius = rng.uniform((0, 0), (width, height)), rng.uniform(3, 6)
        near = any(np.hypot(*(centre - ring.mean(axis=0))) < 28 for ring in houses)
        column, row = (int(side * FINER) for side in centre)
        if near or taken[row, column]:
            continue
        angle = np.linspace(0, 2 * np.pi, 17)
        waves = radius * rng.uniform(0.85, 1.15, 17)
        waves[-1] = waves[0]
        crown = centre + np.stack([waves * np.cos(angle), waves * np.sin(angle)], axis=1)
        if shadow := _finer(crown + 0.6 * SUN, picture):
            picture[:, shadow[0], shadow[1]] *= SHADE
        if found := _finer(crown, picture):
            light = 1 + rng.normal(0, 0.2, len(found[0]))
            picture[:, found[0], found[1]] = np.array(TREE)[:, None] * light
