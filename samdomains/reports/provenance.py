"""What was run, on what data and by what machine: hashes, hardware, and how to run it again."""

from __future__ import annotations

import hashlib
import math
import os
import platform
import resource
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from samdomains.data.parts import whole_of
from samdomains.sam.devices import best_device
from samdomains.sam.download import sha256_of
from samdomains.types import Case

MOST_BYTES = 20 * 2**30
"""Of data that is hashed: about a minute."""

CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class DataHash:
    """Which data it was.

    Attributes:
        files: How many files the cases name.
        size: Their bytes.
        sha256: Of the lines that ``sha256sum`` prints for them, in the order of their names
            relative to the folder that holds them all; empty where they are too large.
    """

    files: int
    size: int
    sha256: str

    def __str__(self) -> str:
        """For readers."""
        what = f"{self.files:,} file{'s' if self.files != 1 else ''}, {_bytes(self.size)}"
        return f"{self.sha256 or 'not hashed'} ({what})"


def data_hash(cases: Iterable[Case], *, most_bytes: int = MOST_BYTES) -> DataHash | None:
    """Hash the files that cases are read from; None where they name none.

    The names of the files count and the place of their folder does not. ``sha256sum`` gives the
    same: ``(find . -type f | sed 's|^./||' | LC_ALL=C sort | xargs sha256sum) | sha256sum``. Of a
    DICOM series its cases name the first file, so that only that one counts.

    Args:
        cases: Images, slices and tiles; a file that several name counts once.
        most_bytes: Of more data than this only number and size are given.

    Raises:
        OSError: A file cannot be read.
    """
    named = {path for case in cases for path in whole_of(case).files}
    files = sorted({file for path in named for file in _files_in(path)})
    if not files:
        return None
    size = sum(path.stat().st_size for path in files)
    if size > most_bytes:
        return DataHash(len(files), size, "")
    folder = Path(os.path.commonpath([path.parent for path in files]))
    names = {path.relative_to(folder).as_posix(): path for path in files}
    digest = hashlib.sha256()
    for name in sorted(names, key=os.fsencode):
        digest.update(f"{sha256_of(names[name])}  ".encode() + os.fsencode(name) + b"\n")
    return DataHash(len(files), size, digest.hexdigest())


def command_line(domain: str, *, demo: bool, plugin: str = "") -> str:
    """The command that runs it again from the ``recipe.yaml`` that it left.

    Args:
        domain: Its id.
        demo: Whether the domain generated the data.
        plugin: Name of the user's own plugin file, if there was one.

    Example:
        >>> command_line("ct", demo=True)
        'samdomains run ct --recipe recipe.yaml --out AGAIN'
    """
    words = ["samdomains run", domain, "" if demo else "DATA", "--recipe recipe.yaml"]
    words += [f"--plugin {plugin}" if plugin else "", "--out AGAIN"]
    return " ".join(filter(None, words))


def hardware() -> dict[str, str]:
    """Device, processor and system, for readers."""
    device = best_device()
    found = {"device": str(device)}
    if device.type == "cuda":
        found["GPU"] = torch.cuda.get_device_name(device)
    return found | {
        "CPU": cpu_name(),
        "CPU cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }


def peak_memory() -> dict[str, str]:
    """The most memory that this process has had so far, for readers."""
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    found = {"peak memory": _bytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)}
    device = best_device()
    if device.type == "cuda":
        found["peak GPU memory"] = _bytes(torch.cuda.max_memory_allocated(device))
    return found


def cpu_name(info: Path = CPU_INFO) -> str:
    """What the processor calls itself, as far as the system tells."""
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def energy_line(joules: Mapping[str, float] | None) -> str:
    """Energy in watt-hours by what took it, or that nothing was measured.

    Example:
        >>> energy_line({"CPU": 7200.0, "GPU": 36000.0})
        'CPU 2 Wh, GPU 10 Wh'
    """
    if not joules or not all(math.isfinite(spent) for spent in joules.values()):
        return "not measured"
    return ", ".join(f"{name} {spent / 3600:.3g} Wh" for name, spent in joules.items())


def _files_in(path: Path) -> Sequence[Path]:
    """The file itself, or all files below a folder: a video may be one of pictures."""
    return [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]


def _bytes(size: int) -> str:
    if size < 2**30:
        return f"{size / 2**20:.1f} MiB"
    return f"{size / 2**30:.2f} GiB"
