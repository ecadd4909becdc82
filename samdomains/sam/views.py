"""Which window of an image SAM looks at: tiles of the side that a prompt needs, or the whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from samdomains.types import Box, Prompts, Size, Window

OVERLAP = 0.5
"""Share of a tile that it has in common with its neighbour, so that an object up to half a tile
wide lies whole in at least one tile."""

ROOM = 1.5
"""A box is looked at in windows at least so many times as wide as the box. Of 1.5, 2, 3 and 4 the
first two were the best for ``tiny``, and 1.5 embeds the fewest windows (benchmarks/tiny.md)."""


class Views:
    """The windows of one image, and which of them shows a prompt best.

    A point says nothing about an object's size: it is looked at in a tile of the recipe's side. A
    box does: it is looked at in the smallest of a ladder of tiles that leaves room around it.

    Args:
        image: (H, W) in pixels.
        tile: Side of the tiles for points in pixels, or None for the whole image.
        zoom: Side of the smallest tiles for boxes; the next are twice as wide, and so on up to
            the image. None looks at boxes as at points.

    Attributes:
        windows: All windows, the finest first and row by row, and the whole image last.
    """

    def __init__(self, image: Size, tile: int | None, zoom: int | None = None) -> None:
        self.tile, self._image = tile, image
        self._sides = _ladder(max(image), tile, zoom)
        levels = [_tiles(image, side) for side in self._sides]
        whole = Window(0, 0, *image)
        self.windows: tuple[Window, ...] = (*(w for level in levels for w in level), whole)
        self._first = np.cumsum([0, *map(len, levels)]).tolist()
        self._corners = [
            np.array([(w.x0, w.y0, w.x1, w.y1) for w in level], dtype=np.float64)
            for level in levels
        ]
        # A side of the image needs no room beside it.
        self._borders = [
            corners == np.array([0, 0, image[1], image[0]]) for corners in self._corners
        ]

    def choose(self, extents: Sequence[Box], *, boxed: Sequence[bool]) -> list[int]:
        """For each prompt the index of the window that shows it with the most room around it.

        A window that does not hold the whole extent is never chosen.

        Args:
            extents: (4,) each: extent of the prompt, or of the object, in image pixels.
            boxed: Whether a box tells the object's size.
        """
        return [self._choose(*pair) for pair in zip(extents, boxed, strict=True)]

    def _choose(self, extent: Box, boxed: bool) -> int:
        needed = ROOM * float(max(extent[2] - extent[0], extent[3] - extent[1]))
        if not boxed:
            needed = max(self._image) if self.tile is None else self.tile
        for level, side in enumerate(self._sides):
            if side < needed:
                continue
            best = _roomiest(extent, self._corners[level], self._borders[level])
            if best is not None:
                return int(self._first[level]) + best
        return len(self.windows) - 1


def prompt_extent(prompts: Prompts) -> Box:
    """(4,): the smallest box around a prompt's box and points.

    Raises:
        ValueError: The prompt is a mask alone, which has no place in the image's pixel frame.
    """
    corners = [prompts.points, prompts.points + 1]
    if prompts.box is not None:
        corners.append(prompts.box.reshape(2, 2))
    places = np.concatenate(corners)
    if len(places) == 0:
        raise ValueError("a prompt for an image needs a box or a point, not a mask alone")
    return np.concatenate([places.min(axis=0), places.max(axis=0)]).astype(np.float32)


def shift_prompts(prompts: Prompts, window: Window) -> Prompts:
    """Prompts in image pixels → prompts in the window's pixels."""
    origin = np.array([window.x0, window.y0], dtype=np.float32)
    return Prompts(
        box=None if prompts.box is None else (prompts.box.reshape(2, 2) - origin).reshape(4),
        points=prompts.points - origin,
        point_labels=prompts.point_labels,
        mask_logits=prompts.mask_logits,
        prior=None if prompts.prior is None else prompts.prior[window.slices],
        source=prompts.source,
    )


def _starts(length: int, tile: int) -> list[int]:
    """First pixels of evenly spaced tiles that cover ``length`` and overlap by ``OVERLAP``."""
    if length <= tile:
        return [0]
    count = int(np.ceil((length - tile) / (tile * (1 - OVERLAP)))) + 1
    return [round(start) for start in np.linspace(0, length - tile, count)]


def _ladder(longest: int, tile: int | None, zoom: int | None) -> list[int]:
    """Sides of the tiles below the image's longest side, ascending."""
    sides = {tile} if tile is not None else set()
    while zoom is not None and zoom < longest:
        sides.add(zoom)
        zoom *= 2
    return sorted(side for side in sides if side < longest)


def _tiles(image: Size, side: int) -> list[Window]:
    """Overlapping tiles that cover an image, row by row."""
    height, width = image
    return [
        Window(y, x, min(y + side, height), min(x + side, width))
        for y in _starts(height, side)
        for x in _starts(width, side)
    ]


def _roomiest(extent: Box, corners: NDArray[np.float64], border: NDArray[np.bool_]) -> int | None:
    """Index of the tile around ``extent`` with the most room, or None where none holds it.

    Args:
        extent: (4,).
        corners: (T, 4), x0, y0, x1, y1 of each tile.
        border: (T, 4), which of these are sides of the image.
    """
    gaps = (extent - corners) * np.array([1, 1, -1, -1])
    holding = (gaps >= 0).all(axis=1)
    if not holding.any():
        return None
    clearance = np.where(border, np.inf, gaps).min(axis=1)
    return int(np.where(holding, clearance, -1.0).argmax())
