"""Where objects are to be expected in each image, by what the other images of the set teach.

A small classifier learns from the thumbnails of a set and their masks what a pixel of an object
looks like: its colour at several scales, its edges and texture, and where in the image it lies. The
images are divided into parts, and each is predicted by a model that has seen the other parts alone,
so that what is wrong with a mask has no say in what is expected in its own image.

It is a ridge regression on random features: the normal equations are added up once for each part,
those of one part are taken off again, and each model is one small system of equations.

Reference:
    Rahimi and Recht 2008, "Random Features for Large-Scale Kernel Machines", NIPS 20. With random
    hidden units it is the extreme learning machine: Huang et al. 2006,
    doi:10.1016/j.neucom.2005.12.126.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, ndimage

from samdomains.audit.thumbnails import SIDE, Thumbnail

PARTS = 5
"""The images are predicted in so many parts, each by the others."""

HIDDEN = 256
"""Random features beside the measured ones."""

SAMPLE = 1500
"""Pixels of each thumbnail that are learnt from."""

MOST_TAUGHT = 1000
"""Images that are learnt from, evenly taken from the set: more teach hardly anything new."""

MOST_CLASSES = 48
"""Classes that are predicted one by one."""

RIDGE = 3e-3
"""Penalty on the weights, in mean squares of the features."""

SCALES = (0.0, 1.0, 2.0, 4.0, 8.0)
"""Standard deviations, in pixels of the thumbnail, at which colour is seen."""

_TEXTURE_SCALE = 2.0
_EDGE_SCALES = (0.0, 2.0, 5.0)
_Rows: TypeAlias = NDArray[np.float32]

_LEAST_SPREAD = 0.05  # of a feature; what hardly varies must not decide everything


class PixelModel:
    """What is expected of each image of a set, by a model of the others.

    Args:
        thumbnails: At least two, each with an object.

    Attributes:
        classes: Class ids, in the order in which they are predicted; the rarest are left out where
            there are more than ``MOST_CLASSES``.
    """

    def __init__(self, thumbnails: Sequence[Thumbnail]) -> None:
        self._thumbnails = thumbnails
        self.classes = _classes(thumbnails)
        count = len(thumbnails)
        step = -(-count // MOST_TAUGHT)
        self._parts = np.arange(count) // step % min(PARTS, count)
        features = _Features(thumbnails)
        equations = [_Equations(features.count, 1 + len(self.classes)) for _ in set(self._parts)]
        rng = np.random.default_rng(0)
        for item, part in zip(thumbnails[::step], self._parts[::step], strict=True):
            chosen = rng.choice(SIDE * SIDE, SAMPLE, replace=False)
            shares = _shares(item, self.classes)[chosen]
            equations[part].add(features.of(item, chosen), shares)
        self._features = features
        self._weights = [
            _solved([other for other in equations if other is not own]) for own in equations
        ]

    def expected(self, place: int) -> NDArray[np.float32]:
        """(1 + classes, SIDE, SIDE): share of any object in each pixel, then of each class.

        Args:
            place: Of the image in the set; it is predicted by a model that has not seen it.
        """
        rows = self._features.of(self._thumbnails[place]) @ self._weights[self._parts[place]]
        maps: NDArray[np.float32] = np.clip(rows, 0, 1).T.reshape(-1, SIDE, SIDE)
        return maps


class _Equations:
    """The normal equations of some images, added up."""

    def __init__(self, features: int, targets: int) -> None:
        self.images = 0
        self.squares = np.zeros((features, features))
        self.products = np.zeros((features, targets))

    def add(self, seen: _Rows, shares: _Rows) -> None:
        """Take in the pixels of one image, (pixels, features) and (pixels, targets)."""
        self.images += 1
        self.squares += seen.T @ seen / len(seen)
        self.products += seen.T @ shares / len(seen)


def _solved(equations: Sequence[_Equations]) -> _Rows:
    """(features, targets): the weights that all these images together ask for."""
    images = sum(some.images for some in equations)
    squares = np.sum([some.squares for some in equations], axis=0) / images
    products = np.sum([some.products for some in equations], axis=0) / images
    squares[np.diag_indices_from(squares)] += RIDGE
    weights: _Rows = linalg.solve(squares, products, assume_a="pos").astype(np.float32)
    return weights


class _Features:
    """What the model sees of a thumbnail, measured and random features.

    Attributes:
        count: Number of features.
    """

    def __init__(self, thumbnails: Sequence[Thumbnail]) -> None:
        rng = np.random.default_rng(0)
        some = thumbnails[:: max(1, len(thumbnails) // 50)]
        together = np.concatenate([_measured(item)[::7] for item in some])
        self._middle = together.mean(axis=0)
        self._spread = np.maximum(together.std(axis=0), _LEAST_SPREAD)
        measured = together.shape[1]
        hidden = rng.normal(0, 1.4 / np.sqrt(measured), (measured, HIDDEN))
        self._hidden = hidden.astype(np.float32)
        self._shift = rng.normal(0, 0.7, HIDDEN).astype(np.float32)
        self.count = HIDDEN + measured + 1

    def of(self, item: Thumbnail, chosen: NDArray[np.intp] | slice = slice(None)) -> _Rows:
        """(pixels, count): of all pixels of a thumbnail, or of some."""
        seen = (_measured(item)[chosen] - self._middle) / self._spread
        hidden = np.maximum(seen @ self._hidden + self._shift, 0)
        return np.concatenate([hidden, seen, np.ones((len(seen), 1), np.float32)], axis=1)


def _classes(thumbnails: Sequence[Thumbnail]) -> tuple[int, ...]:
    pixels: Counter[int] = Counter()
    for item in thumbnails:
        counts = np.bincount(item.labels.ravel(), minlength=len(item.classes) + 1)[1:]
        for value, count in zip(item.classes, counts, strict=True):
            pixels[value] += int(count)
    return tuple(sorted(value for value, _ in pixels.most_common(MOST_CLASSES)))


def _shares(item: Thumbnail, classes: Sequence[int]) -> _Rows:
    """(SIDE * SIDE, 1 + classes): of any object in each pixel, and of each class."""
    inside = item.inside.ravel().astype(np.float32) / 255
    of_pixel = np.array([-1, *item.classes])[item.labels.ravel()]
    return np.stack([inside, *(inside * (of_pixel == value) for value in classes)], axis=1)


def _measured(item: Thumbnail) -> _Rows:
    """(SIDE * SIDE, 29): colour at several scales, texture, colour as it is, edges, place.

    Colour is told against the image's own mean and spread, since exposure differs, and once as it
    is, since in many sets it does not.
    """
    colour = item.channels.astype(np.float32) / 255
    spread = max(float(colour.std()), _LEAST_SPREAD)
    relative = (colour - colour.mean(axis=(1, 2), keepdims=True)) / spread
    seen = [_smooth(relative, scale) for scale in SCALES]
    near = seen[SCALES.index(_TEXTURE_SCALE)]
    squares = _smooth(np.square(relative), _TEXTURE_SCALE)
    texture = np.sqrt(np.maximum(squares - np.square(near), 0))
    edges = item.gradient[None].astype(np.float32)
    edges = (edges - edges.mean()) / max(float(edges.std()), 1.0)
    along = np.linspace(-1, 1, SIDE, dtype=np.float32)
    y, x = np.meshgrid(along, along, indexing="ij")
    place = np.stack([y, x, np.square(y), np.square(x)])
    around = [_smooth(edges, scale) for scale in _EDGE_SCALES]
    stacked = np.concatenate([*seen, texture, 4 * colour, *around, place])
    return np.ascontiguousarray(stacked.reshape(len(stacked), -1).T)


def _smooth(maps: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    smooth: NDArray[np.float32] = ndimage.gaussian_filter(maps, (0, scale, scale))
    return smooth
