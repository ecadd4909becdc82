"""Which window of an image SAM looks at: overlapping tiles, or the whole for large objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samdomains.types import Box, Prompts, Size

OVERLAP = 0.5
"""Share of a tile that it has in common with its neighbour, so that an object up to half a tile
wide lies whole in at least one tile."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of an image: rows ``y0`` to ``y1`` and columns ``x0`` to ``x1``, ends exclusive."""

    y0: int
    x0: int
    y1: int
    x1: int

    @property
    def size(self) -> Size:
        """(H, W) in pixels."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices, for ``array[..., *slices]``."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def contains(self, box: Box) -> bool:
        """Whether a box (x0, y0, x1, y1) lies inside."""
        x0, y0, x1, y1 = map(float, box)
        return self.x0 <= x0 and self.y0 <= y0 and x1 <= self.x1 and y1 <= self.y1


def windows(image: Size, tile: int | None) -> tuple[Window, ...]:
    """The windows of an image: its tiles, row by row, and the whole image last.

    Args:
        image: (H, W).
        tile: Side of a tile in pixels, or None for the whole image alone.

    Example:
        >>> [window.size for window in windows((100, 150), 100)]
        [(100, 100), (100, 100), (100, 150)]
    """
    height, width = image
    whole = Window(0, 0, height, width)
    if tile is None or max(image) <= tile:
        return (whole,)
    tiles = [
        Window(y, x, min(y + tile, height), min(x + tile, width))
        for y in _starts(height, tile)
        for x in _starts(width, tile)
    ]
    return (*tiles, whole)


def choose_windows(boxes: Sequence[Box], candidates: Sequence[Window], image: Size) -> list[int]:
    """For each box, the index of the tile that holds it with the most room around it.

    The index of the whole image where no tile holds the box. Quick for thousands of tiles.

    Args:
        boxes: (4,) each: extent of the prompt (or of the object) in image pixels.
        candidates: From ``windows``; the last is the whole image.
        image: (H, W).
    """
    corners = np.array([(w.x0, w.y0, w.x1, w.y1) for w in candidates[:-1]], dtype=np.float64)
    corners = corners.reshape(-1, 4)
    # A side of the image needs no room beside it.
    border = corners == np.array([0, 0, image[1], image[0]])
    return [_roomiest(box, corners, border) for box in boxes]


def _roomiest(box: Box, corners: NDArray[np.float64], border: NDArray[np.bool_]) -> int:
    """Index of the tile around ``box``, or the number of tiles where none holds it.

    Args:
        box: (4,).
        corners: (T, 4), x0, y0, x1, y1 of each tile.
        border: (T, 4), which of these are sides of the image.
    """
    gaps = (box - corners) * np.array([1, 1, -1, -1])
    holding = (gaps >= 0).all(axis=1)
    if not holding.any():
        return len(corners)
    clearance = np.where(border, np.inf, gaps).min(axis=1)
    return int(np.where(holding, clearance, -1.0).argmax())


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
        source=prompts.source,
    )


def _starts(length: int, tile: int) -> list[int]:
    """First pixels of evenly spaced tiles that cover ``length`` and overlap by ``OVERLAP``."""
    if length <= tile:
        return [0]
    count = int(np.ceil((length - tile) / (tile * (1 - OVERLAP)))) + 1
    return [round(start) for start in np.linspace(0, length - tile, count)]
