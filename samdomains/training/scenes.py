"""Generated scenes on which the small SAM is pretrained: objects of every kind, drawn exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage
from scipy.ndimage import gaussian_filter

from samdomains.training.canvas import Layout, cell_edges
from samdomains.training.layouts import random_layout
from samdomains.training.textures import Field, gradient, random_texture, smooth_noise
from samdomains.types import Image, Mask

MIN_OBJECT_PIXELS = 12
"""Smallest visible object that is listed; SAM's low-resolution mask has cells of 4 by 4 pixels."""

HOLLOW_SHARE = 0.15
"""Share of the scenes that list crescents and shells, the wholes without their parts."""

FADING_SHARE = 0.12
"""Share of the scenes whose objects vanish in places, where only the prompt tells their shape."""

WEAK_CONTRAST = 0.08
"""Below it objects differ from the background by their texture more than by their mean."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A picture and the objects in it.

    Attributes:
        image: (3, H, W) float32 in [0, 1].
        objects: (H, W) each: the visible part of every object of at least 12 pixels. An object
            with an inner part is listed whole, in some scenes without the part, and its part is
            listed too.
    """

    image: Image
    objects: tuple[Mask, ...]


@dataclass(frozen=True, slots=True)
class _Look:
    """How objects differ from the background.

    Attributes:
        channels: 1 (grey) or 3.
        contrast: Difference of the mean values, in units of the full range.
        texture: Standard deviation of the textures.
        noise: Standard deviation of the sensor's noise.
    """

    channels: int
    contrast: float
    texture: float
    noise: float


def generate_scene(rng: np.random.Generator, size: int) -> Scene:
    """Draw one scene.

    Args:
        rng: The only source of randomness.
        size: Side of the square picture in pixels.

    Raises:
        ValueError: The size is below 32 pixels.
    """
    if size < 32:
        raise ValueError(f"a scene needs a side of at least 32 pixels, got {size}")
    objects: tuple[Mask, ...] = ()
    while not objects:
        layout = random_layout(rng, size)
        objects = _visible_objects(layout, hollow=bool(rng.random() < HOLLOW_SHARE))
    look = _random_look(rng, layout)
    picture = _damage(rng, _paint(rng, layout, look), look)
    return Scene(_to_rgb(picture), objects)


def enlarged_scene(rng: np.random.Generator, size: int) -> Scene:
    """Draw a scene at a quarter to two thirds of the side, and enlarge it: a tile as SAM sees it.

    Its edges are soft, its noise is coarse, and a pixel of the truth is a block of the picture.

    Args:
        rng: The only source of randomness.
        size: Side of the square picture in pixels.

    Raises:
        ValueError: The size is below 32 pixels.
    """
    side = min(size, max(32, round(size * rng.uniform(0.25, 0.67))))
    scene = generate_scene(rng, side)
    image = np.stack([_enlarge(channel, size) for channel in scene.image])
    masks = (_enlarge(mask.astype(np.float32), size) >= 0.5 for mask in scene.objects)
    kept = tuple(mask for mask in masks if np.count_nonzero(mask) >= MIN_OBJECT_PIXELS)
    return Scene(np.clip(image, 0, 1), kept)


