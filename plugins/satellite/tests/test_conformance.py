"""The checks that every domain must pass."""

from __future__ import annotations

import pytest

from samdomains.testing import DomainConformance


class TestSatellite(DomainConformance):
    @pytest.fixture
    def domain(self) -> str:
        return "satellite"


class TestInfrared(DomainConformance):
    unfit = {  # noqa: RUF012 (a constant)
        "bgr": "thermal images have one band",
        "false_colour": "thermal images have one band",
        "sentinel2": "temperatures are no reflectance",
    }

    @pytest.fixture
    def domain(self) -> str:
        return "infrared"
