"""Generated volumes, and a segmenter that answers exactly, so that only the following is tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.intensity import FixedRange
from samdomains.prompts.boxes import box_of
from samdomains.recipe import PropagationRecipe
from samdomains.types import Case, Image, Mask, Prediction, Prompts, RawVolume
from samdomains.volumes.following import OpenVolume, VolumeObject
from samdomains.volumes.planes import Planes

Volume = NDArray[np.bool_]
"""(Z, H, W), true inside the object."""

DARK, BRIGHT = 0.1, 0.9
"""Grey levels of background and object."""

THREE_AXES = PropagationRecipe(axes=3)


@dataclass(frozen=True, eq=False)
class Stored:
    """Gives the pixels of a volume, (C, Z, H, W)."""

    pixels: RawVolume

    def __call__(self) -> RawVolume:
        return self.pixels


@dataclass(frozen=True)
class Threshold:
    """Calls bright pixels inside the prompt the object, and is sure of it.

    With a box these are all in it; with points alone, those that hang together with a point on the
    object. What hangs together with a point on the background is left out.
    """

    value: float = 0.5
    encoded: list[Image] = field(default_factory=list)
    asked: list[tuple[Prompts, bool]] = field(default_factory=list)

    def encode(self, image: Image) -> Thresholded:
        self.encoded.append(image)
        return Thresholded(image[0] > self.value, self.asked)


@dataclass(frozen=True, eq=False)
class Thresholded:
    bright: Mask
    asked: list[tuple[Prompts, bool]]

    def predict(self, prompts: Sequence[Prompts], *, multimask: bool) -> list[Prediction]:
        self.asked.extend((prompt, multimask) for prompt in prompts)
        return [self._predict(prompt) for prompt in prompts]

    def _predict(self, prompt: Prompts) -> Prediction:
        mask = self.bright.copy()
        if prompt.box is not None:
            x0, y0, x1, y1 = (max(0, int(side)) for side in prompt.box)
            mask[:] = False
            mask[y0:y1, x0:x1] = self.bright[y0:y1, x0:x1]
        parts = ndimage.label(mask)[0]
        named = [
            {int(parts[int(y), int(x)]) for x, y in prompt.points[prompt.point_labels == label]}
            for label in (0, 1)
        ]
        mask &= ~np.isin(parts, sorted(named[0] - {0}))
        if prompt.box is None:
            mask &= np.isin(parts, sorted(named[1]))
        height, width = mask.shape
        return Prediction(
            logits=np.where(mask, 8, -8).astype(np.float32),
            origin=(0, 0),
            image_size=(height, width),
            low_resolution=np.zeros((0, 0), dtype=np.float32),
            predicted_iou=0.9 if mask.any() else 0.0,
        )


def ball(
    shape: tuple[int, int, int],
    centre: tuple[float, float, float],
    radius: float,
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> Volume:
    """A ball; centre in voxels, radius in millimetres."""
    z, y, x = np.ogrid[tuple(slice(0, length) for length in shape)]
    steps = [
        (grid - middle) * step
        for grid, middle, step in zip((z, y, x), centre, spacing, strict=True)
    ]
    return np.asarray(sum(step**2 for step in steps) <= radius**2)


def tube(shape: tuple[int, int, int], path: Sequence[tuple[float, float]], radius: float) -> Volume:
    """A disc in each slice, at the (y, x) that its path names."""
    y, x = np.ogrid[: shape[1], : shape[2]]
    return np.stack([(y - cy) ** 2 + (x - cx) ** 2 <= radius**2 for cy, cx in path])


def grey_of(*parts: Volume, noise: float = 0.0) -> NDArray[np.float32]:
    """(Z, H, W): objects of the same brightness on an even background."""
    grey = np.where(np.any(parts, axis=0), BRIGHT, DARK)
    grey += np.random.default_rng(0).normal(scale=noise, size=grey.shape) if noise else 0
    return grey.astype(np.float32)


def case_of(
    grey: NDArray[np.float32], spacing: tuple[float, float, float] | None = (1.0, 1.0, 1.0)
) -> Case:
    """A volume with grey levels in [0, 1]."""
    return Case(
        id="scan",
        group="scan",
        read_pixels=Stored(grey[None]),
        read_objects=None,
        classes={1: "object"},
        files=(Path("scan.nii"),),
        depth=len(grey),
        spacing=spacing,
    )


def planes_in(
    grey: NDArray[np.float32],
    segmenter: Threshold | None = None,
    spacing: tuple[float, float, float] | None = (1.0, 1.0, 1.0),
) -> tuple[Planes, Planes, Planes]:
    """Its slices across each axis."""
    return opened(grey, segmenter=segmenter, spacing=spacing).planes


def opened(
    grey: NDArray[np.float32],
    recipe: PropagationRecipe | None = None,
    segmenter: Threshold | None = None,
    spacing: tuple[float, float, float] | None = (1.0, 1.0, 1.0),
) -> OpenVolume:
    """A volume that waits for prompts."""
    return OpenVolume.of(
        case_of(grey, spacing),
        segmenter or Threshold(),
        FixedRange(0.0, 1.0),
        recipe or PropagationRecipe(),
    )


def boxed(truth: Volume, *indices: int) -> dict[int, Prompts]:
    """Its true box in each of these slices."""
    return {index: Prompts(box=box_of(truth[index]), source="user") for index in indices}


def clicked(*points: tuple[float, float, int]) -> Prompts:
    """Points (x, y, label)."""
    return Prompts(
        points=np.array([point[:2] for point in points], dtype=np.float32),
        point_labels=np.array([point[2] for point in points], dtype=np.int64),
        source="user",
    )


def dice(found: VolumeObject | Volume, truth: Volume) -> float:
    """Overlap of two objects of one volume."""
    mask = found.mask() if isinstance(found, VolumeObject) else found
    return 2 * np.count_nonzero(mask & truth) / (np.count_nonzero(mask) + np.count_nonzero(truth))


def extent(mask: Volume) -> tuple[int, int]:
    """First and last slice that show it."""
    found = np.flatnonzero(mask.any(axis=(1, 2)))
    return int(found[0]), int(found[-1])
