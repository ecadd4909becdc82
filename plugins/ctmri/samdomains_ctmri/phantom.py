"""An abdomen of ellipsoids: organs at their places, of the patient's own size and shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from samdomains_ctmri.grid import Affine

SHAPE = (96, 80, 12)
"""Columns, rows and slices: I to the left, J to the back, K to the head."""

SPACING = (4.0, 4.0, 8.0)
"""In mm: the whole trunk in few voxels, so that the demo is quick."""

ORGANS: Mapping[int, str] = {
    1: "liver",
    2: "spleen",
    3: "kidney_right",
    4: "kidney_left",
    5: "aorta",
    6: "vertebra",
}

_BODY = ((0.0, 0.0, 0.0), (165.0, 115.0, 900.0))
_PLACES: Mapping[int, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    1: ((-75.0, -15.0, 15.0), (70.0, 65.0, 60.0)),
    2: ((95.0, 30.0, 20.0), (32.0, 45.0, 42.0)),
    3: ((-62.0, 55.0, -22.0), (26.0, 22.0, 45.0)),
    4: ((62.0, 55.0, -18.0), (26.0, 22.0, 45.0)),
    5: ((10.0, 42.0, 0.0), (11.0, 11.0, 900.0)),
    6: ((0.0, 72.0, 0.0), (22.0, 20.0, 900.0)),
}
"""Label → middle and radii in mm, about those of an adult: x to the left, y to the back, z to the
head."""


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """One patient.

    Attributes:
        body: (I, J, K), true inside the skin.
        fat: (I, J, K), true in the layer below the skin.
        labels: (I, J, K), see ``ORGANS``.
        affine: Voxel index → mm, RAS+.
    """

    body: NDArray[np.bool_]
    fat: NDArray[np.bool_]
    labels: NDArray[np.uint8]
    affine: Affine


def make_phantom(rng: np.random.Generator) -> Phantom:
    """Draw one patient; organs vary by a few millimetres in place, size and outline."""
    places = _places()
    size = rng.uniform(0.9, 1.1, 3)
    wobble = 0.12 * _smooth(rng, 3.0)
    body = _ellipsoid(places, *_BODY, size) < 1 + 0.3 * wobble
    inner = _ellipsoid(places, *_BODY, size * rng.uniform(0.86, 0.94)) < 1 + 0.3 * wobble
    labels = np.zeros(SHAPE, dtype=np.uint8)
    for label, (middle, radii) in _PLACES.items():
        moved = tuple(np.array(middle) * size + rng.normal(0, 3, 3))
        grown = size * rng.uniform(0.88, 1.12)
        inside = _ellipsoid(places, moved, radii, grown) < 1 + 2 * 0.12 * _smooth(rng, 2.0)
        labels[inside & inner & (labels == 0)] = label
    return Phantom(body, body & ~inner, labels, _affine())


def paint(
    rng: np.random.Generator,
    phantom: Phantom,
    *,
    organs: Mapping[int, float],
    air: float,
    fat: float,
    muscle: float,
    noise: float,
) -> NDArray[np.float64]:
    """Give every tissue its intensity, blur as a scanner does and add noise.

    Args:
        rng: The only source of randomness.
        phantom: The patient.
        organs: Label → intensity.
        air: Intensity outside the body.
        fat: Below the skin.
        muscle: Between the organs.
        noise: Standard deviation.

    Returns:
        (I, J, K) intensities.
    """
    picture = np.full(SHAPE, float(air))
    picture[phantom.body] = muscle
    picture[phantom.fat] = fat
    for label, value in organs.items():
        picture[phantom.labels == label] = value
    inside = phantom.body & ~phantom.fat & (phantom.labels == 0)
    picture[inside] += 0.35 * (fat - muscle) * (_smooth(rng, 1.5)[inside] > 0.8)
    blurred = ndimage.gaussian_filter(picture, (0.6, 0.6, 0.3))
    noisy: NDArray[np.float64] = blurred + rng.normal(0, noise, SHAPE)
    return noisy


def _places() -> NDArray[np.float64]:
    """(3, I, J, K): x, y, z of each voxel in mm from the middle."""
    middle = (np.array(SHAPE) - 1) / 2
    index = np.indices(SHAPE) - middle[:, None, None, None]
    places: NDArray[np.float64] = index * np.array(SPACING)[:, None, None, None]
    return places


def _affine() -> Affine:
    """Columns run to the left and rows to the back, as in an axial DICOM series."""
    affine = np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(SHAPE) - 1) / 2)
    return affine


def _ellipsoid(
    places: NDArray[np.float64],
    middle: tuple[float, ...],
    radii: tuple[float, float, float],
    scale: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(I, J, K): 0 in the middle, 1 on the surface."""
    lengths = np.array(radii) * scale
    offset = (places - np.array(middle)[:, None, None, None]) / lengths[:, None, None, None]
    distance: NDArray[np.float64] = np.sqrt((offset**2).sum(axis=0))
    return distance


def _smooth(rng: np.random.Generator, blur: float) -> NDArray[np.float64]:
    """(I, J, K): smooth noise of unit standard deviation."""
    sigma = (2 * blur, 2 * blur, blur / 2)
    noise = ndimage.gaussian_filter(rng.normal(size=SHAPE), sigma, mode="wrap")
    smooth: NDArray[np.float64] = noise / noise.std()
    return smooth
