"""Branches: what joins an object in a slice and leads back into slices that were passed already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from scipy import ndimage

from samdomains.types import Mask

LEAST_SHARE = 0.1
"""Smallest part of a cross-section that may be a branch."""

LEAST_PIXELS = 16
"""The same in pixels: below, a prompt could not be told from a click."""

SLANT = 0.2
"""Pixels by which a border may move from slice to slice, as a share of the square root of the
area: what lies within is no branch, but the object's own surface."""


def entries(masks: Mapping[int, Mask]) -> Iterator[tuple[int, int, Mask]]:
    """Where an object shows something that its slice before or after does not.

    Args:
        masks: (H, W) of each slice that shows the object.

    Yields:
        Slice, step (-1 or 1) to the slice that does not show it, and (H, W) what it does not show.

    Example:
        >>> arch = np.ones((10, 30), dtype=bool)
        >>> leg = arch.copy()
        >>> leg[:, 10:] = False
        >>> [(index, step, int(part.sum())) for index, step, part in entries({3: leg, 4: arch})]
        [(4, -1, 170)]
    """
    for index, mask in masks.items():
        for step in (-1, 1):
            beside = masks.get(index + step)
            if beside is not None:
                yield from ((index, step, part) for part in _only_in(mask, beside))


def _only_in(mask: Mask, beside: Mask) -> Iterator[Mask]:
    """Parts of a mask that are no mere shift of its border."""
    area = int(np.count_nonzero(mask))
    reach = max(1, round(SLANT * float(np.sqrt(area))))
    near = ndimage.maximum_filter(beside.astype(np.uint8), 2 * reach + 1) > 0
    parts, count = ndimage.label(mask & ~near)
    for number in range(1, count + 1):
        part = np.asarray(parts == number)
        pixels = int(np.count_nonzero(part))
        large = pixels >= max(LEAST_PIXELS, LEAST_SHARE * area)
        if large and _is_thick(part, reach) and not _is_around(part, beside):
            yield part


def _is_thick(part: Mask, reach: int) -> bool:
    """Whether it is more than a rim: a square as wide as the rim that was left out fits in."""
    return bool(ndimage.binary_erosion(part, np.ones((reach, reach), dtype=bool)).any())


def _is_around(part: Mask, beside: Mask) -> bool:
    """Whether it lies around what the other slice shows, as where a round object ends."""
    return bool((ndimage.binary_fill_holes(part) & beside).any())
