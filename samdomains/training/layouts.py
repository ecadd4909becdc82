"""Where the objects of a generated scene lie: how many, how large, how close, inside what."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, label

from samdomains.training.built import city_blocks, fields, streets
from samdomains.training.canvas import Canvas, LabelMap, Layout, cell_edges, number_cells, turned
from samdomains.training.shapes import (
    ANGULAR,
    COMPACT,
    ODD,
    ROUND,
    THIN,
    Shape,
    choose_shape,
)
from samdomains.training.textures import smooth_noise


def few_large(rng: np.random.Generator, size: int) -> Layout:
    """One to four large objects that may hide each other: products, defects, organs."""
    canvas = Canvas(size)
    shapes = _pick_family(rng)
    for _ in range(int(rng.integers(1, 5))):
        radius = size * rng.uniform(0.1, 0.5)
        canvas.add(choose_shape(rng, shapes)(rng, radius), rng.uniform(0.15, 0.85, 2) * size)
    return canvas.layout(alike=bool(rng.random() < 0.5))


def many_small(rng: np.random.Generator, size: int) -> Layout:
    """Up to a hundred objects of one kind, apart, touching or overlapping: nuclei, roofs, pores."""
    canvas = Canvas(size)
    shape = choose_shape(rng, ROUND + ROUND + ANGULAR + ODD)
    radius = size * float(np.exp(rng.uniform(np.log(0.022), np.log(0.11))))
    radius = max(radius, 3.0)
    count = int(rng.integers(8, 101))
    spread = rng.uniform(0.05, 0.35)
    tolerance, gap = rng.choice([0.02, 0.1, 0.3]), int(rng.choice([0, 0, 1, 2]))
    middles = _clustered_points(rng, size, count)
    for middle in middles:
        silhouette = shape(rng, radius * float(np.exp(rng.normal(0, spread))))
        if canvas.covered_share(silhouette, middle) <= tolerance:
            canvas.add(silhouette, middle, gap=gap)
    return canvas.layout(alike=True)


def tiny_targets(rng: np.random.Generator, size: int) -> Layout:
    """One to eight targets of 4 to 10 pixels: thermal points, pinholes, seedlings."""
    canvas = Canvas(size)
    for _ in range(int(rng.integers(1, 9))):
        shape = choose_shape(rng, (*ROUND, *ANGULAR))
        canvas.add(shape(rng, rng.uniform(2.2, 5.5)), rng.uniform(0.05, 0.95, 2) * size)
    return canvas.layout(alike=True)


def thin_lines(rng: np.random.Generator, size: int) -> Layout:
    """One to six strokes or trees: scratches, roads, vessels, fibres.

    In most scenes strokes that cross are one object, as the roads of a network are.
    """
    canvas = Canvas(size)
    shape = choose_shape(rng, THIN)
    for _ in range(int(rng.integers(1, 7))):
        radius = size * rng.uniform(0.15, 0.75)
        canvas.add(shape(rng, radius), rng.uniform(0.1, 0.9, 2) * size)
    if rng.random() < 0.6:
        networks, count = label(canvas.labels > 0, np.ones((3, 3)))
        return Layout(networks.astype(np.int16), (0,) * (count + 1), alike=True)
    return canvas.layout(alike=True)


def nested(rng: np.random.Generator, size: int) -> Layout:
    """Objects with inner parts: a body with organs, cells with nuclei, roofs with windows."""
    canvas = Canvas(size)
    count = int(rng.choice([1, 2, 3, 6, 12]))
    radius = size * min(0.47, rng.uniform(0.4, 0.6) / np.sqrt(count))
    shapes = COMPACT if rng.random() < 0.5 else ROUND
    parts = int(rng.integers(3, 10)) if count == 1 else int(rng.integers(1, 3))
    middles = (
        _clustered_points(rng, size, count) if count > 1 else rng.normal(0.5, 0.06, (1, 2)) * size
    )
    for middle in middles:
        whole = canvas.add(choose_shape(rng, shapes)(rng, radius * rng.uniform(0.8, 1.1)), middle)
        for _ in range(parts):
            inner = radius * rng.uniform(0.12, 0.55) / np.sqrt(max(1, parts / 4))
            offset = rng.normal(0, 0.38 if parts > 2 else 0.15, 2) * radius
            part = choose_shape(rng, ROUND + ODD)(rng, max(inner, 2.5))
            canvas.add(part, middle + offset, parent=whole)
    return canvas.layout(alike=count > 1)


def packed_cells(rng: np.random.Generator, size: int) -> Layout:
    """Bent Voronoi cells behind membranes that fill the picture: EM, epithelium, grains."""
    rows = int(rng.integers(2, 11))
    pitch = size / rows
    cells = _voronoi(rng, size + 2 * round(pitch), pitch)
    cells = _bend(rng, cells, round(pitch), pitch * rng.uniform(0.0, 0.25))
    thickness = int(rng.choice([0, 1, 2, 3])) if rows > 6 else int(rng.integers(0, 6))
    plain = number_cells(rng, np.where(cell_edges(cells, thickness), 0, cells).astype(np.int16))
    return _with_organelles(rng, plain, pitch) if rng.random() < 0.4 else plain


def noise_islands(rng: np.random.Generator, size: int) -> Layout:
    """Ragged regions of one or two kinds from thresholded noise: corrosion, lakes, tissue."""
    canvas = Canvas(size)
    for _ in range(int(rng.integers(1, 9))):
        shape = choose_shape(rng, ODD)
        canvas.add(shape(rng, size * rng.uniform(0.06, 0.3)), rng.uniform(0, 1, 2) * size, gap=1)
    return canvas.layout(alike=bool(rng.random() < 0.7))


def bands(rng: np.random.Generator, size: int) -> Layout:
    """One to four straight or bent bands across the picture: cords, layers, lanes, parcels' strips.

    They may touch side by side, and the whole is turned by one angle.
    """
    side = 2 * round(size * 0.75)
    y, x = np.mgrid[:side, :side]
    bend = size * rng.choice([0.0, 0.03, 0.1]) * smooth_noise(rng, side, side / 2)[0]
    canvas = Canvas(side)
    top = side * rng.uniform(0.2, 0.6)
    for _ in range(int(rng.integers(1, 5))):
        width = max(3.0, size * float(np.exp(rng.uniform(np.log(0.025), np.log(0.25)))))
        inside = (y - bend[x] >= top) & (y - bend[x] < top + width)
        if rng.random() < 0.4:  # it ends within the picture
            inside &= x < side * rng.uniform(0.35, 0.75)
        canvas.add(inside, np.array([side // 2, side // 2]))
        top += width + float(rng.choice([0.0, 2.0, size * 0.1]))
    middle = turned(canvas.labels, rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)]), size)
    return Layout(middle, tuple(canvas.parents), alike=bool(rng.random() < 0.5))


LayoutMaker: TypeAlias = Callable[[np.random.Generator, int], Layout]

LAYOUTS: tuple[tuple[LayoutMaker, float], ...] = (
    (few_large, 0.22),
    (many_small, 0.15),
    (tiny_targets, 0.06),
    (thin_lines, 0.08),
    (streets, 0.06),
    (bands, 0.06),
    (nested, 0.15),
    (packed_cells, 0.08),
    (fields, 0.04),
    (city_blocks, 0.04),
    (noise_islands, 0.06),
)
"""Each layout with its share of the scenes."""


def random_layout(rng: np.random.Generator, size: int) -> Layout:
    """One of the layouts at random."""
    makers = [maker for maker, _ in LAYOUTS]
    return makers[int(rng.choice(len(makers), p=[share for _, share in LAYOUTS]))](rng, size)


def _pick_family(rng: np.random.Generator) -> tuple[Shape, ...]:
    families = (COMPACT, ROUND, ANGULAR, ODD, COMPACT + ODD + THIN)
    return families[int(rng.integers(len(families)))]


def _clustered_points(rng: np.random.Generator, size: int, count: int) -> NDArray[np.float64]:
    """(count, 2): places in the picture, even or in one to three clusters."""
    if count < 8 or rng.random() < 0.6:
        return rng.uniform(0.0, 1.0, (count, 2)) * size
    clusters = rng.uniform(0.2, 0.8, (int(rng.integers(1, 4)), 2))
    chosen = clusters[rng.integers(len(clusters), size=count)]
    return (chosen + rng.normal(0, rng.uniform(0.08, 0.2), (count, 2))) * size


def _voronoi(rng: np.random.Generator, side: int, pitch: float) -> LabelMap:
    """(side, side): the number of the nearest of some seeds, even or uneven in their spread."""
    rows = int(np.ceil(side / pitch))
    if rng.random() < 0.5:
        grid = np.indices((rows, rows)).reshape(2, -1).T + 0.5
        seeds = (grid + rng.uniform(-0.45, 0.45, grid.shape)) * pitch
    else:
        seeds = rng.uniform(0, side, (rows * rows, 2))
    y, x = np.clip(seeds.astype(int), 0, side - 1).T
    numbers = np.zeros((side, side), dtype=np.int16)
    numbers[y, x] = np.arange(1, len(seeds) + 1)
    nearest = distance_transform_edt(numbers == 0, return_distances=False, return_indices=True)
    cells: LabelMap = numbers[nearest[0], nearest[1]]
    return cells


def _with_organelles(rng: np.random.Generator, cells: Layout, pitch: float) -> Layout:
    """The same cells with small parts in some of them."""
    canvas = Canvas(len(cells.labels))
    canvas.labels, canvas.parents = cells.labels, list(cells.parents)
    for _ in range(int(rng.integers(5, 30))):
        middle = rng.uniform(0, len(cells.labels), 2)
        cell = int(cells.labels[int(middle[0]), int(middle[1])])
        if cell and cells.parents[cell : cell + 1] == (0,):
            part = choose_shape(rng, ROUND)(rng, max(2.5, pitch * rng.uniform(0.08, 0.25)))
            canvas.add(part, middle, parent=cell)
    return canvas.layout(alike=cells.alike)


def _bend(rng: np.random.Generator, labels: LabelMap, margin: int, amount: float) -> LabelMap:
    """Shift pixels by a smooth field of ``amount`` pixels and cut the margin away."""
    size = len(labels) - 2 * margin
    y, x = np.mgrid[margin : margin + size, margin : margin + size]
    scale = max(4 * amount, size / 6)
    y = y + np.rint(amount * smooth_noise(rng, size, scale)).astype(int)
    x = x + np.rint(amount * smooth_noise(rng, size, scale)).astype(int)
    bent: LabelMap = labels[np.clip(y, 0, len(labels) - 1), np.clip(x, 0, len(labels) - 1)]
    return bent
