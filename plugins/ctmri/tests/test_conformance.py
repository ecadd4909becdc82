"""The checks that every domain must pass."""

from __future__ import annotations

import pytest

from samdomains.testing import DomainConformance


class TestCt(DomainConformance):
    @pytest.fixture
    def domain(self) -> str:
        return "ct"


class TestMri(DomainConformance):
    @pytest.fixture
    def domain(self) -> str:
        return "mri"
