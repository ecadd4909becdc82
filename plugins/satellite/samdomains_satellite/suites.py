"""Benchmark suites: real data sets, described once, as `samdomains bench` finds them.

Paths are below ``--data-root``. The hash is that of the small subsets with which the figures in
``benchmarks/results`` of the project were measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SATELLITE: Mapping[str, Any] = {
    "title": "Buildings, fields and roads from above",
    "datasets": (
        {
            "name": "buildings_geotiff",
            "path": "satellite/buildings_geotiff",
            "title": "drone / aerial picture tiles with building footprints, Kampala, Uganda",
            "source": (
                "GitHub hotosm/fAIr-utilities at commit 33ea480c16, "
                "ramp-data/TRAIN/HOTOSM/2/data/2 (in the history)"
            ),
            "licence": (
                "repository LICENSE is AGPL-3.0 (code); none stated for the pictures and "
                "footprints in it (tile names say OpenAerialMap, properties carry OpenStreetMap "
                "ids)"
            ),
            "sha256": "64d48a669273e13d2ea89f04f19a9222cf3873be45f9d710f42ad4d56e51f550",
        },
        {
            "name": "buildings_coco",
            "path": "satellite/buildings_coco",
            "title": "drone / aerial picture tiles with building footprints, Zanzibar, Tanzania",
            "source": (
                "GitHub hotosm/fAIr-utilities at commit 33ea480c16, "
                "ramp-data/TRAIN/HOTOSM/2/data/1 (in the history)"
            ),
            "licence": (
                "repository LICENSE is AGPL-3.0 (code); none stated for the pictures and "
                "footprints in it (tile names say OpenAerialMap, properties carry OpenStreetMap "
                "ids)"
            ),
            "sha256": "f22844e90971541df5109e6efdb0364f84a87b3f442843d85948b382eb9724ce",
        },
        {
            "name": "fields_sentinel2",
            "path": "satellite/fields_sentinel2",
            "title": "Sentinel-2 tile of farmland in Denmark with field parcels",
            "source": (
                "GitHub chrieke/InstanceSegmentation_Sentinel2 at commit f4e1aa442a, "
                "data/RGB_small.tif, data/marker2016_small.shp"
            ),
            "licence": "none stated (Copernicus Sentinel-2 imagery; Danish field parcels)",
            "sha256": "2371e2ecc1877ec8fbf1d9e1f1d23167b484d2db330a7b40e60ba8d56eeeb117",
            "named": "sentinel2",
        },
        {
            "name": "roads_png",
            "path": "satellite/roads_png",
            "title": "aerial pictures of suburbs with roads",
            "source": (
                "GitHub mhamas/road-extraction-from-aerial-images at commit 2be77592e1, "
                "data/training/images, groundtruth (earlier commit)"
            ),
            "licence": "none stated",
            "sha256": "9dd5ceb81bf9c9df6df4ce26bd2c3892f9c2b696bd275fc8467a75974386ea7f",
            "named": "roads",
        },
    ),
}

INFRARED: Mapping[str, Any] = {
    "title": "Small targets and warm bodies in infrared",
    "datasets": (
        {
            "name": "small_targets",
            "path": "infrared/small_targets",
            "title": "infrared pictures with small bright targets",
            "source": (
                "GitHub danfenghong/IEEE_TIP_UIU-Net at commit 625023aae5, "
                "test_data/Verification_data/Ver_image, Ver_lable"
            ),
            "licence": (
                "LICENSE file Apache-2.0, README says GPL-3.0; nothing separate stated for the "
                "pictures"
            ),
            "sha256": "048e2dd69c0b89e6a4fc5fd749a1ddd042b8aad163d22a76b0d77d0d3f3f1c21",
            "named": "small_targets",
        },
        {
            "name": "udder_thermal",
            "path": "infrared/udder_thermal",
            "title": "thermal camera pictures of buffalo udders",
            "source": (
                "GitHub Uzarel/buffalo-udder-thermal-segmentation at commit 080fb546dd, "
                "data/images, data/masks"
            ),
            "licence": 'ODC-BY ("for now", stated in the source README)',
            "sha256": "4677324ed6ef7d0957b970d985c6a2c43a50226714207163cd9955e4c103700d",
        },
    ),
}
