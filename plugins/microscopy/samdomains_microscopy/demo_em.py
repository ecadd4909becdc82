"""Generated electron microscopy: blocks of serial sections of nervous tissue, as multi-page TIFF.

Cells closed by dark membranes, vesicles in some, and mitochondria, which are labelled.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, spatial

from samdomains_microscopy.demo_parts import save_plain, smooth_noise, write_splits

SPLITS = {"train": 3, "val": 1, "test": 2}
"""Blocks in each part of ``splits.json``."""

SHAPE = (4, 160, 160)
"""(Z, H, W) of a block."""

SECTION = 8.0
"""Thickness of a section in units of a pixel's side: 40 nm at 5 nm, as in serial sections."""

CELLS = 14
"""Cells that meet a block, on average 40 pixels (200 nm) wide, as neurites are."""

MITOCHONDRIA = 9
RADII = (8.0, 14.0)
"""Smallest and largest radius of a mitochondrion in pixels: 80 to 140 nm across and more along."""

CYTOPLASM, MEMBRANE, MATRIX, CRISTA = 165.0, 75.0, 140.0, 110.0
"""Grey levels of the stained tissue in transmission: what holds heavy metal is dark."""

GRAIN = 18.0
"""Standard deviation of the noise of few electrons a pixel, in grey levels."""


def write_demo_em(directory: Path, seed: int) -> Path:
    """Write ``images/``, ``labels/`` and ``splits.json`` under ``directory`` and return it.

    Args:
        directory: An existing, empty folder.
        seed: The same seed gives the same files.
    """
    names = [f"block_{index}" for index in range(sum(SPLITS.values()))]
    for index, name in enumerate(names):
        block, labels = tissue_block(np.random.default_rng([seed, index]))
        save_plain(directory / "images" / f"{name}.tif", block)
        save_plain(directory / "labels" / f"{name}.tif", labels)
    write_splits(directory, names, SPLITS)
    return directory


def tissue_block(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """A few serial sections.

    Args:
        rng: The only source of randomness.

    Returns:
        The sections and the label map of the mitochondria, both (Z, H, W): 0 is background, every
        other value one mitochondrion, the same in all sections.
    """
    wall = _distance_to_membrane(rng)
    grey = np.where(wall < 1.6, MEMBRANE, CYTOPLASM + 10 * smooth_noise(rng, SHAPE, (0, 6, 6)))
    grey = np.where(_vesicles(rng) & (wall > 4), MEMBRANE + 35, grey)
    labels = np.zeros(SHAPE, dtype=np.uint16)
    room = np.argwhere(wall > RADII[0])
    for _ in range(4 * MITOCHONDRIA):
        depth, cristae = _mitochondrion(rng, room[rng.integers(len(room))])
        inside = depth < 1
        if not (inside & ((labels > 0) | (wall < 3))).any():
            labels[inside] = labels.max() + 1
            organelle = np.where(depth > 0.8, MEMBRANE, np.where(cristae, CRISTA, MATRIX))
            grey = np.where(inside, organelle, grey)
        if labels.max() == MITOCHONDRIA:
            break
    seen = ndimage.gaussian_filter(grey, (0, 0.9, 0.9)) + rng.normal(0, GRAIN, SHAPE)
    return np.clip(np.rint(seen), 0, 255).astype(np.uint8), labels


def _grid() -> NDArray[np.float64]:
    """(3, Z, H, W): where each voxel lies, z, y and x in units of a pixel's side."""
    place: NDArray[np.float64] = np.indices(SHAPE).astype(np.float64)
    place[0] *= SECTION
    return place


def _distance_to_membrane(rng: np.random.Generator) -> NDArray[np.float64]:
    """(Z, H, W): pixels from the border between two cells, which are those of nearest centres."""
    place = _grid() + 3 * np.stack([smooth_noise(rng, SHAPE, (0.7, 9, 9)) for _ in range(3)])
    extent = np.array(SHAPE) * [SECTION, 1.0, 1.0]
    centres = rng.uniform(-20, extent + 20, (CELLS * 2, 3))
    near, _ = spatial.cKDTree(centres).query(place.reshape(3, -1).T, k=2)
    distance: NDArray[np.float64] = ((near[:, 1] - near[:, 0]) / 2).reshape(SHAPE)
    return distance


def _mitochondrion(
    rng: np.random.Generator, centre: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Distance from its centre, 1 at its surface, and where its folds are, both (Z, H, W)."""
    offset = _grid() - (centre * [SECTION, 1.0, 1.0])[:, None, None, None]
    direction = rng.normal(size=3) * [0.6, 1.0, 1.0]  # most are cut lengthwise or aslant
    direction /= np.linalg.norm(direction)
    along = np.tensordot(direction, offset, axes=1)
    across = np.sqrt(np.maximum((offset**2).sum(axis=0) - along**2, 0))
    radius, length = rng.uniform(*RADII), rng.uniform(1.0, 2.0)
    depth = np.hypot(across / radius, along / (radius * length))
    cristae = np.sin(along * 2 * np.pi / 5 + 0.3 * across) > 0.4
    return depth, cristae


def _vesicles(rng: np.random.Generator) -> NDArray[np.bool_]:
    """(Z, H, W): small dark spheres, in crowds; a vesicle is thinner than a section."""
    crowd = smooth_noise(rng, SHAPE, (0, 14, 14)) > 1.0
    seeds = (rng.random(SHAPE) < 0.012) & crowd
    disk = np.hypot(*np.mgrid[-2:3, -2:3])[None] <= 2
    found: NDArray[np.bool_] = ndimage.binary_dilation(seeds, disk)
    return found
