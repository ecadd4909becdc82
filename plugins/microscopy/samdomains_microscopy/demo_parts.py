"""What the generated data sets share: outlines, noise, splits, and files without a time stamp."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.plugin import Mask, Size, atomic_path, write_json

OVERLAP = 0.15
"""Share of an object that its neighbours may hide: nuclei touch and look as if they overlapped."""


def blob(rng: np.random.Generator, size: Size, radii: tuple[float, float], stretch: float) -> Mask:
    """An ellipse with a wavy outline; its centre lies in the image, its edge may leave it.

    Args:
        rng: The only source of randomness.
        size: (H, W) of the image.
        radii: Smallest and largest mean radius in pixels.
        stretch: Largest ratio of its axes.
    """
    centre = rng.uniform(2, np.array(size) - 3)
    y, x = np.indices(size) - centre[:, None, None]
    turn, ratio = rng.uniform(0, np.pi), rng.uniform(1.0, stretch)
    along = (x * np.cos(turn) + y * np.sin(turn)) / ratio
    across = y * np.cos(turn) - x * np.sin(turn)
    angle = np.arctan2(across, along)
    waves = sum(
        rng.uniform(0, 0.08) * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
        for order in (2, 3, 5)
    )
    radius = rng.uniform(*radii) / np.sqrt(ratio)
    inside: Mask = np.hypot(along, across) <= radius * (1 + waves)
    return inside


def scatter(
    draw: Callable[[], Mask], size: Size, wanted: int, overlap: float = OVERLAP
) -> NDArray[np.uint16]:
    """Label map, (H, W), of objects of one piece, some touching; a later lies under the earlier.

    Args:
        draw: Gives a mask, (H, W), anew each time.
        size: (H, W) of the image.
        wanted: Number of objects, fewer where there is no room.
        overlap: Share of an object that others may hide.
    """
    labels = np.zeros(size, dtype=np.uint16)
    count = 0
    for _ in range(10 * wanted):
        mask = draw()
        hidden = np.count_nonzero(labels[mask]) / np.count_nonzero(mask)
        visible = mask & (labels == 0)
        if hidden <= overlap and ndimage.label(visible)[1] == 1:
            count += 1
            labels[visible] = count
        if count == wanted:
            break
    return labels


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], blur: float | Sequence[float]
) -> NDArray[np.float64]:
    """Smooth noise of unit standard deviation.

    Args:
        rng: The only source of randomness.
        shape: Of the noise.
        blur: Standard deviation of the Gaussian in pixels, for all axes or for each.
    """
    noise = ndimage.gaussian_filter(rng.normal(size=shape), blur, mode="reflect")
    smooth: NDArray[np.float64] = noise / noise.std()
    return smooth


def save_plain(path: Path, pixels: NDArray[Any], **options: Any) -> None:  # noqa: ANN401 (tifffile's)
    """Write a TIFF without metadata, atomically; the same pixels give the same bytes.

    Args:
        path: The file.
        pixels: (H, W), pages (Z, H, W), or (H, W, 3) with ``photometric="rgb"``.
        options: For ``tifffile.imwrite``.
    """
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary, pixels, metadata=None, **{"photometric": "minisblack"} | options
        )


def write_splits(directory: Path, names: Sequence[str], sizes: Mapping[str, int]) -> None:
    """Write ``splits.json``: the names in their order, so many to each part."""
    remaining = iter(names)
    parts = {part: [next(remaining) for _ in range(count)] for part, count in sizes.items()}
    write_json(directory / "splits.json", parts)
