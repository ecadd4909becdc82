"""Generated fluorescence: nuclei in three channels, as OME-TIFF with label maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.plugin import Mask
from samdomains_microscopy.calibration import save_ome
from samdomains_microscopy.demo_parts import blob, save_plain, scatter, smooth_noise, write_splits

IMAGES = 16
SPLITS = {"train": 10, "val": 2, "test": 4}
"""Images in each part of ``splits.json``."""

CHANNELS = ("DAPI", "membrane", "GFP")
"""Stain of the nuclei, stain of the cell membranes, and a protein that some of the cells make."""

SIDES = (128, 192)
"""Smallest and largest side of an image in pixels."""

RADII = (7.0, 13.0)
"""Smallest and largest mean radius of a nucleus in pixels."""

PIXEL_SIZE = 0.5
"""Micrometres, so that nuclei are 7 to 13 micrometres wide."""

CYTOPLASM = 9.0
"""Width in pixels of a cell around its nucleus, where its neighbours leave room."""

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
    names = [f"nuclei_{index:02d}" for index in range(IMAGES)]
    size = {f"PhysicalSize{axis}": str(PIXEL_SIZE) for axis in "XY"}
    units = {f"PhysicalSize{axis}Unit": "µm" for axis in "XY"}
    for index, name in enumerate(names):
        image, labels = nuclei_scene(np.random.default_rng([seed, index]))
        path = directory / "images" / f"{name}.ome.tif"
        save_ome(path, image, axes="CYX", channels=CHANNELS, details={**size, **units})
        save_plain(directory / "labels" / f"{name}.tif", labels)
    write_splits(directory, names, SPLITS)
    return directory


def nuclei_scene(
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """One field of view.

    Args:
        rng: The only source of randomness.

    Returns:
        The image, (C, H, W) with the channels of ``CHANNELS``, and the label map of the nuclei,
        (H, W): 0 is background, every other value one nucleus.
    """
    height, width = (int(side) for side in rng.integers(SIDES[0], SIDES[1] + 1, 2))
    wanted = int(rng.integers(12, 26) * height * width / 160**2)
    size = (height, width)
    labels = scatter(lambda: blob(rng, size, RADII, 1.5), size, wanted)
    cells = _cells(labels)
    lights = [_nuclear_light(rng, labels), _membrane_light(rng, cells), _protein(rng, cells)]
    blur = rng.uniform(0.8, 1.6)  # of one objective, so of all channels
    return np.stack([_photographed(rng, light, blur) for light in lights]), labels


def _photographed(
    rng: np.random.Generator, light: NDArray[np.float64], blur: float
) -> NDArray[np.uint16]:
    """Grey levels of a camera that sees ``light`` photons a pixel, out of focus by ``blur``."""
    background = rng.uniform(8, 20) * (1 + 0.3 * smooth_noise(rng, light.shape, 30))
    photons = ndimage.gaussian_filter(np.clip(background + light, 0.0, None), blur)
    seen = GREY_LEVELS_PER_PHOTON * rng.poisson(photons)
    noise = rng.normal(CAMERA_OFFSET, READ_NOISE, light.shape)
    grey: NDArray[np.uint16] = np.clip(np.rint(seen + noise), 0, 65535).astype(np.uint16)
    return grey


def _cells(labels: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Label map of the cells: a nucleus and what lies nearer to it than to others."""
    distance, nearest = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    cells: NDArray[np.uint16] = labels[tuple(nearest)]
    cells[distance > CYTOPLASM] = 0
    return cells


def _nuclear_light(rng: np.random.Generator, labels: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Nuclei of different brightness, with the texture of chromatin, darker at the rim."""
    brightness = rng.uniform(60, 400, int(labels.max()) + 1)
    brightness[0] = 0.0
    texture = 1 + 0.2 * smooth_noise(rng, labels.shape, 2)
    depth = ndimage.distance_transform_edt(labels > 0)
    thickness = np.minimum(1.0, 0.4 + depth / 6)  # nuclei are thinner, so darker, at their rim
    light: NDArray[np.float64] = brightness[labels] * texture * thickness
    return light


def _membrane_light(rng: np.random.Generator, cells: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Thin lines where one cell ends, of uneven brightness."""
    edges: Mask = ndimage.maximum_filter(cells, 3) != ndimage.minimum_filter(cells, 3)
    light: NDArray[np.float64] = (
        edges * rng.uniform(60, 150) * (1 + 0.3 * smooth_noise(rng, cells.shape, 6))
    )
    return light


def _protein(rng: np.random.Generator, cells: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Cells that glow as a whole, each as strongly as it makes the protein; half do not."""
    amount = rng.exponential(80, int(cells.max()) + 1) * (rng.random(int(cells.max()) + 1) < 0.5)
    amount[0] = 0.0
    light: NDArray[np.float64] = amount[cells] * (1 + 0.2 * smooth_noise(rng, cells.shape, 3))
    return light
