"""Generated studio shots: one product a photo, with shading, a soft shadow and a backdrop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from scipy import ndimage

from samdomains.plugin import Size, atomic_path, write_json
from samdomains_products.demo_shapes import SHAPES, Floats, outline

PHOTOS = {"train": 6, "val": 2, "test": 4}
"""Photos in each part of ``splits.json``."""

SIDES = (160, 256)
"""Shortest and longest side of a photo in pixels."""

BACKDROPS = ("white", "gradient", "colour")

TURNED = (5, 6, 8)
"""EXIF orientations that some of the photos are stored with; all of them swap the sides."""

QUALITY = 90
"""Of the JPEG files."""

_ORIENTATION = 0x0112


def write_demo_data(directory: Path, seed: int) -> Path:
    """Write ``images/``, ``masks/`` and ``splits.json`` and return the folder.

    Every third photo is stored turned, with the EXIF orientation that turns it back; every fifth
    is a PNG whose background is transparent. Masks are PNG, 0 and 255, upright.

    Args:
        directory: An existing, empty folder.
        seed: The same seed gives the same files.
    """
    kinds, names = list(SHAPES), []
    for number in range(sum(PHOTOS.values())):
        rng = np.random.default_rng([seed, number])
        kind = kinds[number % len(kinds)]
        backdrop = BACKDROPS[number % len(BACKDROPS)]
        picture, alpha = studio_shot(rng, kind, backdrop)
        name = f"{kind}_{number:02d}"
        names.append(name)
        orientation = TURNED[number // 3 % 3] if number % 3 == 2 else 1
        if number % 5 == 4:
            cut = np.dstack([picture, np.rint(255 * alpha)]).astype(np.uint8)
            _save(directory / "images" / f"{name}.png", cut)
        else:
            _save_jpeg(directory / "images" / f"{name}.jpg", picture, orientation)
        mask = np.where(alpha >= 0.5, 255, 0).astype(np.uint8)
        _save(directory / "masks" / f"{name}.png", mask)
    _write_splits(directory, names)
    return directory


def studio_shot(
    rng: np.random.Generator, kind: str, backdrop: str
) -> tuple[NDArray[np.uint8], Floats]:
    """One photo.

    Args:
        rng: The only source of randomness.
        kind: One of ``SHAPES``.
        backdrop: One of ``BACKDROPS``.

    Returns:
        The photo, (H, W, 3), and the opacity of the product, (H, W) in [0, 1].
    """
    height, width = (int(side) for side in rng.integers(*SIDES, 2, endpoint=True))
    alpha = _placed(rng, kind, (height, width))
    ground = _backdrop(rng, backdrop, (height, width))
    shade = np.clip(1 - _shadow(rng, alpha), 0, 1)
    product = _surface(rng, alpha, ground.mean(axis=(0, 1)))
    cover = alpha[..., None]
    light = cover * product + (1 - cover) * ground * shade[..., None]
    seen = light + rng.normal(0, 0.008, light.shape)
    return np.rint(np.clip(seen, 0, 1) * 255).astype(np.uint8), alpha


def _placed(rng: np.random.Generator, kind: str, size: Size) -> Floats:
    """The outline of a product somewhere in the photo."""
    side = int(rng.uniform(0.55, 0.75) * min(size))
    alpha = np.zeros(size)
    room = np.array(size) - side
    y, x = np.rint(room * rng.uniform((0.5, 0.3), (0.7, 0.7))).astype(int)
    alpha[y : y + side, x : x + side] = outline(kind, side, rng)
    return alpha


def _backdrop(rng: np.random.Generator, kind: str, size: Size) -> Floats:
    """(H, W, 3): the paper behind the product, and the table that it runs into."""
    if kind == "white":
        return np.full((*size, 3), 1.0)
    colour = rng.uniform(0.82, 0.92, 3) if kind == "gradient" else rng.uniform(0.25, 0.75, 3)
    fall = np.linspace(rng.uniform(0.0, 0.1), -rng.uniform(0.05, 0.15), size[0])
    paper: Floats = np.clip(colour + fall[:, None, None] + np.zeros((*size, 1)), 0, 1)
    return paper


def _shadow(rng: np.random.Generator, alpha: Floats) -> Floats:
    """(H, W): how much light the product takes from its surroundings, most at its foot."""
    bottom = int(np.flatnonzero(alpha.any(axis=1))[-1])
    foot = np.zeros(alpha.shape)
    thick = max(2, len(alpha) // 40)
    foot[bottom - thick : bottom + thick] = alpha[bottom - thick - 2 : bottom - 2].max(axis=0)
    blur = len(alpha) / rng.uniform(40, 60)
    soft = ndimage.gaussian_filter(foot, (blur, 1.5 * blur))
    shade: Floats = rng.uniform(0.25, 0.45) * soft / max(float(soft.max()), 1e-9)
    return shade


def _surface(rng: np.random.Generator, alpha: Floats, ground: Floats) -> Floats:
    """(H, W, 3): the product's colours, darker towards its sides, with a label and a highlight."""
    size = alpha.shape
    colour = rng.uniform(0.1, 0.85, 3)
    while np.abs(colour - ground).max() < 0.3:
        colour = rng.uniform(0.1, 0.85, 3)
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    across = (np.arange(size[1]) - columns.mean()) / (np.ptp(columns) / 2)
    light = 1.0 - 0.35 * np.clip(np.abs(across + 0.25), 0, 1.3) ** 2
    surface = colour * light[None, :, None] * np.ones((*size, 1))
    _stick_label(rng, surface, rows, columns)
    gleam = np.exp(-(((across + 0.45) / 0.12) ** 2))[None, :, None]
    lit: Floats = np.clip(surface + rng.uniform(0.05, 0.25) * gleam, 0, 1)
    return lit


def _stick_label(
    rng: np.random.Generator, surface: Floats, rows: NDArray[Any], columns: NDArray[Any]
) -> None:
    """Paint a label onto the middle of the product, in place."""
    middle, wide = columns.mean(), np.ptp(columns) * rng.uniform(0.1, 0.22)
    top = rows[0] + np.ptp(rows) * rng.uniform(0.55, 0.65)
    bottom = top + np.ptp(rows) * rng.uniform(0.1, 0.25)
    label = surface[int(top) : int(bottom), int(middle - wide) : int(middle + wide)]
    label *= 0.3
    label += 0.7 * rng.uniform(0.1, 1.0, 3)


def _save(path: Path, picture: NDArray[np.uint8]) -> None:
    with atomic_path(path) as temporary:
        PillowImage.fromarray(picture).save(temporary)


def _save_jpeg(path: Path, picture: NDArray[np.uint8], orientation: int) -> None:
    """Store an upright picture as a camera does that was held in another way."""
    image = PillowImage.fromarray(picture)
    turns = {
        5: PillowImage.Transpose.TRANSPOSE,
        6: PillowImage.Transpose.ROTATE_90,
        8: PillowImage.Transpose.ROTATE_270,
    }
    if orientation in turns:
        image = image.transpose(turns[orientation])
    exif = PillowImage.Exif()
    exif[_ORIENTATION] = orientation
    with atomic_path(path) as temporary:
        image.save(temporary, quality=QUALITY, exif=exif)


def _write_splits(directory: Path, names: list[str]) -> None:
    remaining = iter(names)
    parts = {part: [next(remaining) for _ in range(count)] for part, count in PHOTOS.items()}
    write_json(directory / "splits.json", parts)
