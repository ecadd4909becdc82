"""Time and peak memory of segmenting a scene larger than memory, and of going on after a kill.

python benchmarks/large_scene.py --side 20000 --roofs 2000
python benchmarks/large_scene.py --side 20000 --auto --set auto.points=4
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

STRIP = 1000
"""Rows that are written at once."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=20000)
    parser.add_argument("--roofs", type=int, default=2000)
    parser.add_argument("--auto", action="store_true")
    parser.add_argument("--set", dest="settings", action="append", default=[])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scene, prompts = folder / "scene.tif", folder / "prompts.json"
        roofs = place_roofs(arguments.side, arguments.roofs)
        write_scene(scene, arguments.side, roofs)
        prompts.write_text(json.dumps([{"box": roof} for roof in roofs.tolist()]))
        command = [sys.executable, "-m", "samdomains.cli.main", "segment", "satellite", str(scene)]
        command += ["--model", "tiny", "--out", str(folder / "out")]
        command += ["--auto"] if arguments.auto else ["--prompts", str(prompts)]
        for setting in arguments.settings:
            command += ["--set", setting]
        megabytes = 3 * arguments.side**2 / 2**20
        print(f"scene: {arguments.side} x {arguments.side} x 3, {megabytes:.0f} MiB of pixels")
        killed = killed_after(command, folder / "out", tiles=20)
        print(f"killed after {killed} tiles")
        seconds, mebibytes = measured([*command, "--resume"])
        print(f"resumed and done: {seconds:.0f} s, peak {mebibytes:.0f} MiB")
        report(folder / "out", roofs)


def place_roofs(side: int, count: int) -> np.ndarray:
    """(N, 4): boxes of roofs, one at most in each cell of a grid of 100 pixels."""
    rng = np.random.default_rng(0)
    cells = side // 100
    chosen = rng.choice(cells * cells, min(count, cells * cells), replace=False)
    corner = np.stack([chosen % cells, chosen // cells], axis=1) * 100 + rng.integers(
        10, 40, (len(chosen), 2)
    )
    return np.concatenate([corner, corner + rng.integers(20, 50, (len(chosen), 2))], axis=1)


def write_scene(path: Path, side: int, roofs: np.ndarray) -> None:
    """Three bands of noisy ground with bright roofs, strip by strip."""
    rng = np.random.default_rng(1)
    transform = from_origin(500000, 5800000, 0.5, 0.5)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=side,
        height=side,
        count=3,
        dtype="uint8",
        crs="EPSG:32633",
        transform=transform,
        tiled=True,
        compress="deflate",
    ) as scene:
        for top in range(0, side, STRIP):
            rows = min(STRIP, side - top)
            strip = rng.integers(60, 100, (3, rows, side), dtype=np.uint8)
            for x0, y0, x1, y1 in roofs[(roofs[:, 3] > top) & (roofs[:, 1] < top + rows)]:
                part = strip[:, max(0, y0 - top) : max(0, y1 - top), x0:x1]
                part += 100
            scene.write(strip, window=Window(0, top, side, rows))


def killed_after(command: list[str], out: Path, tiles: int) -> int:
    """Start the command and kill it once some tiles are kept; returns how many were."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    kept: list[Path] = []
    while child.poll() is None and len(kept) < tiles:
        time.sleep(0.2)
        kept = list(out.glob(".tiles-*/tile-*.npz"))
    child.send_signal(signal.SIGKILL)
    child.wait()
    return len(kept)


def measured(command: list[str]) -> tuple[float, float]:
    """Seconds and peak memory in MiB of a command."""
    started = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"the command failed with status {os.waitstatus_to_exitcode(status)}")
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return time.monotonic() - started, usage.ru_maxrss / scale


def report(out: Path, roofs: np.ndarray) -> None:
    """How many roofs were found: those whose middle has a label, and the number of objects."""
    (path,) = out.glob("*.tif")
    with rasterio.open(path) as labels:
        middles = [
            int(labels.read(1, window=Window((x0 + x1) // 2, (y0 + y1) // 2, 1, 1))[0, 0])
            for x0, y0, x1, y1 in roofs.tolist()
        ]
        most = max(int(labels.read(1, window=w).max()) for _, w in labels.block_windows(1))
    found = sum(label > 0 for label in middles)
    print(f"{found} of {len(roofs)} roofs have a label in their middle; {most} objects")


if __name__ == "__main__":
    main()
