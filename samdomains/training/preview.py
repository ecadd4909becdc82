"""A contact sheet of generated scenes, to see what `tiny` learns from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from samdomains.files import atomic_path
from samdomains.training.scenes import Scene, generate_scene

ROWS, COLUMNS, SIDE = 6, 8, 128


def write_contact_sheet(path: Path, seed: int) -> None:
    """Write 48 scenes, each beside its objects in random colours, as one PNG."""
    rng = np.random.default_rng(seed)
    rows = [
        np.concatenate([_tile(generate_scene(rng, SIDE), rng) for _ in range(COLUMNS)], axis=1)
        for _ in range(ROWS)
    ]
    with atomic_path(path) as temporary:
        PillowImage.fromarray(np.concatenate(rows)).save(temporary, format="PNG")


def _tile(scene: Scene, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(SIDE, 2 * SIDE, 3): the picture, then its objects."""
    picture = (scene.image.transpose(1, 2, 0) * 255).round().astype(np.uint8)
    objects = np.zeros_like(picture)
    for mask in scene.objects:
        objects[mask] = rng.integers(60, 256, 3)
    return np.concatenate([picture, objects], axis=1)
