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
            # Nuclei in the images of the Data Science Bowl 2018 are about 20 pixels wide: a point
            # is looked at in a tile of 128 pixels, which `tiny` sees twice as large.
            "model": {"tile": 128},
            # Boxes around cells are drawn tightly: about half a pixel on a nucleus of 20.
            "prompts": {"box_jitter": 0.03},
            # Cross-entropy with Dice, the field's usual pair (nnU-Net, Isensee et al. 2021,
            # doi:10.1038/s41592-020-01008-z), and small batches for small data sets: what gained
            # most on validation nuclei in a given time (benchmarks/microscopy.md).
            "training": {
                "epochs": 10,
                "batch_size": 2,
                "focal_weight": 2.0,
                "focal_gamma": 0.0,
                "warmup_fraction": 0.1,
            },
        }
    }


@hookimpl
def make_demo_data(directory: Path, seed: int) -> Path:
    """Fluorescence nuclei: 16-bit TIFF images and label maps, with ``splits.json``."""
    return write_demo_data(directory, seed)
