"""Video: objects that are pointed at once and followed through the frames.

The domain reads clips and writes overlays; a clip is a volume whose Z axis is time, and following
objects through volumes is the core's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from samdomains.plugin import Case, MaskWriter, OutputFormat, Recipe, chosen_writer, hookimpl


@hookimpl
def load_cases(source: Path, recipe: Recipe) -> Sequence[Case]:
    """Video files and folders of frames, one or several, with masks in the layout of DAVIS."""
    from samdomains_video.cases import load_any

    return load_any(source, recipe)


@hookimpl
def write_masks(recipe: Recipe) -> MaskWriter:
    """An overlay video with a palette mask for each frame; or the masks alone."""
    from samdomains_video.writers import FrameMaskWriter, OverlayWriter

    writers: Mapping[OutputFormat, MaskWriter] = {
        "native": OverlayWriter(),
        "png": FrameMaskWriter(),
    }
    return chosen_writer(recipe.data.output, writers, "overlay video and masks")


@hookimpl
def recipes() -> Mapping[str, Mapping[str, Any]]:
    """The values in which video differs from the core."""
    return {
        "default": {
            # A value of a mask is one object in all frames, in several parts where something
            # hides its middle, as in DAVIS (Pont-Tuset et al. 2017, arXiv:1704.00675).
            "data": {"masks": "instances", "objects": "whole"},
            # Frames are taken as they are, as SAM takes photos (Kirillov et al. 2023,
            # arXiv:2304.02643): a stretch would follow the brightest thing that passes.
            "intensity": {"method": "range", "lower": 0, "upper": 255},
            # Cross-entropy with Dice, the usual pair (nnU-Net, Isensee et al. 2021,
            # doi:10.1038/s41592-020-01008-z), and small batches for small data sets, as in the
            # domain `microscopy`, from which these values start.
            "training": {
                "epochs": 10,
                "batch_size": 2,
                "focal_weight": 2.0,
                "focal_gamma": 0.0,
                "warmup_fraction": 0.1,
            },
            # Objects pass behind others, and come back: for more than a second they are looked for.
            # Colours cut them from what hides them (benchmarks/video.md).
            "propagation": {"patience": 30, "appearance": 2.0, "branches": False},
            # Objects enter and leave the picture all the time.
            "review": {"empty": False},
        },
        # Frames of 16 bits or floats, of thermal and scientific cameras: a stretch over the clip.
        "deep": {"intensity": {"method": "percentile", "lower": 0.1, "upper": 99.9}},
    }


@hookimpl
def make_demo_data(directory: Path, seed: int) -> Path:
    """Generated clips of moving objects, MP4 with palette masks, and ``splits.json``."""
    from samdomains_video.demo import write_demo_data

    return write_demo_data(directory, seed)
