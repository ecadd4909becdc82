from __future__ import annotations

import numpy as np
import pytest

from samdomains.types import Mask


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def square() -> Mask:
    """Rows 10 to 29 and columns 20 to 49 of a 64 x 80 image."""
    mask = np.zeros((64, 80), dtype=bool)
    mask[10:30, 20:50] = True
    return mask
