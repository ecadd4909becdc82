from __future__ import annotations

import time

import pytest

from samdomains.stopwatch import Stopwatch


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that pass between two looks at the clock, taken from the end."""
    now = 0.0
    steps: list[float] = []

    def monotonic() -> float:
        nonlocal now
        now += steps.pop() if steps else 0.0
        return now

    monkeypatch.setattr(time, "monotonic", monotonic)
    return steps


def test_stages_are_kept_in_order_and_a_repeated_one_adds_up(clock: list[float]) -> None:
    watch = Stopwatch()
    clock[:] = [4.0, 0.0, 2.0, 0.0, 1.0, 0.0]
    for stage in ("check", "tune", "check"):
        with watch.stage(stage):
            pass
    assert list(watch.seconds.items()) == [("check", 5.0), ("tune", 2.0)]


def test_a_stage_that_fails_is_counted_too(clock: list[float]) -> None:
    watch = Stopwatch()
    clock[:] = [3.0, 0.0]
    with pytest.raises(ValueError, match="broken"), watch.stage("tune"):
        raise ValueError("broken")
    assert watch.seconds == {"tune": 3.0}
