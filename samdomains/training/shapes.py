"""Random silhouettes, each a small mask of its own, to be placed anywhere in a generated scene.

Every shape takes a radius in pixels and gives an (h, w) mask that holds it; the middle of the
mask is the place of the shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage
from PIL import ImageDraw

from samdomains.training.textures import smooth_noise
from samdomains.types import Mask

Shape: TypeAlias = Callable[[np.random.Generator, float], Mask]
"""Draws one silhouette of a radius in pixels."""

Outline: TypeAlias = NDArray[np.float64]
"""(P, 2): corners as (x, y) around the origin, in units of the radius."""


def ellipse(rng: np.random.Generator, radius: float) -> Mask:
    """A rotated ellipse, round to three times as long as wide."""
    return _fill([_turn(rng, _circle(40))], radius)


def blob(rng: np.random.Generator, radius: float) -> Mask:
    """A smooth closed outline: a circle with a few random waves on its radius."""
    return _fill([_turn(rng, _blob_outline(rng))], radius)


def polygon(rng: np.random.Generator, radius: float) -> Mask:
    """Three to nine corners around the middle, convex or spiky."""
    count = int(rng.integers(3, 10))
    angles = np.sort(
        rng.uniform(0, 2 * np.pi / count, count) + np.arange(count) * 2 * np.pi / count
    )
    reach = rng.uniform(rng.choice([0.4, 0.8]), 1.0, count)
    outline = np.stack([np.cos(angles), np.sin(angles)], axis=1) * reach[:, None]
    return _fill([_turn(rng, outline)], radius)


def rectangle(rng: np.random.Generator, radius: float) -> Mask:
    """A rotated rectangle."""
    return _fill([_rotate(_box(1.0, rng.uniform(0.25, 1.0)), _building_angle(rng))], radius)


def building(rng: np.random.Generator, radius: float) -> Mask:
    """Two to three rectangles joined at right angles: L, T, U and steps."""
    angle = _building_angle(rng)
    outlines = [_box(1.0, rng.uniform(0.25, 0.5))]
    for _ in range(int(rng.integers(1, 3))):
        wing = _box(rng.uniform(0.2, 0.45), rng.uniform(0.5, 0.9))
        outlines.append(wing + np.array([rng.uniform(-0.7, 0.7), rng.uniform(-0.5, 0.5)]))
    return _fill([_rotate(outline, angle) for outline in outlines], radius)


def ring(rng: np.random.Generator, radius: float) -> Mask:
    """A closed band around an empty middle that may lie off centre."""
    outer = _turn(rng, _blob_outline(rng))
    scale = rng.uniform(0.4, 0.8)
    slack = 0.4 * (1 - scale) * float(np.linalg.norm(outer, axis=1).min())
    inner = outer * scale + rng.uniform(-slack, slack, 2)
    band = _fill([outer], radius, holes=[inner])
    return band if band.any() else _fill([outer], radius)  # too small to have a middle


def pierced(rng: np.random.Generator, radius: float) -> Mask:
    """A blob with one to five holes."""
    holes = [
        _circle(16) * rng.uniform(0.1, 0.3) + rng.uniform(-0.5, 0.5, 2)
        for _ in range(int(rng.integers(1, 6)))
    ]
    return _fill([_turn(rng, _blob_outline(rng))], radius, holes=holes)


def scattered_parts(rng: np.random.Generator, radius: float) -> Mask:
    """Two to four blobs that lie apart and still are one object."""
    count = int(rng.integers(2, 5))
    angles = rng.uniform(0, 2 * np.pi) + np.arange(count) * 2 * np.pi / count
    middles = np.stack([np.cos(angles), np.sin(angles)], axis=1) * 0.6
    parts = [_turn(rng, _blob_outline(rng)) * rng.uniform(0.2, 0.4) + middle for middle in middles]
    return _fill(parts, radius)


def limbed(rng: np.random.Generator, radius: float) -> Mask:
    """A body with two to eight limbs or leaves: plants, animals, tools, cells with arms."""
    body = _turn(rng, _blob_outline(rng)) * rng.uniform(0.2, 0.55)
    width, reach = rng.uniform(0.04, 0.2), rng.uniform(0.5, 0.95)
    outlines = [body]
    for _ in range(int(rng.integers(2, 9))):
        length = reach * rng.uniform(0.6, 1.0)
        limb = _circle(20) * np.array([length / 2, width * rng.uniform(0.7, 1.3)])
        limb += np.array([length / 2, 0.0])
        outlines.append(_rotate(limb, rng.uniform(0, 2 * np.pi)))
    return _fill(outlines, radius)


def assembled(rng: np.random.Generator, radius: float) -> Mask:
    """Two to six bars and discs joined at their ends: furniture, tools, vehicles, garments."""
    angle = rng.uniform(0, np.pi)
    parts: list[Outline] = []
    for _ in range(int(rng.integers(2, 7))):
        if rng.random() < 0.7:
            bar = _box(rng.uniform(0.2, 1.0), rng.uniform(0.05, 0.4))
            part = _rotate(bar, angle + rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)]))
        else:
            part = _turn(rng, _circle(24)) * rng.uniform(0.15, 0.5)
        if parts:
            joint = parts[int(rng.integers(len(parts)))]
            part = (
                part + 0.9 * (joint[int(rng.integers(len(joint)))] - joint.mean(0)) + joint.mean(0)
            )
        parts.append(part)
    corners = np.concatenate(parts)
    middle = (corners.min(0) + corners.max(0)) / 2
    reach = float(np.linalg.norm(corners - middle, axis=1).max())
    return _fill([(part - middle) / reach for part in parts], radius)


def cloud(rng: np.random.Generator, radius: float) -> Mask:
    """Thresholded smooth noise inside a circle: ragged, with bays, holes and islands."""
    side = _side(radius)
    y, x = np.mgrid[:side, :side].astype(np.float32) - np.float32((side - 1) / 2)
    falloff = 1.2 - 2.0 * (x**2 + y**2) / np.float32(radius**2)
    mask: Mask = falloff + 0.6 * smooth_noise(rng, side, max(3.0, radius / rng.uniform(1, 4))) > 0
    return mask


def stroke(rng: np.random.Generator, radius: float) -> Mask:
    """A thin bent line across the whole radius: a scratch, a road, a fibre."""
    return _draw_lines([(_curve(rng), rng.uniform(0.02, 0.14))], radius, rng.uniform(0, 2 * np.pi))


def tree(rng: np.random.Generator, radius: float) -> Mask:
    """A trunk with branches that bear thinner branches: vessels, roots, cracks."""
    width = rng.uniform(0.05, 0.16)
    lines = [(_curve(rng), width)]
    for _ in range(int(rng.integers(2, 8))):
        parent, parent_width = lines[int(rng.integers(len(lines)))]
        start = parent[int(rng.integers(2, len(parent) - 1))]
        branch = _rotate(_curve(rng), rng.uniform(0, 2 * np.pi)) * rng.uniform(0.3, 0.6)
        lines.append((branch - branch[0] + start, parent_width * 0.7))
    return _draw_lines(lines, radius, rng.uniform(0, 2 * np.pi))


COMPACT: tuple[Shape, ...] = (
    ellipse,
    blob,
    blob,
    polygon,
    rectangle,
    building,
    limbed,
    assembled,
    assembled,
)
"""Shapes that fill most of their circle."""

ROUND: tuple[Shape, ...] = (ellipse, blob)
"""Shapes of nuclei, cells and grains."""

ANGULAR: tuple[Shape, ...] = (rectangle, building, polygon)
"""Shapes of what people build."""

THIN: tuple[Shape, ...] = (stroke, tree)
"""Shapes of lines."""

ODD: tuple[Shape, ...] = (ring, pierced, scattered_parts, cloud, limbed)
"""Shapes with holes, bays, limbs or several parts."""


def choose_shape(rng: np.random.Generator, shapes: Sequence[Shape]) -> Shape:
    """One of ``shapes`` at random."""
    return shapes[int(rng.integers(len(shapes)))]


def _circle(count: int) -> Outline:
    angles = np.arange(count) * 2 * np.pi / count
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _blob_outline(rng: np.random.Generator) -> Outline:
    outline = _circle(48)
    angles = np.arange(48) * 2 * np.pi / 48
    orders = np.arange(2, 7)
    amplitudes = rng.standard_normal(5) * rng.uniform(0.02, 0.4) / orders
    waves = np.cos(angles[:, None] * orders + rng.uniform(0, 2 * np.pi, 5)) @ amplitudes
    reach = np.clip(1 + waves, 0.25, None)
    waved: Outline = outline * (reach / reach.max())[:, None]
    return waved


def _box(half_width: float, half_height: float) -> Outline:
    corners = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    box: Outline = corners * np.array([half_width, half_height])
    return box


def _curve(rng: np.random.Generator) -> Outline:
    steps = np.linspace(-1, 1, 12)
    offset = rng.standard_normal(3) * rng.choice([0.05, 0.15, 0.3])
    waves = np.sin(np.outer(steps, np.array([1.0, 2.5, 5.0])) + rng.uniform(0, 2 * np.pi, 3))
    return np.stack([steps, waves @ (offset / np.array([1.0, 2.0, 4.0]))], axis=1)


def _building_angle(rng: np.random.Generator) -> float:
    return float(rng.uniform(0, np.pi)) if rng.random() < 0.6 else float(rng.normal(0, 0.03))


def _rotate(outline: Outline, angle: float) -> Outline:
    cos, sin = np.cos(angle), np.sin(angle)
    rotated: Outline = outline @ np.array([[cos, sin], [-sin, cos]])
    return rotated


def _turn(rng: np.random.Generator, outline: Outline) -> Outline:
    """Squeeze the outline in one direction and rotate it."""
    squeeze = rng.uniform(0.35, 1.0) if rng.random() < 0.4 else rng.uniform(0.7, 1.0)
    return _rotate(outline * np.array([1.0, squeeze]), rng.uniform(0, 2 * np.pi))


def _side(radius: float) -> int:
    return 2 * int(np.ceil(radius * 1.1)) + 3


def _fill(outlines: Sequence[Outline], radius: float, holes: Sequence[Outline] = ()) -> Mask:
    side = _side(radius)
    canvas = PilImage.new("L", (side, side))
    draw = ImageDraw.Draw(canvas)
    for outline in outlines:
        draw.polygon((outline * radius + (side - 1) / 2).ravel().tolist(), fill=1)
    for hole in holes:
        draw.polygon((hole * radius + (side - 1) / 2).ravel().tolist(), fill=0)
    return np.asarray(canvas) > 0


def _draw_lines(lines: Sequence[tuple[Outline, float]], radius: float, angle: float) -> Mask:
    side = _side(radius)
    canvas = PilImage.new("L", (side, side))
    draw = ImageDraw.Draw(canvas)
    for line, width in lines:
        points = (_rotate(line, angle) * radius + (side - 1) / 2).ravel().tolist()
        draw.line(points, fill=1, width=max(2, round(width * radius)), joint="curve")
    return np.asarray(canvas) > 0
