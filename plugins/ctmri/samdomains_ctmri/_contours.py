"""Contours of masks, and masks of contours.

Points are (x, y) in pixels: (0, 0) is the centre of the first pixel, x the column. A contour is
closed, its first point is not repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Contour: TypeAlias = NDArray[np.float64]
"""(N, 2): x and y of the points of a closed contour."""

Plane: TypeAlias = NDArray[np.bool_]
"""(rows, columns): True inside."""

EDGE = 0.49
"""Where a contour crosses from a pixel of the mask (0) to a neighbour outside (1).

Half-way, but for a hundredth: programs that round points to pixels then find the mask's own pixels.
"""

GRAIN = 3
"""Decimals of a pixel that count; the points of files are rounded, and centres must be hit."""


def filled(contours: Sequence[Contour], shape: tuple[int, int]) -> Plane:
    """Fill contours: a pixel is inside where its centre is, or where it lies on a contour.

    Areas inside an even number of contours are outside, so that a contour within another is a hole.
    A channel that a contour walks twice (a keyhole) leaves no trace.

    Args:
        contours: Any number; they may reach beyond the plane.
        shape: (rows, columns).
    """
    rows, columns = shape
    starts = np.concatenate([np.round(contour, GRAIN) for contour in contours])
    ends = np.concatenate([np.roll(np.round(c, GRAIN), -1, axis=0) for c in contours])
    falling = (starts[:, 1] > ends[:, 1])[:, None]
    # The same arithmetic for both directions: what is walked twice must cancel out.
    upper, lower = np.where(falling, ends, starts), np.where(falling, starts, ends)
    row, x, crossed = _crossings(upper, lower, rows)
    edge = np.clip(np.ceil(x), 0, columns).astype(np.intp)
    flips = np.zeros((rows, columns + 1), dtype=np.intp)
    np.add.at(flips, (row[crossed], edge[crossed]), 1)
    inside = np.cumsum(flips, axis=1)[:, :columns] % 2 == 1
    hit = (x == edge) & (edge < columns)
    inside[row[hit], edge[hit]] = True
    plane: Plane = inside | _level(upper, lower, shape)
    return plane


def traced(mask: Plane) -> list[Contour]:
    """Trace a mask half-way between its pixels and the others.

    Pixels that touch only at a corner get contours of their own. A hole is joined to the contour
    around it by a channel of no width (a keyhole), as DICOM has it for areas with holes
    (PS3.3, C.8.8.6.3).

    Returns:
        One contour for each piece; filled, they give the mask again.
    """
    from contourpy import LineType, contour_generator

    height = np.pad(mask, 1).astype(np.float64)
    lines = contour_generator(z=height, name="serial", line_type=LineType.Separate)
    loops = [np.asarray(line)[:-1] - 1 for line in lines.lines(1 - EDGE)]
    return [_without_straight_points(contour) for contour in _joined(loops)]


def _crossings(
    upper: Contour, lower: Contour, rows: int
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.bool_]]:
    """Where edges meet the centre lines of rows: row, x, and whether that crosses the line.

    An edge crosses the lines from its upper end on, and touches only that of its lower end.
    """
    first = np.clip(np.ceil(upper[:, 1]), 0, rows).astype(np.intp)
    last = np.clip(np.floor(lower[:, 1]), -1, rows - 1).astype(np.intp)
    count = np.where(lower[:, 1] > upper[:, 1], np.maximum(last - first + 1, 0), 0)
    edge = np.repeat(np.arange(len(count)), count)
    row = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    (x0, y0), (x1, y1) = upper[edge].T, lower[edge].T
    return row, x0 + (row - y0) * (x1 - x0) / (y1 - y0), row < y1


def _level(upper: Contour, lower: Contour, shape: tuple[int, int]) -> Plane:
    """The pixels whose centres lie on edges along a row; single points are such edges too."""
    rows, columns = shape
    y = upper[:, 1]
    level = (y == lower[:, 1]) & (y == np.rint(y)) & (y >= 0) & (y < rows)
    left, right = np.sort([upper[level, 0], lower[level, 0]], axis=0)
    steps = np.zeros((rows, columns + 1), dtype=np.intp)
    row = y[level].astype(np.intp)
    start = np.clip(np.ceil(left), 0, columns).astype(np.intp)
    stop = np.clip(np.floor(right) + 1, 0, columns).astype(np.intp)
    np.add.at(steps, (row, start), 1)
    np.add.at(steps, (row, np.maximum(start, stop)), -1)
    return np.cumsum(steps, axis=1)[:, :columns] > 0


def _area(contour: Contour) -> float:
    """Twice the area; positive where what is inside lies at the left of the walk, y upwards."""
    x, y = contour.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1))


def _joined(loops: Sequence[Contour]) -> list[Contour]:
    """The outer contours, with the holes put into them.

    The leftmost point of a hole lies on the centre line of a row. The mask's run of pixels to its
    left begins at another point of that line, of the outer contour or of another hole; there the
    channel ends.
    """
    if not loops:
        return []
    loops = [np.roll(loop, -int(np.argmin(loop[:, 0])), axis=0) for loop in loops]
    sizes = np.array([len(loop) for loop in loops])
    owner, first = np.repeat(np.arange(len(loops)), sizes), np.cumsum(sizes) - sizes
    points = np.concatenate(loops)
    row_by_row = np.lexsort(points.T)
    place = np.argsort(row_by_row)
    outer: list[Contour] = []
    inner: list[list[tuple[int, Contour]]] = [[] for _ in loops]
    # From the right: a hole has got its own holes before it is put into what lies to its left.
    for number in np.argsort(-points[first, 0], kind="stable"):
        contour = _with_holes(loops[number], inner[number])
        if _area(loops[number]) > 0:
            outer.append(contour)
        else:
            left = row_by_row[place[first[number]] - 1]
            inner[owner[left]].append((int(left - first[owner[left]]), contour))
    return outer


def _with_holes(contour: Contour, holes: list[tuple[int, Contour]]) -> Contour:
    """Walk round each hole from the point of the contour that it is joined to, and back there."""
    pieces, start = [], 0
    for there, hole in sorted(holes, key=lambda item: item[0]):
        pieces += [contour[start : there + 1], hole, hole[:1]]
        start = there
    return np.concatenate([*pieces, contour[start:]])


def _without_straight_points(contour: Contour) -> Contour:
    """Leave out the points amid straight runs along rows and columns."""
    before = contour - np.roll(contour, 1, axis=0)
    after = np.roll(contour, -1, axis=0) - contour
    turn = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    onward = (before * after).sum(axis=1) > 0
    corners: Contour = contour[~((turn == 0) & onward)]
    return corners
