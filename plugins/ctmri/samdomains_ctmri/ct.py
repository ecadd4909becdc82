"""CT: volumes in Hounsfield units, seen through the window of the tissue in question.

The readers are imported when a hook needs them: selecting a domain is quick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from samdomains.plugin import Case, MaskWriter, Recipe, hookimpl
from samdomains_ctmri.suites import CT
from samdomains_ctmri.tuning import TUNING

WINDOWS: Mapping[str, tuple[float, float]] = {
    "default": (400.0, 40.0),
    "lung": (1500.0, -600.0),
    "bone": (2500.0, 480.0),
    "brain": (80.0, 40.0),
}
"""Recipe → width and level of its window in Hounsfield units; ``default`` is soft tissue. The
presets of the OHIF viewer (Ziegler et al. 2020, doi:10.1200/CCI.19.00131), which radiologists read
these tissues with."""


@hookimpl
def load_cases(source: Path, recipe: Recipe) -> Sequence[Case]:
    """NIfTI, DICOM, NRRD and MetaImage volumes with label maps, DICOM-SEG or RTSTRUCT."""
    from samdomains_ctmri.cases import load_volumes

    return load_volumes(source, recipe)


@hookimpl
def write_masks(recipe: Recipe) -> MaskWriter:
    """In the format of the input, or in ``data.output``."""
    from samdomains_ctmri.writers import VolumeWriter

    return VolumeWriter(recipe.data.output)


@hookimpl
def recipes() -> Mapping[str, Mapping[str, Any]]:
    """A recipe for each window."""
    windows = {name: {"intensity": _window(*window)} for name, window in WINDOWS.items()}
    return {**windows, "default": {**windows["default"], **TUNING}}


@hookimpl
def benchmarks() -> Mapping[str, Mapping[str, Any]]:
    """The data sets of ``suites.py``."""
    return {"default": CT}


@hookimpl
def make_demo_data(directory: Path, seed: int) -> Path:
    """Abdomens of six phantoms: half of them DICOM series, half NIfTI; labels as NIfTI."""
    from samdomains_ctmri.demo import write_ct_demo

    return write_ct_demo(directory, seed)


def _window(width: float, level: float) -> dict[str, object]:
    return {"method": "range", "lower": level - width / 2, "upper": level + width / 2}
