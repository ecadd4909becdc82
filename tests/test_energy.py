"""Adding up counters of energy that start anew, cannot be read, or are not there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from samdomains import energy
from samdomains.energy import Counter, EnergyMeter, cpu_counters, gpu_counters


def counter(*states: float, span: float = 0.0) -> Counter:
    """One that goes through these states."""
    left: Iterator[float] = iter(states)
    return Counter("CPU", lambda: next(left), span)


def zone(folder: Path, name: str, microjoules: int, span: int = 10**9) -> Path:
    """A counter as Linux shows it."""
    own = folder / name
    own.mkdir(parents=True)
    (own / "energy_uj").write_text(f"{microjoules}\n")
    (own / "max_energy_range_uj").write_text(f"{span}\n")
    return own / "energy_uj"


def test_what_is_spent_in_several_blocks_is_added_and_what_lies_between_is_not() -> None:
    meter = EnergyMeter([counter(5, 8, 100, 110)])
    for _ in range(2):
        with meter.running():
            pass
    assert meter.joules == {"CPU": 13.0}


def test_a_counter_that_started_anew_went_on_from_its_span() -> None:
    meter = EnergyMeter([counter(90, 20, span=100)])
    with meter.running():
        pass
    assert meter.joules == {"CPU": 30.0}


def test_it_is_read_meanwhile_so_that_no_start_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "SECONDS", 0.01)
    states = iter([0.0] + [60.0, 20.0] * 1000)
    meter = EnergyMeter([Counter("CPU", lambda: next(states), 100.0)])
    with meter.running():
        time.sleep(0.1)
    assert meter.joules["CPU"] > 100


def test_several_packages_are_one_sum() -> None:
    meter = EnergyMeter([counter(0, 1), counter(0, 2)])
    with meter.running():
        pass
    assert meter.joules == {"CPU": 3.0}


def test_without_counters_there_is_no_number() -> None:
    meter = EnergyMeter([])
    with meter.running():
        pass
    assert meter.joules == {}


def test_packages_are_read_in_joules_and_their_parts_are_not_counted_twice(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", 5_000_000)
    zone(tmp_path, "intel-rapl:0:0", 4_000_000)
    (found,) = cpu_counters(tmp_path)
    assert (found.read(), found.span) == (5.0, 1000.0)


def test_a_counter_that_is_not_ours_to_read_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone(tmp_path, "intel-rapl:0", 1)

    def refuse(path: Path) -> str:
        raise PermissionError(path)

    monkeypatch.setattr(Path, "read_text", refuse)
    assert cpu_counters(tmp_path) == []
    assert cpu_counters(tmp_path / "nowhere") == []


def test_without_an_nvidia_gpu_or_its_library_there_is_no_counter() -> None:
    assert gpu_counters("") == []
    assert gpu_counters("GPU-0", "libno-such-library.so") == []
