"""MRI: intensities without a unit, stretched by what the body has of them.

The readers are imported when a hook needs them: selecting a domain is quick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from samdomains.plugin import Case, MaskWriter, Recipe, hookimpl
from samdomains_ctmri.suites import MRI
from samdomains_ctmri.tuning import TUNING


@hookimpl
def load_cases(source: Path, recipe: Recipe) -> Sequence[Case]:
    """NIfTI, DICOM, NRRD and MetaImage volumes with label maps, DICOM-SEG or RTSTRUCT; images."""
    from samdomains_ctmri.cases import load_volumes

    return load_volumes(source, recipe)


@hookimpl
def write_masks(recipe: Recipe) -> MaskWriter:
    """In the format of the input, or in ``data.output``."""
    from samdomains_ctmri.writers import VolumeWriter

    return VolumeWriter(recipe.data.output)


@hookimpl
def recipes() -> Mapping[str, Mapping[str, Any]]:
    """``default``, and what differs from it: ``zscore`` and ``bias`` (N4 correction)."""
    return {
        "default": {
            # 0.5 and 99.5 percent, as MedSAM prepares MRI (Ma et al. 2024,
            # doi:10.1038/s41467-024-44824-z), the upper one of the body.
            "intensity": {"method": "percentile", "lower": 0.5, "upper": 99.5, "body": True},
            **TUNING,
        },
        # Mean and deviation of the body, as nnU-Net standardises MRI (Isensee et al. 2021,
        # doi:10.1038/s41592-020-01008-z); three deviations hold 99.7 percent of a normal law.
        "zscore": {"intensity": {"method": "zscore", "lower": -3.0, "upper": 3.0, "body": True}},
        "bias": {"volume": {"bias_correction": True}},
    }


@hookimpl
def benchmarks() -> Mapping[str, Mapping[str, Any]]:
    """The data sets of ``suites.py``."""
    return {"default": MRI}


@hookimpl
def make_demo_data(directory: Path, seed: int) -> Path:
    """Abdomens of six phantoms as NIfTI, shaded by a coil."""
    from samdomains_ctmri.demo import write_mri_demo

    return write_mri_demo(directory, seed)
