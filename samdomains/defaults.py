"""The core's own layer: it answers every hook that no plugin answers, and is the domain `images`.

Written with ``samdomains.plugin`` alone, as any plugin is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from scipy import ndimage

from samdomains.plugin import (
    Case,
    CocoJsonWriter,
    Facts,
    LabelPngWriter,
    MaskWriter,
    Normalizer,
    OutputFormat,
    PointGrid,
    PromptMix,
    PromptProposer,
    PromptSampler,
    Recipe,
    StrategyChoice,
    atomic_path,
    choose_strategy_by_size,
    chosen_writer,
    hookimpl,
    load_source,
    make_normalizer,
)

DEMO_IMAGES = 12
DEMO_SIDE = 128
"""Side of a demo image in pixels."""


@hookimpl
def load_cases(source: Path, recipe: Recipe) -> Sequence[Case]:
    """Image and mask folders, or COCO JSON beside ``images/``."""
    return load_source(source, recipe.data)


@hookimpl
def normalize_intensity(recipe: Recipe) -> Normalizer:
    """A stretch between percentiles of the whole case, or between fixed values."""
    return make_normalizer(recipe.intensity)


@hookimpl
def sample_prompts(recipe: Recipe) -> PromptSampler:
    """A mix of boxes, points, coarse masks and corrections."""
    return PromptMix(recipe.prompts)


@hookimpl
def propose_prompts(recipe: Recipe) -> PromptProposer:
    """A square grid of points."""
    return PointGrid(recipe.auto.points)


@hookimpl
def choose_strategy(recipe: Recipe, facts: Facts) -> StrategyChoice:
    """By model size, memory and number of training images."""
    return choose_strategy_by_size(recipe, facts)


@hookimpl
def write_masks(recipe: Recipe) -> MaskWriter:
    """16-bit PNG label maps, or COCO JSON."""
    png = LabelPngWriter()
    writers: Mapping[OutputFormat, MaskWriter] = {
        "native": png,
        "png": png,
        "coco": CocoJsonWriter(),
    }
    return chosen_writer(recipe.data.output, writers, "PNG label maps")


@hookimpl
def benchmarks() -> Mapping[str, Mapping[str, Any]]:
    """All strategies on the domain's demo data, where a domain describes no data sets."""
    return {"default": {"title": "All strategies"}}


@hookimpl
def make_demo_data(directory: Path, seed: int) -> Path:
    """Coloured ellipses and rectangles on a cloudy background: ``images/`` and ``labels/``, PNG.

    A label file holds 0 for the background and one value for each object (16 bit).
    """
    for index in range(DEMO_IMAGES):
        pixels, labels = _demo_scene(np.random.default_rng([seed, index]))
        _save_png(directory / "images" / f"scene_{index:02d}.png", pixels)
        _save_png(directory / "labels" / f"scene_{index:02d}.png", labels)
    return directory


def _save_png(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    with atomic_path(path) as temporary:
        PillowImage.fromarray(pixels).save(temporary)


def _demo_scene(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """An RGB image, (H, W, 3), and its label map, (H, W)."""
    labels = _place_objects(rng)
    image = rng.uniform(60, 120, 3) + 12 * _clouds(rng, 8)[..., None]
    for label in range(1, int(labels.max()) + 1):
        inside = labels == label
        # At least 45 grey levels from the mean background in every channel, lighter or darker.
        colour = rng.uniform(170, 235, 3) if rng.random() < 0.75 else rng.uniform(0, 15, 3)
        image[inside] = colour + 8 * _clouds(rng, 3)[inside][:, None]
    image = ndimage.gaussian_filter(image, (0.7, 0.7, 0)) + rng.normal(0, 4, image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), labels


def _place_objects(rng: np.random.Generator) -> NDArray[np.uint16]:
    """Three to six objects that do not touch, numbered from 1."""
    labels = np.zeros((DEMO_SIDE, DEMO_SIDE), dtype=np.uint16)
    for label in range(1, int(rng.integers(3, 7)) + 1):
        for _ in range(50):
            shape = _shape(rng)
            if not labels[ndimage.binary_dilation(shape, iterations=3)].any():
                labels[shape] = label
                break
        else:
            # No room was found: leave the rest out, so that the numbers have no gap.
            return labels
    return labels


def _shape(rng: np.random.Generator) -> NDArray[np.bool_]:
    """A turned ellipse or rectangle that lies wholly in the image."""
    half = rng.uniform(8, 22, 2)
    reach = float(np.hypot(*half))
    centre = rng.uniform(reach, DEMO_SIDE - reach, 2)
    angle = rng.uniform(0, np.pi)
    y, x = np.mgrid[:DEMO_SIDE, :DEMO_SIDE] - centre[:, None, None]
    along = (x * np.cos(angle) + y * np.sin(angle)) / half[0]
    across = (y * np.cos(angle) - x * np.sin(angle)) / half[1]
    if rng.random() < 0.5:
        inside: NDArray[np.bool_] = along**2 + across**2 <= 1
    else:
        inside = np.maximum(np.abs(along), np.abs(across)) <= 1
    return inside


def _clouds(rng: np.random.Generator, blur: float) -> NDArray[np.float64]:
    """Smooth noise of unit standard deviation, (H, W)."""
    noise = ndimage.gaussian_filter(rng.normal(size=(DEMO_SIDE, DEMO_SIDE)), blur, mode="wrap")
    smooth: NDArray[np.float64] = noise / noise.std()
    return smooth
