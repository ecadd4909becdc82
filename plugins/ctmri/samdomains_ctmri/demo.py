"""Generated CT and MRI in the formats that hospitals have: DICOM series and NIfTI."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.plugin import write_json
from samdomains_ctmri.grid import Grid
from samdomains_ctmri.phantom import ORGANS, SHAPE, Phantom, make_phantom, paint
from samdomains_ctmri.scans import write_nifti

PATIENTS = 6
SPLITS = {"train": 4, "val": 1, "test": 1}
"""Patients in each part of ``splits.json``."""

HOUNSFIELD = {1: 110.0, 2: 125.0, 3: 180.0, 4: 180.0, 5: 160.0, 6: 350.0}
"""Label → HU in a CT with contrast medium in the portal venous phase, rounded from textbook ranges
(Hofer, CT Teaching Manual)."""

T1_WEIGHTED = {1: 520.0, 2: 360.0, 3: 400.0, 4: 400.0, 5: 90.0, 6: 470.0}
"""Label → intensity in a T1-weighted MRI: arbitrary units, the liver brighter than the spleen and
flowing blood dark."""


def write_ct_demo(directory: Path, seed: int) -> Path:
    """Write ``images/``, ``labels/``, ``labels.json`` and ``splits.json``; return ``directory``.

    Every second patient is a folder of DICOM files, the others are NIfTI.

    Args:
        directory: An existing, empty folder.
        seed: The same seed gives the same files.
    """
    from samdomains_ctmri.dicom_demo import write_series

    names = [f"phantom_{number:02d}" for number in range(1, PATIENTS + 1)]
    for number, name in enumerate(names):
        rng = np.random.default_rng([seed, number])
        phantom = make_phantom(rng)
        hounsfield = paint(
            rng, phantom, organs=HOUNSFIELD, air=-1000.0, fat=-100.0, muscle=55.0, noise=12.0
        )
        voxels = np.clip(np.rint(hounsfield), -1024, 3071).astype(np.int16)
        if number % 2:
            write_series(directory / "images" / name, voxels, phantom.affine, number=number)
        else:
            _write(directory / "images" / f"{name}.nii.gz", voxels, phantom)
        _write(directory / "labels" / f"{name}.nii.gz", phantom.labels, phantom)
    return _finish(directory, names)


def write_mri_demo(directory: Path, seed: int) -> Path:
    """Write ``images/``, ``labels/``, ``labels.json`` and ``splits.json``; return ``directory``.

    Args:
        directory: An existing, empty folder.
        seed: The same seed gives the same files.
    """
    names = [f"phantom_{number:02d}" for number in range(1, PATIENTS + 1)]
    for number, name in enumerate(names):
        rng = np.random.default_rng([seed, number])
        phantom = make_phantom(rng)
        signal = paint(
            rng, phantom, organs=T1_WEIGHTED, air=0.0, fat=800.0, muscle=260.0, noise=0.0
        )
        shaded = np.clip(signal, 0, None) * _coil(rng) * rng.uniform(0.7, 1.4)
        # The magnitude of a complex signal with noise: Rician (Gudbjartsson and Patz 1995,
        # doi:10.1002/mrm.1910340618).
        real, imaginary = rng.normal(0, 14, (2, *SHAPE))
        magnitude = np.hypot(shaded + real, imaginary)
        voxels = np.clip(np.rint(magnitude), 0, 4095).astype(np.int16)
        _write(directory / "images" / f"{name}.nii.gz", voxels, phantom)
        _write(directory / "labels" / f"{name}.nii.gz", phantom.labels, phantom)
    return _finish(directory, names)


def _coil(rng: np.random.Generator) -> NDArray[np.float64]:
    """(I, J, K): the smooth sensitivity of a surface coil, 0.6 to 1.4."""
    coarse = rng.normal(size=(3, 3, 2))
    zoom = [length / short for length, short in zip(SHAPE, coarse.shape, strict=True)]
    field = ndimage.zoom(coarse, zoom, order=3, mode="nearest", grid_mode=True)
    low, high = field.min(), field.max()
    sensitivity: NDArray[np.float64] = 0.6 + 0.8 * (field - low) / (high - low)
    return sensitivity


def _write(path: Path, voxels: NDArray[np.int16] | NDArray[np.uint8], phantom: Phantom) -> None:
    write_nifti(path, voxels, Grid(SHAPE, phantom.affine))


def _finish(directory: Path, names: list[str]) -> Path:
    remaining = iter(names)
    parts = {part: [next(remaining) for _ in range(count)] for part, count in SPLITS.items()}
    write_json(directory / "splits.json", parts)
    write_json(directory / "labels.json", dict(enumerate(["background", *ORGANS.values()])))
    return directory
