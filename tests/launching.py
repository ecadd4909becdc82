"""Several processes on one machine, as ``torchrun`` starts them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WITH_TESTS = f"""
import sys, types

package = types.ModuleType("tests")
package.__path__ = [{str(Path(__file__).parent)!r}]
sys.modules["tests"] = package
"""
"""Begins a script that imports from the tests, whatever else of that name is installed."""

TIMEOUT = 120
"""Seconds that processes get."""


@dataclass(frozen=True)
class Ended:
    """How one process ended."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:  # whatever it printed
        """What it printed."""
        assert self.code == 0, self.stderr
        return json.loads(self.stdout)


def launch(words: Sequence[str], count: int = 2) -> list[Ended]:
    """Run Python with the same arguments in ``count`` processes that know of each other."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }
    started = [
        subprocess.Popen(
            [sys.executable, *words],
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]
    ended = [(process, process.communicate(timeout=TIMEOUT)) for process in started]
    return [Ended(process.returncode, *streams) for process, streams in ended]
