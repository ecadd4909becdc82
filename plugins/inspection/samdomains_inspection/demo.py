"""Generated surfaces with scratches, dents and pits, in the good/defect layout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from samdomains.plugin import Size, atomic_path, write_json
from samdomains_inspection.demo_defects import DEFECTS, Defect
from samdomains_inspection.demo_surfaces import SURFACES, Surface

SIDES = (160, 224)
"""Smallest and largest side of an image in pixels."""

PARTS = {
    "train": {"good": 3, "scratch": 2, "dent": 2, "pit": 2},
    "val": {"good": 1, "scratch": 1, "pit": 1},
    "test": {"good": 1, "scratch": 1, "dent": 1, "pit": 1},
}
"""Images of each folder in each part of ``splits.json``: a third is good, in every part some."""

CAMERA_BITS = 12
"""Of industrial cameras with deep pixels (Mono12 of the GenICam standard), stored in 16."""

BRIGHTNESS = (1400.0, 2200.0)
"""Mean grey level of a surface, about half of what the camera can tell."""

SHOT_NOISE = 0.35
"""Standard deviation of a pixel's noise over the square root of its grey level."""


def write_demo_data(directory: Path, seed: int) -> Path:
    """Write ``good/``, ``scratch/``, ``dent/``, ``pit/``, ``masks/<defect>/``, ``splits.json``.

    Images are 16-bit grey PNG, masks 8-bit PNG with 255 on the defect.

    Args:
        directory: An existing, empty folder.
        seed: The same seed gives the same files.
    """
    splits: dict[str, list[str]] = {part: [] for part in PARTS}
    for number, (part, kind, name) in enumerate(_names()):
        rng = np.random.default_rng([seed, number])
        surface = SURFACES[int(rng.integers(len(SURFACES)))]
        image, mask = inspected_surface(rng, surface, DEFECTS.get(kind))
        _save_png(directory / kind / f"{name}.png", image)
        if kind in DEFECTS:
            _save_png(directory / "masks" / kind / f"{name}_mask.png", mask)
        splits[part].append(f"{kind}_{name}")
    write_json(directory / "splits.json", splits)
    return directory


def _names() -> Iterator[tuple[str, str, str]]:
    """Part, folder and file name of each image."""
    counts: dict[str, int] = {}
    for part, kinds in PARTS.items():
        for kind, wanted in kinds.items():
            for _ in range(wanted):
                counts[kind] = counts.get(kind, -1) + 1
                yield part, kind, f"{counts[kind]:03d}"


def inspected_surface(
    rng: np.random.Generator, surface: Surface, defect: Defect | None
) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """One image of a surface and its mask.

    Args:
        rng: The only source of randomness.
        surface: Draws the surface, (H, W) with mean 1.
        defect: Draws one defect on it; None for a good surface.

    Returns:
        Grey levels of a 12-bit camera, (H, W), and 255 on the defects, (H, W).
    """
    height, width = (int(side) for side in rng.integers(SIDES[0], SIDES[1] + 1, 2))
    light = surface(rng, (height, width)) * _lighting(rng, (height, width))
    mask = np.zeros((height, width), dtype=bool)
    if defect is not None:
        light, mask = defect(rng, light)
    grey = light * rng.uniform(*BRIGHTNESS)
    grey += rng.normal(size=grey.shape) * SHOT_NOISE * np.sqrt(np.clip(grey, 1, None))
    levels = np.clip(np.rint(grey), 0, 2**CAMERA_BITS - 1).astype(np.uint16)
    return levels, np.where(mask, 255, 0).astype(np.uint8)


def _lighting(rng: np.random.Generator, size: Size) -> NDArray[np.float64]:
    """A lamp that stands at one side: a slope of up to 15 percent, (H, W) with mean about 1."""
    y, x = np.indices(size) / np.array(size)[:, None, None] - 0.5
    turn, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.3)
    shade: NDArray[np.float64] = 1 + slope * (x * np.cos(turn) + y * np.sin(turn))
    return shade


def _save_png(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    with atomic_path(path) as temporary:
        PillowImage.fromarray(pixels).save(temporary)
