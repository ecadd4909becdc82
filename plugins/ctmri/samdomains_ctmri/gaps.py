"""Voxels without a measurement: NaN in volumes of floating-point numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from samdomains.plugin import DataError
from samdomains_ctmri.grid import Voxels


def filled(voxels: Voxels, path: Path) -> Voxels:
    """Take voxels that hold NaN, as what is outside of a mask often does, for the darkest.

    Args:
        voxels: A whole volume, of any shape.
        path: Its file, for messages.

    Returns:
        The same, with the smallest of its numbers where there was none.

    Raises:
        DataError: Voxels are infinite, or there is no number at all.
    """
    return next(filled_planes(lambda: iter([voxels]), path))


def filled_planes(planes: Callable[[], Iterator[Voxels]], path: Path) -> Iterator[Voxels]:
    """The same plane by plane: the smallest number is that of the whole volume.

    Args:
        planes: Reads the planes of a volume; called again where one of them has gaps.
        path: Its file, for messages.

    Raises:
        DataError: As ``filled``.
    """
    darkest: float | None = None
    for plane in planes():
        if plane.dtype.kind != "f" or np.isfinite(plane).all():
            yield plane
            continue
        if infinite := int(np.count_nonzero(np.isinf(plane))):
            problem = f"{infinite} voxels are infinite"
            raise DataError(path, problem, "Replace them by a finite background value.")
        if darkest is None:
            darkest = _darkest(planes(), path)
        yield np.where(np.isnan(plane), plane.dtype.type(darkest), plane)


def _darkest(planes: Iterator[Voxels], path: Path) -> float:
    """The smallest number of a volume."""
    darkest = float(np.fmin.reduce([np.fmin.reduce(plane, axis=None) for plane in planes]))
    if np.isnan(darkest):
        raise DataError(path, "every voxel is NaN: it holds no numbers", "Export it again.")
    return darkest
