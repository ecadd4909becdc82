"""Random fields: the raw material of backgrounds, fills and uneven light in generated scenes.

Every field is (size, size) float32 with mean about 0 and standard deviation about 1.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage
from PIL import ImageDraw
from scipy.ndimage import gaussian_filter

Field: TypeAlias = NDArray[np.float32]
"""(size, size), mean about 0, standard deviation about 1."""


def smooth_noise(rng: np.random.Generator, size: int, scale: float) -> Field:
    """Gaussian noise whose features are about ``scale`` pixels wide."""
    cells = max(2, int(np.ceil(size / scale))) + 3
    coarse = rng.standard_normal((cells, cells), dtype=np.float32)
    side = max(size, round(cells * scale))
    shift_y, shift_x = rng.random(2) * (side - size) * cells / side
    span = size * cells / side
    window = (float(shift_x), float(shift_y), float(shift_x + span), float(shift_y + span))
    image = PilImage.fromarray(coarse)
    return _standardise(
        np.asarray(image.resize((size, size), PilImage.Resampling.BICUBIC, box=window))
    )


def fractal_noise(rng: np.random.Generator, size: int, scale: float) -> Field:
    """Clouds: smooth noise of ``scale`` pixels with finer and fainter octaves on top."""
    persistence = rng.uniform(0.4, 0.8)
    total = smooth_noise(rng, size, scale)
    weight, width = persistence, scale / 2
    for _ in range(3):
        total = total + np.float32(weight) * smooth_noise(rng, size, max(width, 1.5))
        weight, width = weight * persistence, width / 2
    return _standardise(total)


def speckle(rng: np.random.Generator, size: int, scale: float) -> Field:
    """Grain about ``scale`` pixels wide, multiplied into long tails as coherent imaging does."""
    grain = rng.standard_normal((size, size), dtype=np.float32)
    grain = gaussian_filter(grain, min(scale, 8.0) / 4, truncate=2.5)
    return _standardise(np.exp(np.float32(0.7) * _standardise(grain)))


def stripes(rng: np.random.Generator, size: int, scale: float) -> Field:
    """Waves of period ``scale`` in one or two directions, straight or bent, soft or hard."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    bend = smooth_noise(rng, size, size / 3) * np.float32(rng.choice([0.0, 0.0, 0.5, 1.5]))
    angle = rng.uniform(0, np.pi)
    total = _wave(x, y, angle, scale, bend)
    if rng.random() < 0.3:
        total = total + _wave(x, y, angle + np.pi / 2, scale * rng.uniform(0.7, 1.4), bend)
    if rng.random() < 0.3:
        total = np.tanh(4 * total)
    return _standardise(total)


def brushed(rng: np.random.Generator, size: int, scale: float) -> Field:
    """Fine streaks in one direction about ``scale`` pixels long, as on rolled or brushed metal."""
    grain = rng.standard_normal((size, size), dtype=np.float32)
    long, thin = max(scale, 6.0), rng.uniform(0.3, 0.8)
    sigma = (long, thin) if rng.random() < 0.5 else (thin, long)
    return _standardise(gaussian_filter(grain, sigma, truncate=2.0, mode="wrap"))


def dead_leaves(rng: np.random.Generator, size: int, scale: float) -> Field:
    """Opaque discs and shreds of all sizes that hide each other, the largest ``scale`` wide.

    Edges at every scale, with the statistics of photographs (Lee, Mumford and Huang 2001,
    doi:10.1023/A:1011109015675): radii fall with their third power.
    """
    largest = max(scale / 2, 3.0)
    canvas = PilImage.new("L", (size, size), 128)
    draw = ImageDraw.Draw(canvas)
    count = int(min(400, 2 * (size / largest) ** 2 + 60))
    shares = rng.uniform((1.5 / largest) ** 2, 1.0, count)
    radii = 1.5 / np.sqrt(shares)
    for radius, (y, x) in zip(radii, rng.uniform(0, size, (count, 2)), strict=True):
        value = int(rng.integers(256))
        if rng.random() < 0.5:
            wide, high = radius * rng.uniform(0.6, 1.6, 2)
            draw.ellipse((x - wide, y - high, x + wide, y + high), fill=value)
        else:
            angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 7))))
            corners = np.stack([x + 1.4 * radius * np.cos(angles), y + radius * np.sin(angles)], 1)
            draw.polygon(corners.ravel().tolist(), fill=value)
    return _standardise(np.asarray(canvas, dtype=np.float32))


def gradient(rng: np.random.Generator, size: int) -> Field:
    """A linear or radial ramp across the picture."""
    y, x = np.mgrid[:size, :size].astype(np.float32) / size
    if rng.random() < 0.5:
        angle = rng.uniform(0, 2 * np.pi)
        ramp = np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y
    else:
        cx, cy = rng.uniform(0.1, 0.9, 2).astype(np.float32)
        ramp = (x - cx) ** 2 + (y - cy) ** 2
    return _standardise(ramp)


def random_texture(rng: np.random.Generator, size: int, scale: float) -> Field:
    """One of the fields above, picked at random, with features of about ``scale`` pixels."""
    textures = (smooth_noise, fractal_noise, speckle, stripes, brushed, dead_leaves)
    chosen = int(rng.choice(7, p=[0.15, 0.25, 0.15, 0.1, 0.07, 0.2, 0.08]))
    return textures[chosen](rng, size, scale) if chosen < 6 else gradient(rng, size)


def _wave(x: Field, y: Field, angle: float, period: float, bend: Field) -> Field:
    frequency = 2 * np.pi / max(period, 3.0)
    along = np.float32(np.cos(angle) * frequency) * x + np.float32(np.sin(angle) * frequency) * y
    wave: Field = np.sin(along + bend)
    return wave


def _standardise(values: NDArray[np.float32]) -> Field:
    centred = values - values.mean()
    standardised: Field = (centred / max(float(centred.std()), 1e-6)).astype(np.float32)
    return standardised
