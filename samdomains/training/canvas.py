"""Label maps of generated scenes: who is visible where, and drawing objects one over the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, maximum_filter, minimum_filter

from samdomains.types import Mask

LabelMap: TypeAlias = NDArray[np.int16]
"""(size, size): 0 is background, each other number one object or part, as far as visible."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The objects of a scene.

    Attributes:
        labels: (size, size), who is visible where.
        parents: ``parents[k]`` is the label of the object that contains label ``k``, or 0.
        alike: Whether the objects are of one kind and so look alike.
    """

    labels: LabelMap
    parents: tuple[int, ...]
    alike: bool


class Canvas:
    """Draws objects one over the other, optionally with a gap around each."""

    def __init__(self, size: int) -> None:
        self.labels: LabelMap = np.zeros((size, size), dtype=np.int16)
        self.parents = [0]

    def add(
        self, shape: Mask, center: NDArray[np.float64], *, parent: int = 0, gap: int = 0
    ) -> int:
        """Draw ``shape`` around ``center``, (y, x), clipped to ``parent``; return its label."""
        if gap:
            shape = np.pad(shape, gap)
        window, crop = self._overlap(shape, center)
        inside = crop if parent == 0 else crop & (self.labels[window] == parent)
        number = len(self.parents)
        if gap:
            around = binary_dilation(crop, iterations=gap)
            self.labels[window][around & (self.labels[window] > 0)] = parent
        self.labels[window][inside] = number
        self.parents.append(parent)
        return number

    def covered_share(self, shape: Mask, center: NDArray[np.float64]) -> float:
        """Share of ``shape`` that would hide objects already drawn."""
        window, crop = self._overlap(shape, center)
        return float((self.labels[window][crop] > 0).mean()) if crop.any() else 1.0

    def layout(self, *, alike: bool) -> Layout:
        """What was drawn."""
        return Layout(self.labels, tuple(self.parents), alike)

    def _overlap(
        self, shape: Mask, center: NDArray[np.float64]
    ) -> tuple[tuple[slice, slice], Mask]:
        size = len(self.labels)
        y, x = (round(float(c)) - s // 2 for c, s in zip(center, shape.shape, strict=True))
        y0, x0 = min(max(y, 0), size), min(max(x, 0), size)
        y1, x1 = max(min(y + shape.shape[0], size), y0), max(min(x + shape.shape[1], size), x0)
        return (slice(y0, y1), slice(x0, x1)), shape[y0 - y : y1 - y, x0 - x : x1 - x]


def cell_edges(labels: LabelMap, thickness: int) -> Mask:
    """(H, W): pixels within ``thickness`` pixels (rounded to a window) of another label."""
    if thickness == 0:
        return np.zeros(labels.shape, dtype=bool)
    window = thickness + 1
    edges: Mask = maximum_filter(labels, window) != minimum_filter(labels, window)
    return edges


def turned(labels: LabelMap, angle: float, size: int) -> LabelMap:
    """(size, size): the middle of a larger map, turned around its centre."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    middle = (len(labels) - 1) / 2
    rows = np.rint(np.cos(angle) * y - np.sin(angle) * x + middle).astype(int)
    columns = np.rint(np.sin(angle) * y + np.cos(angle) * x + middle).astype(int)
    last = len(labels) - 1
    middle_part: LabelMap = labels[np.clip(rows, 0, last), np.clip(columns, 0, last)]
    return middle_part


def number_cells(rng: np.random.Generator, cells: LabelMap) -> Layout:
    """Number the visible cells from 1 and, in some scenes, leave some of them out."""
    present = np.unique(cells)
    present = present[present > 0]
    kept = present[rng.random(len(present)) < rng.choice([1.0, 1.0, 0.9, 0.6])]
    numbers = np.zeros(int(cells.max()) + 1, dtype=np.int16)
    numbers[kept] = np.arange(1, len(kept) + 1)
    return Layout(numbers[cells], (0,) * (len(kept) + 1), bool(rng.random() < 0.6))
