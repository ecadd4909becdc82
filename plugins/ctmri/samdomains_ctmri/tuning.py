"""What tuning on slices of CT and MRI has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TUNING: Mapping[str, Mapping[str, Any]] = {
    # One prompt stands for one connected part of a structure in a slice: what a reader points at.
    # A cross-section below 16 pixels is smaller than one cell of SAM's low-resolution mask
    # (4 x 4 pixels of its input, arXiv:2304.02643), and a prompt could not be told from a click.
    "data": {"objects": "components", "minimum_area": 16},
    # Boxes of radiologists vary by a few pixels: MedSAM jitters them by up to 20 pixels of 1024
    # (Ma et al. 2024, doi:10.1038/s41467-024-44824-z), half of SAM's own share.
    # Objects are followed from slice to slice: a third is asked for from the slice beside, too.
    "prompts": {"box_jitter": 0.05, "neighbour": 0.3},
    # Cross-entropy with Dice (nnU-Net, Isensee et al. 2021, doi:10.1038/s41592-020-01008-z), in
    # place of SAM's focal loss, and small batches for few patients; see benchmarks/microscopy.md.
    # A volume has tens of slices: 20 passes are hundreds of steps.
    "training": {
        "epochs": 20,
        "batch_size": 2,
        "focal_weight": 2.0,
        "focal_gamma": 0.0,
        "warmup_fraction": 0.1,
    },
}
