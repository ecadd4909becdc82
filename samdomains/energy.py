"""What a computation took in electric energy, where the machine itself counts it.

Two counters are read: Linux's of each CPU package (RAPL, ``/sys/class/powercap``, which most
systems let only root read) and NVIDIA's of a GPU (NVML). Where there is neither, nothing is said:
an estimate from a model's name and a time would be off by a factor of several.

References:
    https://docs.kernel.org/power/powercap/powercap.html;
    https://docs.nvidia.com/deploy/nvml-api, ``nvmlDeviceGetTotalEnergyConsumption``.
"""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
NVML = "libnvidia-ml.so.1"

SECONDS = 20.0
"""Between two readings: RAPL's counter starts anew after some minutes at full power."""


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter of energy that only grows, until it starts anew.

    Attributes:
        name: What it counts, for readers.
        read: Gives its state in joules.
        span: Joules after which it starts anew; 0 if never.
    """

    name: str
    read: Callable[[], float]
    span: float = 0.0


class EnergyMeter:
    """Adds up what counters count while it runs.

    Args:
        counters: From ``cpu_counters`` and ``gpu_counters``.

    Example:
        >>> states = iter([5.0, 8.0])
        >>> meter = EnergyMeter([Counter("CPU", lambda: next(states))])
        >>> with meter.running():
        ...     pass
        >>> meter.joules
        {'CPU': 3.0}
    """

    def __init__(self, counters: Sequence[Counter]) -> None:
        self.joules: dict[str, float] = {}
        self._counters = counters
        self._last: list[float] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count during the block. Whatever else the machine does meanwhile is counted too."""
        self._last = [counter.read() for counter in self._counters]
        done = threading.Event()
        thread = threading.Thread(target=self._watch, args=(done,), daemon=True)
        if self._counters:
            thread.start()
        try:
            yield
        finally:
            done.set()
            if self._counters:
                thread.join()
                self._add()

    def _watch(self, done: threading.Event) -> None:
        while not done.wait(SECONDS):
            self._add()

    def _add(self) -> None:
        for place, counter in enumerate(self._counters):
            now = counter.read()
            spent = now - self._last[place]
            if spent < 0:
                spent += counter.span
            self._last[place] = now
            self.joules[counter.name] = self.joules.get(counter.name, 0.0) + spent


def cpu_counters(folder: Path = POWERCAP) -> list[Counter]:
    """One for each CPU package whose counter may be read; without memory and the rest."""
    counters = []
    for zone in sorted(folder.glob("intel-rapl:*")):  # AMD's have this name too
        if zone.name.count(":") == 1 and _readable(zone / "energy_uj"):
            span = int((zone / "max_energy_range_uj").read_text()) / 1e6
            counters.append(Counter("CPU", _Rapl(zone / "energy_uj"), span))
    return counters


def gpu_counters(uuid: str, library: str = NVML) -> list[Counter]:
    """That of one NVIDIA GPU, or none where NVML is missing or the GPU does not count.

    Args:
        uuid: As ``nvidia-smi -L`` shows it, with its prefix ``GPU-``; empty where there is none.
        library: Name of NVML's file.
    """
    if not uuid:
        return []
    try:
        nvml = ctypes.CDLL(library)
    except OSError:  # there is no such library
        return []
    device = ctypes.c_void_p()
    if nvml.nvmlInit_v2() or nvml.nvmlDeviceGetHandleByUUID(uuid.encode(), ctypes.byref(device)):
        return []
    counter = _Nvml(nvml, device)
    return [Counter("GPU", counter)] if math.isfinite(counter()) else []


def _readable(path: Path) -> bool:
    try:
        path.read_text()
    except OSError:  # root's alone, or switched off
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Rapl:
    path: Path

    def __call__(self) -> float:
        return int(self.path.read_text()) / 1e6


@dataclass(frozen=True, slots=True)
class _Nvml:
    nvml: ctypes.CDLL
    device: ctypes.c_void_p

    def __call__(self) -> float:
        """NaN where the driver does not answer."""
        energy = ctypes.c_ulonglong()  # millijoules
        failed = self.nvml.nvmlDeviceGetTotalEnergyConsumption(self.device, ctypes.byref(energy))
        return math.nan if failed else energy.value / 1e3
