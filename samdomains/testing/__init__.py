"""The conformance kit: a plugin's own tests subclass ``DomainConformance`` and name the domain.

Example:
    class TestCrops(DomainConformance):
        @pytest.fixture
        def domain(self) -> str:
            return "crops"
"""

from samdomains.testing.conformance import DomainConformance
from samdomains.testing.deviation import deviates
from samdomains.testing.subject import Subject

__all__ = ["DomainConformance", "Subject", "deviates"]
