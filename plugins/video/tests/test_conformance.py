"""The checks that every domain must pass."""

from __future__ import annotations

import pytest

from samdomains.testing import DomainConformance


class TestVideo(DomainConformance):
    @pytest.fixture
    def domain(self) -> str:
        return "video"
