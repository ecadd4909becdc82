"""Benchmark suites: real data sets, described once, as `samdomains bench` finds them.

Paths are below ``--data-root``. The hash is that of the small subsets with which the figures in
``benchmarks/results`` of the project were measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

INSPECTION: Mapping[str, Any] = {
    "title": "Defects on magnetic tiles and steel",
    "datasets": (
        {
            "name": "magnetic_tile",
            "path": "industrial/magnetic_tile",
            "title": (
                "surface of magnetic tiles: blowhole, break, crack, fray, uneven, and defect-free"
            ),
            "source": (
                "GitHub abin24/Magnetic-tile-defect-datasets. at commit cc4eb530b5, MT_*/Imgs"
            ),
            "licence": (
                'none stated (README: "welcomed to use our dataset", asks to cite the paper)'
            ),
            "sha256": "a2d53b4b66597c996233a3455cdd31f976383e11abc9b6dcfd36cad9c2e1e395",
        },
        {
            "name": "steel_coco",
            "path": "industrial/steel_coco",
            "title": "hot-rolled steel strip: inclusions, patches, scratches (NEU-Seg)",
            "source": (
                "GitHub DHW-Master/NEU_Seg at commit da8cebedb2, images/training, "
                "annotations/training"
            ),
            "licence": "none stated",
            "sha256": "ac432b7ee994d83b09682b55990dc8b57592d4020b22a3898277493574358e17",
        },
    ),
}
