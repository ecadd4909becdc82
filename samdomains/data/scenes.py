"""Scenes, images that may be larger than memory, and their tiles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from samdomains.data.recent import recent
from samdomains.data.statistics import case_statistics
from samdomains.recipe import SceneRecipe
from samdomains.types import (
    Case,
    CaseStatistics,
    ImageWindows,
    ObjectMask,
    RawImage,
    Size,
    TileOf,
    Window,
)


def is_scene(case: Case, recipe: SceneRecipe) -> bool:
    """Whether a case is taken tile by tile: it can be, and it is larger than a tile."""
    return case.windows is not None and max(case.windows.size) > recipe.tile


def tiles_of(scene: Case, recipe: SceneRecipe) -> tuple[Case, ...]:
    """The tiles of a scene side by side, row by row, for training and scoring.

    A tile's id is the scene's with ``@`` and the numbers of its row and column; its group is the
    scene's. An object that a tile's border cuts is an object in each.
    """
    assert scene.windows is not None
    rows, columns = (_side_by_side(length, recipe.tile) for length in scene.windows.size)
    return tuple(
        _tile(scene, Window(y0, x0, y1, x1), f"{i:0{len(str(len(rows)))}d}_{j:03d}")
        for i, (y0, y1) in enumerate(rows)
        for j, (x0, x1) in enumerate(columns)
    )


def overlapping_windows(size: Size, recipe: SceneRecipe) -> tuple[Window, ...]:
    """Windows that cover a scene, row by row, each of the recipe's side at most.

    Neighbours have at least ``recipe.overlap`` pixels in common.

    Example:
        >>> windows = overlapping_windows((1024, 1800), SceneRecipe(tile=1024, overlap=248))
        >>> [(w.x0, w.x1) for w in windows]
        [(0, 1024), (776, 1800)]
    """
    rows, columns = (_overlapping(length, recipe) for length in size)
    return tuple(Window(y0, x0, y1, x1) for y0, y1 in rows for x0, x1 in columns)


def scene_statistics(scene: Case) -> CaseStatistics:
    """Statistics of a whole scene, from its overview, kept for the next tile."""
    windows = scene.windows
    assert windows is not None
    return recent.get(("statistics", windows), lambda: case_statistics(windows.overview()))


def clipped(item: ObjectMask, window: Window) -> ObjectMask | None:
    """The part of an object inside a window, in the window's pixels; None where there is none."""
    y, x = item.origin
    height, width = item.crop.shape
    y0, x0 = max(y, window.y0), max(x, window.x0)
    y1, x1 = min(y + height, window.y1), min(x + width, window.x1)
    if y0 >= y1 or x0 >= x1:
        return None
    part = item.crop[y0 - y : y1 - y, x0 - x : x1 - x]
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    if rows.size == 0:
        return None
    crop = part[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy()
    origin = (y0 - window.y0 + int(rows[0]), x0 - window.x0 + int(columns[0]))
    return replace(item, crop=crop, origin=origin, image_size=window.size)


def moved(item: ObjectMask, window: Window, scene: Size) -> ObjectMask:
    """An object in a window's pixels → the same in the scene's."""
    y, x = item.origin
    return replace(item, origin=(y + window.y0, x + window.x0), image_size=scene)


def _side_by_side(length: int, tile: int) -> list[tuple[int, int]]:
    """Starts and ends of equal parts of a length, none longer than a tile."""
    borders = [round(b) for b in np.linspace(0, length, -(-length // tile) + 1)]
    return list(pairwise(borders))


def _overlapping(length: int, recipe: SceneRecipe) -> list[tuple[int, int]]:
    if length <= recipe.tile:
        return [(0, length)]
    count = -(-(length - recipe.overlap) // (recipe.tile - recipe.overlap))
    starts = np.linspace(0, length - recipe.tile, count).astype(int)
    return [(int(start), int(start) + recipe.tile) for start in starts]


def _tile(scene: Case, window: Window, number: str) -> Case:
    assert scene.windows is not None
    return replace(
        scene,
        id=f"{scene.id}@{number}",
        read_pixels=_TilePixels(scene.windows, window),
        read_objects=None if scene.read_objects is None else _TileObjects(scene, window),
        windows=None,
        tile_of=TileOf(scene, window),
    )


@dataclass(frozen=True)
class _TilePixels:
    """Reads one tile, (C, H, W)."""

    windows: ImageWindows
    window: Window

    def __call__(self) -> RawImage:
        return self.windows.read(self.window)


@dataclass(frozen=True, eq=False)
class _TileObjects:
    """Reads what lies in one tile."""

    scene: Case
    window: Window

    def __call__(self) -> tuple[ObjectMask, ...]:
        reader = self.scene.read_objects
        assert reader is not None
        objects = recent.get(("objects", reader), reader)
        parts = (clipped(item, self.window) for item in objects)
        return tuple(part for part in parts if part is not None)
