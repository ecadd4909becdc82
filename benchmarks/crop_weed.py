"""A suite for a domain that no plugin covers: crops and weeds, for the domain ``images``.

Run ``samdomains bench images --plugin benchmarks/crop_weed.py --data-root DATA --out OUT``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samdomains.plugin import hookimpl


@hookimpl
def benchmarks() -> Mapping[str, Mapping[str, Any]]:
    """Connected parts of the label maps are objects: plants that touch are one."""
    return {
        "default": {
            "title": "Crops and weeds in the field",
            "datasets": [
                {
                    "name": "crop_weed",
                    "path": "agriculture/crop_weed",
                    "title": "carrot field from a field robot: crop and weed plants (CWFID)",
                    "source": "GitHub cwfid/dataset at commit 36290d0912, images, annotations",
                    "licence": "non-commercial research only (stated in the source README)",
                    "sha256": "e45563b6c1da913b3635c0734ed948247554a7209507a6b6a2f90505b17cf1d4",
                    "recipe": {"data": {"objects": "components"}},
                }
            ],
        }
    }
