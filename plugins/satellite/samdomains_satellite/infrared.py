"""Infrared: thermal images, with small warm targets or whole warm bodies.

Reading and writing are those of ``satellite``, which it extends.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samdomains.plugin import hookimpl
from samdomains_satellite.suites import INFRARED

extends = "satellite"


@hookimpl
def recipes() -> Mapping[str, Mapping[str, Any]]:
    """The values in which infrared differs from ``satellite``."""
    return {
        "default": {
            # What is warm covers a few thousandths of an image: a stretch between 2 and 98 percent
            # would make it as white as the warmest ground. These are the core's own percentiles.
            "intensity": {"lower": 0.1, "upper": 99.9},
        },
        # Targets of at most 80 pixels (Chapple et al. 1999, Proc. SPIE 3699:122-132), about 6 wide.
        # Those are fewer than one of 1,000 pixels, so all of the range counts. Of tiles of 64, 128
        # and 256 pixels the second found them from a point best (Dice 0.60, 0.65 and 0.40), and
        # windows of 32 from a box better than those of 64 (0.77 and 0.72; `tiny` untuned, README).
        "small_targets": {
            "intensity": {"lower": 0.0, "upper": 100.0},
            "model": {"tile": 128, "zoom": 32},
        },
    }


@hookimpl
def benchmarks() -> Mapping[str, Mapping[str, Any]]:
    """The data sets of ``suites.py``."""
    return {"default": INFRARED}


@hookimpl
def make_demo_data(directory: Path, seed: int) -> Path:
    """Thermal scenes in degrees Celsius: float TIFF with masks, ``splits.json``."""
    from samdomains_satellite.demo_thermal import write_demo_thermal

    return write_demo_thermal(directory, seed)
