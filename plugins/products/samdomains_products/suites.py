"""Benchmark suites: real data sets, described once, as `samdomains bench` finds them.

Paths are below ``--data-root``. The hash is that of the small subsets with which the figures in
``benchmarks/results`` of the project were measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PRODUCTS: Mapping[str, Any] = {
    "title": "Products and clothes in photos",
    "datasets": (
        {
            "name": "products",
            "path": "ecommerce/products",
            "title": (
                "photos of single objects (furniture, tools, instruments, vehicles) with fine "
                "cut-out masks (DIS5K subset)"
            ),
            "source": (
                "GitHub wengchienwei/classical-cv-product-segmentation at commit 56cdf2e9d0, "
                "project_data/images, masks (first commit)"
            ),
            "licence": (
                "none stated in that repository; DIS5K has its own Terms of Use (a PDF in "
                "xuebinqin/DIS, not read here)"
            ),
            "sha256": "369d7b37159d39210cc69de43efa3fd3f5e6ce6a0e434e610991a6d5ec915771",
            "named": "soft_masks",
        },
        {
            "name": "clothing",
            "path": "ecommerce/clothing",
            "title": "street fashion photos with garment labels (Clothing Co-Parsing)",
            "source": (
                "GitHub bearpaw/clothing-co-parsing at commit fe34fb7772, photos, "
                "annotations/pixel-level"
            ),
            "licence": "Apache-2.0 (repository LICENSE); people can be recognised in the photos",
            "sha256": "8b5bc426527803defefb1c502abb739cbcb2596ac9b24bd15905cadc97fd3c8f",
            "named": "clothing",
        },
    ),
}
