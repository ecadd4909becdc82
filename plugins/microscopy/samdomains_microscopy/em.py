"""Electron microscopy: organelles and membranes in single pictures and stacks of sections.

Reading and writing are those of ``microscopy``, which it extends.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samdomains.plugin import hookimpl
from samdomains_microscopy.demo_em import write_demo_em
from samdomains_microscopy.suites import EM

extends = "microscopy"


@hookimpl
def recipes() -> Mapping[str, Mapping[str, Any]]:
    """The values in which electron microscopy differs from ``microscopy``."""
    return {
        "default": {
            # At 4 to 5 nm a pixel, as in the ISBI challenge of 2012 (Arganda-Carreras et al. 2015,
            # doi:10.3389/fnana.2015.00142) and the hippocampus of EPFL (Lucchi et al. 2012,
            # doi:10.1109/TMI.2011.2171705), nine of ten neurites and mitochondria are less than
            # 128 pixels wide, half of this tile, in which they are not cut.
            "model": {"tile": 256},
        },
        # At 8 nm a pixel, as in MitoEM (Wei et al. 2020, doi:10.1007/978-3-030-59722-1_7), the
        # same things are about half as wide.
        "8nm": {"model": {"tile": 128}},
    }


@hookimpl
def benchmarks() -> Mapping[str, Mapping[str, Any]]:
    """The data sets of ``suites.py``."""
    return {"default": EM}


@hookimpl
def make_demo_data(directory: Path, seed: int) -> Path:
    """Serial sections with labelled mitochondria: multi-page TIFF, with ``splits.json``."""
    return write_demo_em(directory, seed)
