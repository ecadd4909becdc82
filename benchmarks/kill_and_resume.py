"""Kill small runs with SIGKILL again and again, resume them, and compare with runs left alone.

python benchmarks/kill_and_resume.py --kills 25 --json

Half of the kills come at a random time. The others come at a random write of a file: when half of
its temporary file is there, or just after its rename. The processes are forked from this one, which
has imported everything and computed nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from samdomains import pipeline
from samdomains.training import engine
from samdomains.training.state import load_state

SETTINGS = (
    "training.epochs=2",
    "training.batch_size=1",
    "training.objects_per_image=1",
    "evaluation.prompts=[box]",
    "evaluation.bootstrap=20",
    "evaluation.health=false",
)
STRATEGIES = ("decoder", "full")
WRITES = 30
"""A little more than the files that a run writes."""

WALL_TIMES = {"seconds", "data_seconds"}
"""What no two runs have alike."""


@dataclass(frozen=True)
class Kill:
    """When a process kills itself.

    Attributes:
        seconds: After its start, or None.
        write: With the n-th file that it writes, or None.
        half: In the middle of that file; else just after its rename.
    """

    seconds: float | None = None
    write: int | None = None
    half: bool = False


@dataclass(frozen=True)
class Counts:
    """What happened.

    Attributes:
        runs: That were killed and came to their end.
        kills: Of processes.
        resumes: After them.
    """

    runs: int
    kills: int
    resumes: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--strategy", dest="strategies", action="append", choices=STRATEGIES)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    engine.SECONDS_BETWEEN_SAVES = 0.0  # after each step
    with tempfile.TemporaryDirectory() as name:
        data = make_data(Path(name) / "data")
        whole, seconds = {}, 0.0
        for strategy in arguments.strategies or STRATEGIES:
            started = time.monotonic()
            whole[strategy] = Path(name) / f"whole_{strategy}"
            if attempt(data, whole[strategy], strategy, Kill()) != 0:
                raise SystemExit("a run that nobody killed failed")
            seconds = max(seconds, time.monotonic() - started)
        counts, differing = kill_and_compare(data, whole, arguments.kills, arguments.seed, seconds)
    print(f"{counts.kills} kills and {counts.resumes} resumes of {counts.runs} runs")
    print(f"different from a run left alone: {', '.join(differing) or 'nothing'}")
    if arguments.json:
        print(json.dumps(asdict(counts) | {"identical": not differing, "different": differing}))


def make_data(folder: Path) -> Path:
    """Four images of a disc each: two to train, one to validate, one to test."""
    rows, columns = np.mgrid[:64, :64]
    for inner in ("images", "masks"):
        (folder / inner).mkdir(parents=True)
    for number in range(4):
        rng = np.random.default_rng(number)
        disc = (rows - rng.integers(20, 44)) ** 2 + (columns - rng.integers(20, 44)) ** 2 <= 144
        pixels = (40 + 120 * disc + rng.normal(0, 5, disc.shape)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
        Image.fromarray(disc.astype(np.uint8) * 255).save(folder / "masks" / f"{number}.png")
    parts = {"train": ["0", "1"], "val": ["2"], "test": ["3"]}
    (folder / "splits.json").write_text(json.dumps(parts))
    return folder


def kill_and_compare(
    data: Path, whole: dict[str, Path], kills: int, seed: int, seconds: float
) -> tuple[Counts, list[str]]:
    """Kill and resume runs until there were enough kills; gives what differs at their ends."""
    rng, differing = np.random.default_rng(seed), []
    runs = killed = resumes = 0
    while killed < kills:
        strategy = list(whole)[runs % len(whole)]
        out = data.parent / f"killed_{runs}"
        while True:
            kill = draw_kill(rng, seconds) if killed < kills else Kill()
            resumes += out.exists()
            if (status := attempt(data, out, strategy, kill)) == 0:
                break
            if status != -signal.SIGKILL:
                raise SystemExit(f"a process ended with {status}, and not because it was killed")
            killed += 1
        runs += 1
        differing += [f"{strategy}: {what}" for what in differences(out, whole[strategy])]
    return Counts(runs, killed, resumes), differing


def draw_kill(rng: np.random.Generator, seconds: float) -> Kill:
    """A random moment of a run that takes so many seconds."""
    if rng.random() < 0.5:
        return Kill(seconds=float(rng.uniform(0, seconds)))
    return Kill(write=int(rng.integers(1, WRITES)), half=bool(rng.random() < 0.5))


def attempt(data: Path, out: Path, strategy: str, kill: Kill) -> int:
    """Start or resume a run in a process of its own; gives its exit code, -9 if it was killed."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            arm(kill)
            settings = [f"strategy.name={strategy}", *SETTINGS]
            pipeline.run("images", data, out=out, settings=settings, resume=out.exists())
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def arm(kill: Kill) -> None:
    """Make this process kill itself at the moment given."""
    if kill.seconds is not None:
        timer = threading.Timer(kill.seconds, os.kill, (os.getpid(), signal.SIGKILL))
        timer.daemon = True
        timer.start()
    rename, written = Path.replace, 0

    def replace(self: Path, target: Path) -> Path:
        nonlocal written
        written += 1
        if written == kill.write and kill.half:
            os.truncate(self, self.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        result = rename(self, target)
        if written == kill.write:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    Path.replace = replace  # type: ignore[method-assign]


def differences(got: Path, expected: Path) -> list[str]:
    """Names of what is not the same in two run directories, wall times apart."""
    different = [
        name
        for name in ("model.safetensors", "metrics.json", "card.json", "split.json", "recipe.yaml")
        if (got / name).read_bytes() != (expected / name).read_bytes()
    ]
    different += [what.__name__ for what in (files, log, curves) if what(got) != what(expected)]
    states = [comparable(asdict(load_state(run / "state"))) for run in (got, expected)]
    return different + (["state"] if states[0] != states[1] else [])


def files(run: Path) -> set[str]:
    """Every file but TensorBoard's, whose names have the time in them."""
    paths = (path for path in run.rglob("*") if "tfevents" not in path.name)
    return {path.relative_to(run).as_posix() for path in paths}


def log(run: Path) -> list[dict[str, object]]:
    """The lines of the log without wall times."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    return [{key: value for key, value in line.items() if key not in WALL_TIMES} for line in lines]


def curves(run: Path) -> dict[str, list[tuple[int, float]]]:
    """TensorBoard's curves, but of wall times: steps and values."""
    board = EventAccumulator(str(run / "tensorboard"))
    board.Reload()
    tags = set(board.Tags()["scalars"]) - WALL_TIMES
    return {tag: [(event.step, event.value) for event in board.Scalars(tag)] for tag in tags}


def comparable(value: object) -> object:
    """A state in which tensors are bytes and there are no wall times."""
    if isinstance(value, torch.Tensor):
        return value.numpy().tobytes()
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items() if key not in WALL_TIMES}
    if isinstance(value, list | tuple):
        return [comparable(item) for item in value]
    return value


if __name__ == "__main__":
    main()
