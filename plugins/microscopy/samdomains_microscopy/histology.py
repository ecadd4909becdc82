"""Histology: nuclei in stained tissue, in RGB tiles of slides.

Reading and writing are those of ``microscopy``, which it extends.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samdomains.plugin import hookimpl
from samdomains_microscopy.demo_histology import write_demo_histology

extends = "microscopy"


@hookimpl
def recipes() -> Mapping[str, Mapping[str, Any]]:
    """The values in which histology differs from ``microscopy``."""
    return {
        "default": {
            # The ratio of red, green and blue is what tells the stains apart (Ruifrok and Johnston
            # 2001, Anal Quant Cytol Histol 23:291-299), so all are stretched by the same values.
            "intensity": {"per_channel": False},
            # At 0.25 micrometres a pixel (a scan at 40 times) data sets of nuclei are cut into
            # tiles of 256 pixels (PanNuke, Gamper et al. 2019,
            # doi:10.1007/978-3-030-23937-4_2), about the 270 of HoVer-Net (Graham et al. 2019,
            # doi:10.1016/j.media.2019.101563).
            "model": {"tile": 256},
        },
        # At 0.5 micrometres a pixel the same nuclei are half as wide.
        "20x": {"model": {"tile": 128}},
    }


@hookimpl
def benchmarks() -> Mapping[str, Mapping[str, Any]]:
    """No data set of its own yet: the suite runs on generated tiles, not on those of microscopy."""
    return {"default": {"title": "Nuclei in stained tissue"}}


@hookimpl
def make_demo_data(directory: Path, seed: int) -> Path:
    """Tiles stained with haematoxylin and eosin: RGB TIFF and label maps, two tiles a slide."""
    return write_demo_histology(directory, seed)
