"""Prompts without a human: boxes around what differs from the surface around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.plugin import Box, Image, Prompts

COARSE_SIDE = 100
"""Pixels along the longer side of the picture from which the background is taken, for speed."""

GREY_LEVEL = 1 / 255
"""Smallest noise that is assumed: one grey level of 8 bits."""

SAME_BOX = 0.7
"""Two boxes of a larger IoU are one, as in SAM's own grid of points (arXiv:2304.02643)."""

_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True, slots=True)
class SurfaceAnomalies:
    """Proposes a box for each spot that differs from the surface around it.

    The background is the median of a window around each pixel, which a scratch or a spot less than
    half as wide as the window does not change. What is left, blurred a little against noise, is
    measured in robust standard deviations (1.4826 times the median absolute deviation; Rousseeuw
    and Croux 1993, doi:10.1080/01621459.1993.10476408). A spot is a connected part above half of a
    threshold that reaches the threshold somewhere (hysteresis; Canny 1986,
    doi:10.1109/TPAMI.1986.4767851). An even surface hardly gets a proposal.

    Attributes:
        window: Side of the median's window, as a share of the image's shorter side.
        blur: Standard deviation of the Gaussian in pixels.
        thresholds: In robust standard deviations. A faint spot needs the lowest; the core of one
            with faint surroundings is proposed by itself, too.
        smallest: Spots with fewer pixels are noise.
        margin: Pixels added at each side of a box.
        most: Boxes for one image; those that differ most are kept.
    """

    window: float = 0.15
    blur: float = 1.0
    thresholds: tuple[float, ...] = (6.0, 12.0)
    smallest: int = 8
    margin: int = 1
    most: int = 64

    def __call__(self, image: Image) -> Sequence[Prompts]:
        """One box for each spot, the most conspicuous first.

        Args:
            image: (3, H, W) in [0, 1].
        """
        score = self._deviation(image.mean(axis=0, dtype=np.float64))
        spots = [spot for threshold in self.thresholds for spot in self._spots(score, threshold)]
        kept: list[Box] = []
        for _, box in sorted(spots, key=lambda spot: (-spot[0], *spot[1].tolist())):
            if len(kept) < self.most and all(_iou(box, other) <= SAME_BOX for other in kept):
                kept.append(box)
        return [Prompts(box=box, source="automatic") for box in kept]

    def _deviation(self, grey: NDArray[np.float64]) -> NDArray[np.float64]:
        """(H, W): difference from the background, in robust standard deviations."""
        rest = ndimage.gaussian_filter(grey - _background(grey, self.window), self.blur)
        rest = np.abs(rest - np.median(rest))
        scaled: NDArray[np.float64] = rest / max(1.4826 * float(np.median(rest)), GREY_LEVEL)
        return scaled

    def _spots(self, score: NDArray[np.float64], threshold: float) -> Iterator[tuple[float, Box]]:
        """Largest deviation and box of each spot."""
        weak = score > threshold / 2
        weak |= ndimage.binary_closing(weak, _EIGHT_NEIGHBOURS)  # join what noise parted
        labels, _ = ndimage.label(weak, _EIGHT_NEIGHBOURS)
        height, width = score.shape
        for label, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
            inside = labels[rows, columns] == label
            peak = float(score[rows, columns][inside].max())
            if peak > threshold and np.count_nonzero(inside) >= self.smallest:
                x0, y0 = max(0, columns.start - self.margin), max(0, rows.start - self.margin)
                x1, y1 = columns.stop + self.margin, rows.stop + self.margin
                yield peak, np.array([x0, y0, min(x1, width), min(y1, height)], dtype=np.float32)


def _background(grey: NDArray[np.float64], window: float) -> NDArray[np.float64]:
    """(H, W): the median around each pixel, taken on a coarser grid and interpolated."""
    height, width = grey.shape
    step = max(1, round(max(height, width) / COARSE_SIDE))
    missing = ((0, -height % step), (0, -width % step))
    padded = np.pad(grey, missing, mode="edge")
    blocks = padded.reshape(padded.shape[0] // step, step, padded.shape[1] // step, step)
    side = max(3, round(window * min(height, width) / step) // 2 * 2 + 1)
    # Mirrored through the border's own value, so that a slope of the light goes on outside.
    coarse = np.pad(blocks.mean(axis=(1, 3)), side, mode="reflect", reflect_type="odd")
    median = ndimage.median_filter(coarse, side)
    places = [(np.arange(length) + 0.5) / step - 0.5 + side for length in (height, width)]
    grid = np.meshgrid(*places, indexing="ij")
    smooth: NDArray[np.float64] = ndimage.map_coordinates(median, grid, order=1)
    return smooth


def _iou(first: Box, second: Box) -> float:
    """Overlap of two boxes over their union."""
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    common = float(np.prod(np.clip(high - low, 0, None)))
    areas = [float(np.prod(box[2:] - box[:2])) for box in (first, second)]
    return common / (sum(areas) - common)
