"""Outlines of generated products, as opacity with anti-aliased edges."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw

SCALE = 4
"""Outlines are drawn this many times as large, and reduced."""

Floats = NDArray[np.float64]
Draw = Callable[[ImageDraw.ImageDraw, np.random.Generator], None]
"""Draws a product into the square from 0 to ``UNIT``, standing on its lower side."""

UNIT = 1000


def bottle(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """A body with round shoulders, a neck and a cap."""
    body, neck = rng.uniform(150, 230), rng.uniform(45, 75)
    shoulder, top = rng.uniform(330, 450), rng.uniform(20, 120)
    draw.rounded_rectangle((500 - body, shoulder, 500 + body, UNIT), radius=40, fill=255)
    draw.ellipse((500 - body, shoulder - 120, 500 + body, shoulder + 160), fill=255)
    draw.rectangle((500 - neck, top, 500 + neck, shoulder), fill=255)
    draw.rounded_rectangle((490 - neck, top, 510 + neck, top + 90), radius=15, fill=255)


def box(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """A carton seen from above one corner: front, side and top."""
    depth, rise = rng.uniform(150, 300), rng.uniform(80, 160)
    left, top = rng.uniform(30, 120), rng.uniform(150, 450)
    right = rng.uniform(600, 700)
    corners = [
        (left, top),
        (left + depth, top - rise),
        (right + depth, top - rise),
        (right + depth, UNIT - rise),
        (right, UNIT),
        (left, UNIT),
    ]
    draw.polygon(corners, fill=255)


def mug(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """A cup with a handle, through which the background shows."""
    left, right = rng.uniform(80, 180), rng.uniform(600, 660)
    top = rng.uniform(250, 400)
    draw.rounded_rectangle((left, top, right, UNIT), radius=60, fill=255)
    middle, half = (top + UNIT) / 2, rng.uniform(170, 220)
    ring = (right - 110, middle - half, right + 240, middle + half)
    draw.ellipse(ring, outline=255, width=round(rng.uniform(50, 75)))


def shoe(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """A sole, a round toe and a shaft."""
    toe, shaft = rng.uniform(260, 330), rng.uniform(330, 420)
    height = rng.uniform(450, 620)
    draw.rounded_rectangle((20, 940, 980, UNIT), radius=25, fill=255)
    draw.ellipse((UNIT - 2 * toe - 20, 970 - 1.3 * toe, 980, 970 + 0.9 * toe), fill=255)
    draw.polygon([(50, 970), (40, height), (shaft, height), (760, 700), (900, 970)], fill=255)
    draw.rectangle((0, UNIT, UNIT, 2 * UNIT), fill=0)


SHAPES: Mapping[str, Draw] = {"bottle": bottle, "box": box, "mug": mug, "shoe": shoe}
"""Name of a product → what draws it."""


def outline(kind: str, side: int, rng: np.random.Generator) -> Floats:
    """Opacity of a product in a square, (side, side) in [0, 1].

    Args:
        kind: One of ``SHAPES``.
        side: Of the square, in pixels.
        rng: The only source of randomness.
    """
    sheet = PillowImage.new("L", (UNIT + 1, UNIT + 1))
    SHAPES[kind](ImageDraw.Draw(sheet), rng)
    fine = sheet.resize((side * SCALE, side * SCALE), PillowImage.Resampling.BICUBIC)
    crisp = fine.point(lambda level: 255 * (level >= 128))
    return np.asarray(crisp.resize((side, side), PillowImage.Resampling.BOX)) / 255
