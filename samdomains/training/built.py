"""Layouts of what people build: parcels, houses along streets, and the streets themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage
from PIL import ImageDraw
from scipy.ndimage import label

from samdomains.training.canvas import Canvas, LabelMap, Layout, cell_edges, number_cells, turned
from samdomains.types import Mask


def fields(rng: np.random.Generator, size: int) -> Layout:
    """Straight-edged parcels that fill the picture, with or without paths between them."""
    parcels = _parcels(rng, size, int(rng.integers(4, 45)))
    edges = cell_edges(parcels, int(rng.integers(0, 4)))
    return number_cells(rng, np.where(edges, 0, parcels).astype(np.int16))


def streets(rng: np.random.Generator, size: int) -> Layout:
    """The streets between parcels as one object that spans the picture, with houses beside them."""
    count = int(rng.integers(2, 25))
    parcels = _parcels(rng, size, count)
    width = size * rng.uniform(0.06, 0.25) / np.sqrt(count)
    canvas = Canvas(size)
    networks, found = label(cell_edges(parcels, max(2, round(width))), np.ones((3, 3)))
    canvas.labels[:] = networks
    canvas.parents += [0] * found
    pitch = size * rng.uniform(0.08, 0.3)
    for middle in rng.uniform(0, size, (int(rng.choice([0, 10, 40])), 2)):
        house = _upright_house(rng, pitch)
        if canvas.covered_share(house, middle) == 0:
            canvas.add(house, middle, gap=1)
    return canvas.layout(alike=False)


def city_blocks(rng: np.random.Generator, size: int) -> Layout:
    """Upright houses in rows along streets, the whole town turned by one angle."""
    side = 2 * round(size * 0.75)
    pitch = size * rng.uniform(0.08, 0.3)
    canvas = Canvas(side)
    for row, y in enumerate(np.arange(pitch / 2, side, pitch)):
        if row % 3 == 2 and rng.random() < 0.5:
            continue
        for x in np.arange(pitch / 2, side, pitch):
            if rng.random() < 0.85:
                house = _upright_house(rng, pitch)
                canvas.add(house, np.array([y, x]) + rng.normal(0, 0.06, 2) * pitch, gap=1)
    town = turned(canvas.labels, rng.uniform(0, np.pi), size)
    return Layout(town, tuple(canvas.parents), alike=bool(rng.random() < 0.5))


def _upright_house(rng: np.random.Generator, pitch: float) -> Mask:
    """A rectangle, with a corner missing in some."""
    height, width = np.maximum(3, np.rint(pitch * rng.uniform(0.4, 0.95, 2))).astype(int)
    house = np.ones((height, width), dtype=bool)
    if rng.random() < 0.4:
        bite_y, bite_x = (int(n * rng.uniform(0.2, 0.6)) for n in (height, width))
        house[:bite_y, :bite_x] = False
    return np.rot90(house, int(rng.integers(4)))


def _parcels(rng: np.random.Generator, size: int, cuts: int) -> LabelMap:
    """(size, size): numbered from 1, the parts of a square that is cut ``cuts`` times."""
    pieces = [np.array([[-0.3, -0.3], [1.3, -0.3], [1.3, 1.3], [-0.3, 1.3]]) * size]
    for _ in range(cuts):
        areas = [_polygon_area(piece) for piece in pieces]
        pieces.extend(_cut(rng, pieces.pop(int(np.argmax(areas)))))
    canvas = PilImage.new("I", (size, size))
    draw = ImageDraw.Draw(canvas)
    for number, piece in enumerate(pieces, start=1):
        draw.polygon(piece.ravel().tolist(), fill=number)
    return np.asarray(canvas).astype(np.int16)


def _polygon_area(corners: NDArray[np.float64]) -> float:
    x, y = corners.T
    return float(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2)


def _cut(rng: np.random.Generator, corners: NDArray[np.float64]) -> Sequence[NDArray[np.float64]]:
    """Cut a convex polygon in two, roughly across its longest side."""
    sides = np.roll(corners, -1, axis=0) - corners
    longest = sides[int(np.argmax((sides**2).sum(axis=1)))]
    angle = np.arctan2(longest[1], longest[0]) + rng.normal(0, 0.12)
    normal = np.array([np.cos(angle), np.sin(angle)])
    heights = corners @ normal
    level = heights.min() + (heights.max() - heights.min()) * rng.uniform(0.3, 0.7)
    halves: tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]] = ([], [])
    for index, corner in enumerate(corners):
        following = (index + 1) % len(corners)
        halves[int(heights[index] > level)].append(corner)
        if (heights[index] > level) != (heights[following] > level):
            share = (level - heights[index]) / (heights[following] - heights[index])
            crossing = corner + share * (corners[following] - corner)
            halves[0].append(crossing)
            halves[1].append(crossing)
    return [np.array(half) for half in halves]
