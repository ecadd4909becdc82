from __future__ import annotations

from functools import partial

import pytest

from samdomains.training.schedule import cosine_with_warmup


def test_the_rate_rises_then_falls_to_zero() -> None:
    rate = partial(cosine_with_warmup, 10, 100)
    assert rate(0) < rate(5) < rate(9) == 1.0
    assert rate(100) == pytest.approx(0.0)
    assert rate(500) == pytest.approx(0.0)