def _enlarge(values: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """(size, size): bilinear, as ``Frame.image`` enlarges a tile."""
    picture = PilImage.fromarray(values).resize((size, size), PilImage.Resampling.BILINEAR)
    return np.asarray(picture, dtype=np.float32)


def _visible_objects(layout: Layout, *, hollow: bool) -> tuple[Mask, ...]:
    """Every object of at least 12 pixels; with ``hollow``, without what lies inside it."""
    areas = np.bincount(layout.labels.ravel(), minlength=len(layout.parents))
    children: dict[int, list[int]] = {}
    for label, parent in enumerate(layout.parents):
        if parent and not hollow:
            children.setdefault(parent, []).append(label)
    objects = []
    for label in range(1, len(layout.parents)):
        if areas[label] < MIN_OBJECT_PIXELS:
            continue
        mask: Mask = layout.labels == label
        for child in children.get(label, []):
            mask |= layout.labels == child
        objects.append(mask)
    return tuple(objects)


def _random_look(rng: np.random.Generator, layout: Layout) -> _Look:
    """Mostly clear objects; where only thin gaps part them, always clear ones."""
    contrast = float(rng.choice([0.05, 0.12, 0.2, 0.35, 0.6], p=[0.05, 0.12, 0.26, 0.32, 0.25]))
    texture = float(rng.choice([0.0, 0.1, 0.2, 0.35, 0.7], p=[0.1, 0.3, 0.3, 0.2, 0.1]))
    if np.count_nonzero(layout.labels) > 0.7 * layout.labels.size:
        contrast, texture = max(contrast, 0.2), min(texture, 0.2)
    contrast *= rng.uniform(0.8, 1.3)
    texture = 0.09 if contrast < WEAK_CONTRAST else contrast * texture
    noise = float(rng.choice([0.0, 0.05, 0.15, 0.3, 0.5], p=[0.15, 0.3, 0.3, 0.17, 0.08]))
    return _Look(3 if rng.random() < 0.45 else 1, contrast, texture, contrast * noise)


def _paint(rng: np.random.Generator, layout: Layout, look: _Look) -> NDArray[np.float32]:
    """(channels, H, W): flat values of each label, then textures, shading, shadows and rims."""
    picture = _flat_values(rng, layout, look)
    inside = layout.labels > 0
    if rng.random() < 0.3:
        picture += ~inside * _clutter(rng, len(inside), look)
    tint = rng.normal(1, 0.4, (look.channels, 1, 1)) if look.channels == 3 else np.ones((1, 1, 1))
    picture += _textures(rng, layout, look) * (look.texture * tint).astype(np.float32)
    if rng.random() < 0.15:
        shift = rng.integers(-4, 5, 2)
        shadow = np.roll(inside, shift, axis=(0, 1)) & ~inside
        picture -= np.float32(0.6 * look.contrast) * shadow
    if rng.random() < 0.3:
        glow = gaussian_filter(inside.astype(np.float32), rng.uniform(2, 6), truncate=2.0)
        picture += np.float32(rng.choice([-0.5, 0.5, 0.8]) * look.contrast) * glow * inside
    if rng.random() < _rim_chance(layout):
        picture += _rims(rng, layout) * np.float32(
            look.contrast * rng.choice([-1.0, -0.6, 0.6, 1.0])
        )
    return picture


def _flat_values(rng: np.random.Generator, layout: Layout, look: _Look) -> NDArray[np.float32]:
    """(channels, H, W): each label's mean value; in some scenes edges fade away in places."""
    values = _label_values(rng, layout, look)
    flat = np.moveaxis(values[layout.labels], -1, 0).copy()
    if rng.random() < FADING_SHARE:
        size = len(layout.labels)
        behind = np.moveaxis(values[np.array(layout.parents)][layout.labels], -1, 0)
        fog = smooth_noise(rng, size, size * rng.uniform(0.15, 0.8))
        flat = behind + np.clip(np.float32(0.6) + fog, 0, 1) * (flat - behind)
    return flat


def _label_values(rng: np.random.Generator, layout: Layout, look: _Look) -> NDArray[np.float32]:
    """(labels, channels): the mean value of the background and of each object and part."""
    count = len(layout.parents)
    values = np.zeros((count, look.channels), dtype=np.float32)
    sign = float(rng.choice([-1.0, 1.0]))
    step = _contrast_step(rng, look) * sign
    part_step = _contrast_step(rng, look) * rng.choice([-1.0, 1.0])
    jitter = float(rng.choice([0.05, 0.15, 0.3])) if layout.alike else 0.4
    strengths = np.maximum(0.5, 1 + rng.normal(0, jitter, count))
    if not layout.alike:
        strengths = rng.permutation(np.linspace(0.5, 1.6, count))
    for label in range(1, count):
        parent = layout.parents[label]
        base = part_step if parent else step
        if not layout.alike:
            base = _contrast_step(rng, look) * (sign if rng.random() < 0.75 else -sign)
        wobble = rng.normal(0, 0.3 * jitter * look.contrast, look.channels)
        values[label] = values[parent] + base * strengths[label] + wobble
    low, high = float(values.min()), float(values.max())
    scale = min(1.0, 0.9 / max(high - low, 1e-6))
    offset = rng.uniform(0.05, max(0.95 - scale * (high - low), 0.05))
    tint = rng.normal(0, 0.08, look.channels)
    fitted: NDArray[np.float32] = (scale * (values - low) + offset + tint).astype(np.float32)
    return fitted


def _contrast_step(rng: np.random.Generator, look: _Look) -> NDArray[np.float64]:
    """(channels,): the difference of an object to its surroundings, grey or tinted."""
    tint = rng.normal(0, 0.6, look.channels) if look.channels == 3 else np.zeros(1)
    step: NDArray[np.float64] = look.contrast * (1 + tint)
    return step


def _textures(rng: np.random.Generator, layout: Layout, look: _Look) -> Field:
    """The background's texture and two fills of which each object has one, faint or strong."""
    size, count = len(layout.labels), len(layout.parents)
    strengths = np.ones(count) if layout.alike else rng.uniform(0.3, 1.5, count)
    if look.contrast < WEAK_CONTRAST:
        strengths[0] = 0.3
    elif rng.random() < 0.2:
        strengths[0] = 0.0
    fields = [_background(rng, size), _fill_texture(rng, size)]
    kinds = np.minimum(np.arange(count), 1)
    if not layout.alike or max(layout.parents) > 0:
        fields.append(_fill_texture(rng, size))
        kinds[1:] = rng.integers(1, 3, count - 1)
    kind = kinds[layout.labels]
    textured = np.zeros((size, size), dtype=np.float32)
    for index, field in enumerate(fields):
        textured += (kind == index) * field
    return textured * strengths.astype(np.float32)[layout.labels]


def _fill_texture(rng: np.random.Generator, size: int) -> Field:
    return random_texture(rng, size, float(np.exp(rng.uniform(np.log(3), np.log(size / 4)))))


def _background(rng: np.random.Generator, size: int) -> Field:
    """A texture with, in some scenes, a ramp or spots that are no objects."""
    field = _fill_texture(rng, size)
    if rng.random() < 0.3:
        field = np.float32(0.7) * (field + gradient(rng, size))
    if rng.random() < 0.15:
        bumps = smooth_noise(rng, size, size / rng.uniform(8, 20))
        field = field + np.clip(bumps - np.float32(1.6), 0, 1)
    return field


def _clutter(rng: np.random.Generator, size: int, look: _Look) -> Field:
    """(channels, size, size): things behind the objects that nobody annotated, mostly fainter."""
    behind = random_layout(rng, size)
    values = rng.normal(0, 0.3 * look.contrast, (len(behind.parents), look.channels))
    clutter: Field = np.moveaxis(values.astype(np.float32)[behind.labels], -1, 0)
    return clutter


def _rim_chance(layout: Layout) -> float:
    """High where objects of one look touch, since nothing else would tell them apart."""
    labels = layout.labels
    right = (labels[:, 1:] != labels[:, :-1]) & (labels[:, 1:] > 0) & (labels[:, :-1] > 0)
    if not layout.alike:
        return 0.3
    return 0.95 if np.count_nonzero(right) > len(labels) // 16 else 0.4


def _rims(rng: np.random.Generator, layout: Layout) -> Field:
    edges = cell_edges(layout.labels, int(rng.choice([1, 1, 2]))).astype(np.float32)
    rims: Field = gaussian_filter(edges, rng.uniform(0.4, 1.0), truncate=2.5)
    return rims


def _damage(
    rng: np.random.Generator, picture: NDArray[np.float32], look: _Look
) -> NDArray[np.float32]:
    """What lens, light and sensor do: blur, uneven light, noise, gamma, inversion, clipping."""
    size = picture.shape[-1]
    blur = rng.uniform(0.35, 0.7) if rng.random() < 0.7 else rng.uniform(0.7, 1.6) * size / 128
    picture = np.stack([gaussian_filter(channel, blur, truncate=2.5) for channel in picture])
    if rng.random() < 0.3:
        light = gradient(rng, size) if rng.random() < 0.5 else smooth_noise(rng, size, size)
        picture *= 1 + np.float32(rng.uniform(0.03, 0.15)) * light
    if rng.random() < 0.5:
        picture = np.clip(picture, 0, None) ** np.float32(np.exp(rng.normal(0, 0.35)))
    if look.noise > 0:
        grain = rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(look.noise)
        if rng.random() < 0.3:
            grain *= np.sqrt(np.clip(picture, 0.02, None) * 2)
        picture = picture + grain
    if rng.random() < 0.3:
        picture = 1 - picture
    return _stretch(rng, picture)


def _stretch(rng: np.random.Generator, picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stretch to the full range, as the normalisers of real domains do, or to a part of it."""
    low, high = np.quantile(picture[:, ::3, ::3], [rng.uniform(0, 0.01), rng.uniform(0.985, 1)])
    picture = (picture - np.float32(low)) / np.float32(max(high - low, 1e-3))
    if rng.random() < 0.3:
        span = rng.uniform(0.3, 0.9)
        picture = np.float32(rng.uniform(0, 1 - span)) + np.float32(span) * picture
    clipped: NDArray[np.float32] = np.clip(picture, 0, 1)
    return clipped


def _to_rgb(picture: NDArray[np.float32]) -> Image:
    if len(picture) == 1:
        picture = np.repeat(picture, 3, axis=0)
    return np.ascontiguousarray(picture, dtype=np.float32)
