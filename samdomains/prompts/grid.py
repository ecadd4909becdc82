"""Prompts without a human: a grid of points, as in SAM's automatic mask generation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from samdomains.types import Image, Prompts


@dataclass(frozen=True, slots=True)
class PointGrid:
    """Proposes one point in the middle of each square of a grid (arXiv:2304.02643, appendix B).

    Attributes:
        points: Squares along the longer side of an image.
    """

    points: int

    def __call__(self, image: Image) -> Sequence[Prompts]:
        """One prompt a square, row by row.

        Args:
            image: (3, H, W) in [0, 1]; only its size matters.
        """
        height, width = image.shape[1:]
        pitch = max(height, width) / self.points
        rows = (np.arange(max(1, round(height / pitch))) + 0.5) * pitch
        columns = (np.arange(max(1, round(width / pitch))) + 0.5) * pitch
        label = np.ones(1, dtype=np.int64)
        return [
            Prompts(points=np.array([[x, y]], np.float32), point_labels=label, source="automatic")
            for y in np.minimum(np.floor(rows), height - 1)
            for x in np.minimum(np.floor(columns), width - 1)
        ]
