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

from collections.abc import Sequence

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

RIDGE = 3e-3
"""Penalty on the weights, in mean squares of the features."""

SCALES = (0.0, 1.0, 2.0, 4.0, 8.0)
"""Standard deviations, in pixels of the thumbnail, at which colour is seen."""

_TEXTURE_SCALE = 2.0
_EDGE_SCALES = (0.0, 2.0, 5.0)
_LEAST_SPREAD = 0.05  # of a feature; what hardly varies must not decide everything


def expected_shares(thumbnails: Sequence[Thumbnail]) -> NDArray[np.float32]:
    """How much of each pixel should belong to an object, by what the other images teach.

    Args:
        thumbnails: At least two.

    Returns:
        (N, SIDE, SIDE), from 0 to 1.
    """
    parts = np.arange(len(thumbnails)) % min(PARTS, len(thumbnails))
    model = _Model(thumbnails, parts)
    weights = [model.weights_without(part) for part in range(int(parts.max()) + 1)]
    shares = np.stack(
        [model.design(item) @ weights[part] for item, part in zip(thumbnails, parts, strict=True)]
    )
    return np.clip(shares, 0, 1).reshape(-1, SIDE, SIDE)


class _Model:
    """The normal equations of each part, and what turns a thumbnail into features."""

    def __init__(self, thumbnails: Sequence[Thumbnail], parts: NDArray[np.intp]) -> None:
        rng = np.random.default_rng(0)
        some = thumbnails[:: max(1, len(thumbnails) // 50)]
        together = np.concatenate([_features(item)[::7] for item in some])
        self._middle = together.mean(axis=0)
        self._spread = np.maximum(together.std(axis=0), _LEAST_SPREAD)
        count = together.shape[1]
        hidden = rng.normal(0, 1.4 / np.sqrt(count), (count, HIDDEN))
        self._hidden = hidden.astype(np.float32)
        self._shift = rng.normal(0, 0.7, HIDDEN).astype(np.float32)
        size = count + HIDDEN + 1
        self._images = np.bincount(parts)
        self._squares = np.zeros((len(self._images), size, size))
        self._products = np.zeros((len(self._images), size))
        for item, part in zip(thumbnails, parts, strict=True):
            chosen = rng.choice(SIDE * SIDE, SAMPLE, replace=False)
            seen = self.design(item, chosen)
            share = item.inside.ravel()[chosen].astype(np.float32) / 255
            self._squares[part] += seen.T @ seen / SAMPLE
            self._products[part] += seen.T @ share / SAMPLE

    def design(self, item: Thumbnail, chosen: NDArray[np.intp] | None = None) -> _Rows:
        """(pixels, features): of all pixels of a thumbnail, or of some."""
        seen = _features(item)
        seen = (seen if chosen is None else seen[chosen]) - self._middle
        seen /= self._spread
        hidden = np.maximum(seen @ self._hidden + self._shift, 0)
        return np.concatenate([hidden, seen, np.ones((len(seen), 1), np.float32)], axis=1)

    def weights_without(self, part: int) -> _Rows:
        """(features,): learnt from the other parts; from its own where there is no other."""
        others = self._images.sum() - self._images[part]
        squares = (self._squares.sum(axis=0) - self._squares[part]) / others
        products = (self._products.sum(axis=0) - self._products[part]) / others
        squares[np.diag_indices_from(squares)] += RIDGE
        weights = linalg.solve(squares, products, assume_a="pos")
        return weights.astype(np.float32)


_Rows = NDArray[np.float32]


def _features(item: Thumbnail) -> _Rows:
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
