"""Inspection of industrial surfaces: small and thin defects, few samples, many good images.

Intensity, sampled prompts and strategy are the core's; this layer reads good/defect folders, writes
tables of defects, proposes boxes around anomalies, and brings values and demo data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from samdomains.plugin import (
    Case,
    CocoJsonWriter,
    LabelPngWriter,
    MaskWriter,
    OutputFormat,
    PromptProposer,
    Recipe,
    chosen_writer,
    hookimpl,
)
from samdomains_inspection.cases import load_any
from samdomains_inspection.demo import write_demo_data
from samdomains_inspection.proposals import SurfaceAnomalies
from samdomains_inspection.suites import INSPECTION
from samdomains_inspection.writers import DefectWriter


@hookimpl
def load_cases(source: Path, recipe: Recipe) -> Sequence[Case]:
    """Folders of good and defective images (MVTec AD and flat ones); else as the core reads."""
    return load_any(source, recipe)


@hookimpl
def propose_prompts(recipe: Recipe) -> PromptProposer:  # noqa: ARG001 (its values are fixed)
    """Boxes around what differs from the surface around it."""
    return SurfaceAnomalies()


@hookimpl
def write_masks(recipe: Recipe) -> MaskWriter:
    """A label map with a table of the defects; or PNG label maps alone, or COCO JSON."""
    writers: Mapping[OutputFormat, MaskWriter] = {
        "native": DefectWriter(recipe.data.pixel_size),
        "png": LabelPngWriter(),
        "coco": CocoJsonWriter(),
    }
    return chosen_writer(recipe.data.output, writers, "PNG label map and a table of defects")


@hookimpl
def recipes() -> Mapping[str, Mapping[str, Any]]:
    """The values in which inspection differs from the core."""
    return {
        "default": {
            # Each connected part of a mask is a defect with measurements of its own, as a person
            # counts and sorts them. Below 3 x 3 pixels there is nothing to measure.
            "data": {"objects": "components", "minimum_area": 9},
            # Lamps and exposure differ from station to station: the darkest and brightest pixel in
            # a thousand become 0 and 1. All channels alike, since colour tells rust from shadow.
            "intensity": {"method": "percentile", "lower": 0.1, "upper": 99.9},
            # A point is looked at in a tile of 256 pixels, so that defects keep their pixels in
            # larger images: zero-shot Dice of `tiny` on magnetic_tile (Huang et al. 2020,
            # doi:10.1007/s00371-018-1588-5) for point and point+3 is 0.37 and 0.55 with whole
            # images, 0.43 and 0.65 with 256 pixels, 0.41 and 0.67 with 128. On steel of 200 x 200
            # pixels 256 is the whole image, 0.56 and 0.78; 128 gives 0.52 and 0.78.
            "model": {"tile": 256},
            # A defect of 20 pixels is boxed to a pixel; 5 percent of a side is that.
            "prompts": {"box_jitter": 0.05},
            # A surface without a defect is the usual case, and nothing to look at.
            "review": {"empty": False},
            "training": {
                # A defect covers a hundredth of its image or less. Dice does not count the
                # background (V-Net, Milletari et al. 2016, doi:10.1109/3DV.2016.79), and weighs as
                # much as cross-entropy, as in nnU-Net (Isensee et al. 2021,
                # doi:10.1038/s41592-020-01008-z). The rest are the values of microscopy.
                "dice_weight": 2.0,
                "focal_weight": 2.0,
                "focal_gamma": 0.0,
                "epochs": 10,
                "batch_size": 2,
                "warmup_fraction": 0.1,
            },
        },
        # Scratches, cracks and pores, a few pixels wide.
        "thin": {
            # On the same set 128 pixels are better for these (point: blowholes 0.72 against 0.51,
            # cracks 0.38 against 0.33), and worse for what does not fit (frays 0.21 against 0.49).
            "model": {"tile": 128},
            # A box's side is as short as the scratch is wide, and as long as it is long: a shift
            # by a share of the latter would be many times the width.
            "prompts": {"box_jitter_pixels": 3.0},
            # A crop must not cut a long defect into pieces that no user would mean.
            "augmentation": {"crop": 0.9},
        },
    }


@hookimpl
def benchmarks() -> Mapping[str, Mapping[str, Any]]:
    """The data sets of ``suites.py``."""
    return {"default": INSPECTION}


@hookimpl
def make_demo_data(directory: Path, seed: int) -> Path:
    """Brushed metal, castings and textile with scratches, dents and pits; a third is good."""
    return write_demo_data(directory, seed)
