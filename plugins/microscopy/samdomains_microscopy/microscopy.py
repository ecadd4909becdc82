"""Microscopy: many small objects an image, each labelled by itself, in TIFF of every kind.

Prompts and strategy are the core's; this layer reads stacks, writes label TIFF, and brings values
and demo data. The domains ``histology`` and ``em`` extend it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from samdomains.plugin import (
    Case,
    LabelPngWriter,
    MaskWriter,
    OutputFormat,
    Recipe,
    chosen_writer,
    hookimpl,
)
from samdomains_microscopy.cases import load_any
from samdomains_microscopy.demo import write_demo_data
from samdomains_microscopy.suites import MICROSCOPY
from samdomains_microscopy.writers import CocoSliceWriter, InstanceTiffWriter


@hookimpl
def load_cases(source: Path, recipe: Recipe) -> Sequence[Case]:
    """Pictures as the core reads them; z-stacks and time series of TIFF, OME-TIFF and ImageJ."""
    return load_any(source, recipe)


@hookimpl
def write_masks(recipe: Recipe) -> MaskWriter:
    """Instance label TIFF with the pixel size of the image; or PNG label maps, or COCO JSON."""
    writers: Mapping[OutputFormat, MaskWriter] = {
        "native": InstanceTiffWriter(),
        "png": LabelPngWriter(),
        "coco": CocoSliceWriter(),
    }
    return chosen_writer(recipe.data.output, writers, "label TIFF")


@hookimpl
def recipes() -> Mapping[str, Mapping[str, Any]]:
    """The values in which microscopy differs from the core."""
    return {
        "default": {
            # One prompt stands for one cell: instance segmentation, as in the Data Science Bowl
            # 2018 (Caicedo et al. 2019, doi:10.1038/s41592-019-0612-7). Label maps say so by
            # themselves; this is for binary masks, whose connected parts are the cells.
            "data": {"objects": "components"},
            # Each channel is a dye with an exposure of its own, so it is stretched by itself, as
            # Cellpose does (Stringer et al. 2021, doi:10.1038/s41592-020-01018-x).
            "intensity": {"per_channel": True},
            # Nuclei in the images of the Data Science Bowl 2018 are about 20 pixels wide: a point
            # is looked at in a tile of 128 pixels, which `tiny` sees twice as large.
            "model": {"tile": 128},
            # Boxes around cells are drawn tightly: about half a pixel on a nucleus of 20.
            "prompts": {"box_jitter": 0.03},
            # Nuclei in a stack lie above each other, with a dip of brightness between them.
            "propagation": {"dip": 0.1},
            # A micrometre, a few pixels of a confocal stack: surfaces of cells are no millimetres.
            "evaluation": {"tolerance_mm": 0.001},
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
        },
        # Whole cells are about twice as wide as their nuclei: 30 pixels against 17 in the data of
        # Cellpose (Stringer et al. 2021), whose models bring images to these sizes.
        "cells": {"model": {"tile": 256}},
        # Two channels as green and magenta, which people of all kinds of colour vision can tell
        # apart (Wong 2011, doi:10.1038/nmeth.1618): the first is green, the second red and blue.
        "two_channels": {"intensity": {"channels": [1, 0, 1]}},
    }


@hookimpl
def benchmarks() -> Mapping[str, Mapping[str, Any]]:
    """The data sets of ``suites.py``."""
    return {"default": MICROSCOPY}


@hookimpl
def make_demo_data(directory: Path, seed: int) -> Path:
    """Fluorescence nuclei: OME-TIFF of three channels and label maps, with ``splits.json``."""
    return write_demo_data(directory, seed)
