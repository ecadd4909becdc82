"""The same run and the same folder on one process and on two, with one core each.

python benchmarks/scale_out.py [--json]

Training of ``tiny`` in full on generated images, then segmenting a folder of photos without
prompts. Two processes take the same steps, so losses and scores have to agree.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COUNTS = (1, 2)
TUNE = ("--strategy=full", "--set=training.epochs=3", "--set=training.batch_size=4")
SEGMENT = ("--model=tiny", "--auto", "--set=auto.points=16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    with tempfile.TemporaryDirectory() as name:
        runs = {count: Path(name) / f"run{count}" for count in COUNTS}
        for count, out in runs.items():
            launch(count, ["run", "images", "--out", str(out), *TUNE])
        history = {count: epochs(out) for count, out in runs.items()}
        photos = runs[1] / "demo_data" / "images"
        seconds = {}
        for count in COUNTS:
            started = time.monotonic()
            out = Path(name) / f"masks{count}"
            launch(count, ["segment", "images", str(photos), "--out", str(out), *SEGMENT])
            seconds[count] = time.monotonic() - started
        figures = {
            "training_speedup": last(history[1], "seconds") / last(history[2], "seconds"),
            "largest_loss_difference": max(
                abs(one["train_loss"] / two["train_loss"] - 1)
                for one, two in zip(history[1], history[2], strict=True)
            ),
            "largest_validation_difference": max(
                abs(one["val_dice"] - two["val_dice"])
                for one, two in zip(history[1], history[2], strict=True)
            ),
            "segment_speedup": seconds[1] / seconds[2],
            "same_masks": same_masks(Path(name) / "masks1", Path(name) / "masks2"),
        }
    for name, value in figures.items():
        print(f"{name}: {value if isinstance(value, bool) else f'{value:.3g}'}")
    if as_json:
        print(json.dumps(figures))


def launch(count: int, words: list[str]) -> None:
    """Run the command in ``count`` processes with a core each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    environment = {**os.environ, **shared, "OMP_NUM_THREADS": "1", "LOCAL_WORLD_SIZE": str(count)}
    command = [sys.executable, "-m", "samdomains.cli.main", *words]
    started = [
        subprocess.Popen(
            command,
            env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for rank in range(count)
    ]
    for process in started:
        _, errors = process.communicate()
        if process.returncode:
            sys.exit(errors.decode())


def epochs(run: Path) -> list[dict[str, float]]:
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [line for line in map(json.loads, lines) if line["event"] == "epoch"]


def last(history: list[dict[str, float]], name: str) -> float:
    return history[-1][name]


def same_masks(one: Path, two: Path) -> bool:
    files = [path for path in one.rglob("*") if path.is_file()]
    return all(path.read_bytes() == (two / path.relative_to(one)).read_bytes() for path in files)


if __name__ == "__main__":
    main()
