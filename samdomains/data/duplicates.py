"""Objects found more than once: by several prompts, or in the overlap of several tiles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from samdomains.data.scenes import clipped
from samdomains.types import Mask, ObjectMask, Size, Window

SAME_IN_OVERLAP = 0.5
"""Two tiles show one object where the IoU of its parts in what the tiles share is this or more."""

CELL = 128
"""Side in pixels of the squares in which rivals of an object are looked for."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundInTile:
    """What was found in one tile of a scene.

    Attributes:
        window: The tile.
        objects: In the scene's pixels.
    """

    window: Window
    objects: Sequence[ObjectMask]


def without_duplicates(objects: Sequence[ObjectMask], largest_iou: float) -> list[ObjectMask]:
    """Keep of objects that cover each other the one with the highest score.

    Args:
        objects: Of one image, each with a score.
        largest_iou: IoU up to which two objects are different ones.

    Returns:
        The kept objects, the highest score first.
    """
    kept: list[ObjectMask] = []
    near: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for item in sorted(objects, key=lambda item: -(item.score or 0.0)):
        cells = _cells(item)
        rivals = {rival for cell in cells for rival in near[cell]}
        if all(iou(item, kept[rival]) <= largest_iou for rival in rivals):
            for cell in cells:
                near[cell].append(len(kept))
            kept.append(item)
    return kept


def stitched(tiles: Sequence[FoundInTile], size: Size, largest_iou: float) -> list[ObjectMask]:
    """Put together what overlapping tiles of a scene show.

    Parts of one object agree where their tiles overlap. Of an object that one tile shows whole,
    that answer is kept; one that every tile cuts is the union of its parts.

    Args:
        tiles: Tiles that overlap their neighbours.
        size: (H, W) of the scene.
        largest_iou: As for ``without_duplicates``.

    Returns:
        The objects of the scene, the highest score first.
    """
    objects = [item for tile in tiles for item in tile.objects]
    owners = [tile.window for tile in tiles for _ in tile.objects]
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for i, group in enumerate(_groups(tiles)):
        groups[int(group)].append(i)
    merged = []
    for members in groups.values():
        whole = [objects[i] for i in members if not _cut(objects[i], owners[i], size)]
        parts = [objects[i] for i in members]
        best = max(whole, key=lambda item: item.score or 0.0) if whole else _union(parts)
        merged.append(best)
    return without_duplicates(merged, largest_iou)


def iou(a: ObjectMask, b: ObjectMask) -> float:
    """Intersection over union of two objects of one image."""
    common = intersection(a, b)
    return common / (a.area + b.area - common) if common else 0.0


def intersection(a: ObjectMask, b: ObjectMask) -> int:
    """Number of pixels that two objects of one image have in common."""
    y0, x0 = max(a.origin[0], b.origin[0]), max(a.origin[1], b.origin[1])
    y1, x1 = (
        min(a.origin[axis] + a.crop.shape[axis], b.origin[axis] + b.crop.shape[axis])
        for axis in (0, 1)
    )
    if y0 >= y1 or x0 >= x1:
        return 0
    parts = [
        item.crop[
            y0 - item.origin[0] : y1 - item.origin[0], x0 - item.origin[1] : x1 - item.origin[1]
        ]
        for item in (a, b)
    ]
    return int(np.count_nonzero(parts[0] & parts[1]))


def _cells(item: ObjectMask) -> list[tuple[int, int]]:
    """The squares of a coarse grid that an object's box touches."""
    x0, y0, x1, y1 = (int(side) for side in item.box)
    rows, columns = range(y0 // CELL, (y1 - 1) // CELL + 1), range(x0 // CELL, (x1 - 1) // CELL + 1)
    return [(row, column) for row in rows for column in columns]


def _groups(tiles: Sequence[FoundInTile]) -> NDArray[np.int32]:
    """For each object, tile by tile, the number of the object in the scene that it is part of."""
    starts = np.cumsum([0, *(len(tile.objects) for tile in tiles)])
    pairs: list[tuple[int, int]] = []
    for i, first in enumerate(tiles):
        for j in range(i + 1, len(tiles)):
            shared = _shared(first.window, tiles[j].window)
            if shared is not None:
                matches = _same(first.objects, tiles[j].objects, shared)
                pairs += [(starts[i] + a, starts[j] + b) for a, b in matches]
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    links = coo_array((np.ones(len(rows), bool), (rows, columns)), shape=(starts[-1],) * 2)
    numbers: NDArray[np.int32] = connected_components(links, directed=False)[1]
    return numbers


def _same(
    first: Sequence[ObjectMask], second: Sequence[ObjectMask], shared: Window
) -> list[tuple[int, int]]:
    """Pairs of objects of two tiles that agree in what the tiles share."""
    ours, theirs = ([clipped(item, shared) for item in objects] for objects in (first, second))
    boxes = _boxes([item for item in theirs if item is not None])
    present = [j for j, item in enumerate(theirs) if item is not None]
    found = []
    for i, a in enumerate(ours):
        if a is None:
            continue
        for k in np.flatnonzero(_touching(_boxes([a])[0], boxes)):
            b = theirs[present[k]]
            if b is not None and iou(a, b) >= SAME_IN_OVERLAP:
                found.append((i, present[k]))
    return found


def _shared(a: Window, b: Window) -> Window | None:
    """The pixels that two tiles have in common."""
    both = Window(max(a.y0, b.y0), max(a.x0, b.x0), min(a.y1, b.y1), min(a.x1, b.x1))
    return both if both.y0 < both.y1 and both.x0 < both.x1 else None


def _cut(item: ObjectMask, window: Window, size: Size) -> bool:
    """Whether an object reaches a side of its tile beyond which the scene goes on."""
    x0, y0, x1, y1 = item.box
    return bool(
        (x0 <= window.x0 > 0)
        or (y0 <= window.y0 > 0)
        or (x1 >= window.x1 < size[1])
        or (y1 >= window.y1 < size[0])
    )


def _union(parts: Sequence[ObjectMask]) -> ObjectMask:
    """All parts as one object, with the lowest of their scores."""
    boxes = _boxes(parts)
    x0, y0 = (int(v) for v in boxes[:, :2].min(axis=0))
    x1, y1 = (int(v) for v in boxes[:, 2:].max(axis=0))
    crop: Mask = np.zeros((y1 - y0, x1 - x0), dtype=bool)
    for part in parts:
        y, x = part.origin[0] - y0, part.origin[1] - x0
        crop[y : y + part.crop.shape[0], x : x + part.crop.shape[1]] |= part.crop
    scores = [part.score for part in parts if part.score is not None]
    return replace(parts[0], crop=crop, origin=(y0, x0), score=min(scores) if scores else None)


def _boxes(objects: Sequence[ObjectMask]) -> NDArray[np.float64]:
    """(N, 4): x0, y0, x1, y1."""
    return np.array([item.box for item in objects], dtype=np.float64).reshape(-1, 4)


def _touching(box: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N,): which boxes have pixels in common with one."""
    overlapping: NDArray[np.bool_] = (
        (boxes[:, 0] < box[2])
        & (boxes[:, 2] > box[0])
        & (boxes[:, 1] < box[3])
        & (boxes[:, 3] > box[1])
    )
    return overlapping
