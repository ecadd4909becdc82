"""The checks that every domain must pass."""

from __future__ import annotations

import pytest

from samdomains.testing import DomainConformance


class TestMicroscopy(DomainConformance):
    @pytest.fixture
    def domain(self) -> str:
        return "microscopy"


class TestHistology(DomainConformance):
    @pytest.fixture
    def domain(self) -> str:
        return "histology"


class TestEm(DomainConformance):
    unfit = {"two_channels": "electron micrographs have one channel"}  # noqa: RUF012 (a constant)

    @pytest.fixture
    def domain(self) -> str:
        return "em"
