"""Microscopy: many small objects an image, each labelled by itself, often at 16 bits.

Reading, prompts, strategy and writing are the core's; this layer brings values and demo data.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samdomains.plugin import hookimpl
from samdomains_microscopy.demo import write_demo_data


@hookimpl
def recipes() -> Mapping[str, Mapping[str, Any]]:
    """The values in which microscopy differs from the core."""
    return {
        "default": {
            # One prompt stands for one cell: instance segmentation, as in the Data Science Bowl
            # 2018 (Caicedo et al. 2019, doi:10.1038/s41592-019-0612-7). Label maps say so by
            # themselves; this is for binary masks, whose connected parts are the cells.
            "data": {"objects": "components"},
            # A camera fills a small part of its 16 bits, and hot pixels must not set the white
            # point. 0.1 % of the pixels saturate at each end, as in QuPath's automatic contrast
            # (Bankhead et al. 2017, doi:10.1038/s41598-017-17204-5).
            "intensity": {"method": "percentile", "lower": 0.1, "upper": 99.9},
            # Most images of the Data Science Bowl 2018 have 256 pixels a side, with nuclei of
            # about 20; in larger ones nuclei would vanish if the image were shrunk to the model.
            "model": {"tile": 256},
        }
    }


@hookimpl
def make_demo_data(directory: Path, seed: int) -> Path:
    """Fluorescence nuclei: 16-bit TIFF images and label maps, with ``splits.json``."""
    return write_demo_data(directory, seed)
