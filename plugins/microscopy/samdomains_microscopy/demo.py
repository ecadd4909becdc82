"""Generated fluorescence nuclei in the field's own format: 16-bit TIFF images and label maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.plugin import atomic_path, write_json

IMAGES = 16
SPLITS = {"train": 10, "val": 2, "test": 4}
"""Images in each part of ``splits.json``."""

SIDES = (128, 192)
"""Smallest and largest side of an image in pixels."""

RADII = (7.0, 13.0)
"""Smallest and largest mean radius of a nucleus in pixels."""

OVERLAP = 0.15
"""Share of a nucleus that its neighbours may hide: nuclei touch and look as if they overlapped."""

CAMERA_OFFSET = 100.0
"""Grey level of a camera pixel without light, as scientific CMOS cameras are set."""

GREY_LEVELS_PER_PHOTON = 2.0
READ_NOISE = 3.0
"""Standard deviation of the camera's own noise in grey levels."""


def write_demo_data(directory: Path, seed: int) -> Path:
    """Write ``images/``, ``labels/`` and ``splits.json`` under ``directory`` and return it.

    Args:
        directory: An existing, empty folder.
        seed: The same seed gives the same files.
    """
    stems = [f"nuclei_{index:02d}" for index in range(IMAGES)]
    for index, stem in enumerate(stems):
        image, labels = nuclei_scene(np.random.default_rng([seed, index]))
        _save_tiff(directory / "images" / f"{stem}.tif", image)
        _save_tiff(directory / "labels" / f"{stem}.tif", labels)
    remaining = iter(stems)
    parts = {part: [next(remaining) for _ in range(count)] for part, count in SPLITS.items()}
    write_json(directory / "splits.json", parts)
    return directory


def nuclei_scene(
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """One field of view.

    Args:
        rng: The only source of randomness.

    Returns:
        The image and its label map (0 is background, every other value one nucleus), both (H, W).
    """
    height, width = (int(side) for side in rng.integers(SIDES[0], SIDES[1] + 1, 2))
    labels = _place_nuclei(rng, (height, width))
    photons = _emitted_light(rng, labels)
    blurred = ndimage.gaussian_filter(photons, rng.uniform(0.8, 1.6))
    image = CAMERA_OFFSET + GREY_LEVELS_PER_PHOTON * rng.poisson(blurred)
    image = image + rng.normal(0.0, READ_NOISE, image.shape)
    return np.clip(np.rint(image), 0, 65535).astype(np.uint16), labels


def _save_tiff(path: Path, pixels: NDArray[np.uint16]) -> None:
    with atomic_path(path) as temporary:
        # Without metadata, since tifffile would write the time and the files would differ.
        tifffile.imwrite(temporary, pixels, photometric="minisblack", metadata=None)


def _place_nuclei(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint16]:
    """Label map with nuclei, some of them touching; a later one lies under those before it."""
    labels = np.zeros(size, dtype=np.uint16)
    wanted = int(rng.integers(12, 26) * labels.size / 160**2)
    count = 0
    for _ in range(10 * wanted):
        nucleus = _nucleus(rng, size)
        hidden = np.count_nonzero(labels[nucleus]) / np.count_nonzero(nucleus)
        visible = nucleus & (labels == 0)
        if hidden <= OVERLAP and ndimage.label(visible)[1] == 1:
            count += 1
            labels[visible] = count
        if count == wanted:
            break
    return labels


def _nucleus(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.bool_]:
    """An ellipse with a wavy outline; its centre lies in the image, its edge may leave it."""
    centre = rng.uniform(2, np.array(size) - 3)
    y, x = np.indices(size) - centre[:, None, None]
    turn, stretch = rng.uniform(0, np.pi), rng.uniform(1.0, 1.5)
    along = (x * np.cos(turn) + y * np.sin(turn)) / stretch
    across = y * np.cos(turn) - x * np.sin(turn)
    angle = np.arctan2(across, along)
    waves = sum(
        rng.uniform(0, 0.08) * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
        for order in (2, 3, 5)
    )
    radius = rng.uniform(*RADII) / np.sqrt(stretch)
    inside: NDArray[np.bool_] = np.hypot(along, across) <= radius * (1 + waves)
    return inside


def _emitted_light(rng: np.random.Generator, labels: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Photons a pixel: uneven background, nuclei of different brightness, chromatin texture."""
    photons = rng.uniform(8, 20) * (1 + 0.3 * _smooth_noise(rng, labels.shape, 30))
    texture = 1 + 0.2 * _smooth_noise(rng, labels.shape, 2)
    brightness = rng.uniform(60, 400, int(labels.max()) + 1)
    brightness[0] = 0.0
    depth = ndimage.distance_transform_edt(labels > 0)
    thickness = np.minimum(1.0, 0.4 + depth / 6)  # nuclei are thinner, so darker, at their rim
    light: NDArray[np.float64] = photons + brightness[labels] * texture * thickness
    return np.clip(light, 0.0, None)


def _smooth_noise(
    rng: np.random.Generator, size: tuple[int, ...], blur: float
) -> NDArray[np.float64]:
    """Smooth noise of unit standard deviation, (H, W)."""
    noise = ndimage.gaussian_filter(rng.normal(size=size), blur, mode="reflect")
    smooth: NDArray[np.float64] = noise / noise.std()
    return smooth
