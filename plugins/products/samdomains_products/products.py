"""Product shots: one product a photo, cut out with a soft edge, by the thousand without a human.

Listing is the core's; this layer reads colours as they are meant (ICC profiles, inks, alpha),
finds the product by itself, and writes cut-outs.
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
    Normalizer,
    OutputFormat,
    PromptProposer,
    Recipe,
    chosen_writer,
    hookimpl,
    make_normalizer,
)
from samdomains_products.cutouts import CutoutWriter
from samdomains_products.demo import write_demo_data
from samdomains_products.intensity import PhotoRange
from samdomains_products.matting import EDGE
from samdomains_products.photos import load_photos
from samdomains_products.saliency import SalientBox
from samdomains_products.suites import PRODUCTS


@hookimpl
def load_cases(source: Path, recipe: Recipe) -> Sequence[Case]:
    """Photos as the core lists them, read upright, in sRGB and on white."""
    return load_photos(source, recipe)


@hookimpl
def normalize_intensity(recipe: Recipe) -> Normalizer:
    """A range in levels of 8 bits for photos of any depth; or what else the core has."""
    values = recipe.intensity
    if values.method == "range":
        return PhotoRange(values.lower, values.upper, values.channels)
    return make_normalizer(values)


@hookimpl
def propose_prompts(recipe: Recipe) -> PromptProposer:  # noqa: ARG001 (no value of it is needed)
    """One box, around what stands out from the border of the picture."""
    return SalientBox()


@hookimpl
def write_masks(recipe: Recipe) -> MaskWriter:
    """RGBA cut-outs with a soft edge, with or without hard masks; or PNG label maps, or COCO."""
    edge = EDGE if recipe.data.soft_edge is None else recipe.data.soft_edge
    writers: Mapping[OutputFormat, MaskWriter] = {
        "native": CutoutWriter(edge=edge),
        "cutout": CutoutWriter(masks=False, edge=edge),
        "png": LabelPngWriter(),
        "coco": CocoJsonWriter(),
    }
    return chosen_writer(recipe.data.output, writers, "cut-outs and masks")


@hookimpl
def recipes() -> Mapping[str, Mapping[str, Any]]:
    """The values in which product shots differ from the core."""
    return {
        "default": {
            # One prompt stands for the whole product, a pair of shoes or a chair seen through its
            # own legs included.
            "data": {"objects": "whole"},
            # Photos are taken as they are, as SAM takes them (Kirillov et al. 2023,
            # arXiv:2304.02643); a stretch would turn the grey of a studio into white.
            "intensity": {"method": "range", "lower": 0, "upper": 255},
            # Cross-entropy with Dice, the usual pair (nnU-Net, Isensee et al. 2021,
            # doi:10.1038/s41592-020-01008-z), and small batches for small data sets: what gained
            # most in a given time in the domain `microscopy`, from which these values start.
            "training": {
                # One product a photo is little to learn from: on 14 photos the Dice from boxes
                # rose by 0.04 in 40 passes, and not at all in 10 (benchmarks/domains.md).
                "epochs": 40,
                "patience": 20,
                "batch_size": 2,
                "focal_weight": 2.0,
                "focal_gamma": 0.0,
                "warmup_fraction": 0.1,
            },
            # There is one box a photo, and its best answer is always kept: what is doubtful is for
            # a human to see, not to be lost. `review.minimum_iou` marks it.
            "auto": {"minimum_iou": 0.0, "minimum_stability": 0.0},
            # A product that the photo's border cuts is no packshot.
            "review": {"border": True},
        },
        # Marketplaces ask for pure white, 255 in all channels (Amazon, "Product image guide").
        # White has one level, so brightness hardly changes in training; and boxes are tight, since
        # they are found by the white.
        "white_background": {
            "augmentation": {"brightness": 0.02},
            "prompts": {"box_jitter": 0.03},
        },
        # Garments on people, one class each, as palette masks with a labels.json (Clothing
        # Co-Parsing, Yang, Luo and Lin 2014, CVPR). A garment is whole behind hair and arms.
        # Each photo shows ten of them, so that 10 passes do, as in microscopy.
        "clothing": {"data": {"masks": "classes"}, "training": {"epochs": 10, "patience": 8}},
        # Masks with soft edges (mattes, anti-aliased outlines): object from half opacity on, as in
        # DIS5K (Qin et al. 2022, arXiv:2203.03041). Masks that are 0 and 1 need the default.
        "soft_masks": {"data": {"masks": "binary", "threshold": 128}},
    }


@hookimpl
def benchmarks() -> Mapping[str, Mapping[str, Any]]:
    """The data sets of ``suites.py``."""
    return {"default": PRODUCTS}


@hookimpl
def make_demo_data(directory: Path, seed: int) -> Path:
    """Studio shots of generated products: JPEG, some turned by EXIF, and PNG with alpha."""
    return write_demo_data(directory, seed)
