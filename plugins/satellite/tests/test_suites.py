from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from samdomains_satellite.suites import INFRARED, SATELLITE

from samdomains.benchmark.data import hash_of

REAL = Path(__file__).resolve().parents[3].parent / "shared" / "data"


@pytest.mark.skipif(not REAL.exists(), reason="the shared data is not at hand")
@pytest.mark.parametrize(
    "data", [*SATELLITE["datasets"], *INFRARED["datasets"]], ids=lambda data: data["name"]
)
def test_the_hash_is_that_of_the_data_set(data: Mapping[str, Any]) -> None:
    assert hash_of(REAL / data["path"]) == data["sha256"]
