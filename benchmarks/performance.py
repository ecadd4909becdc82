"""Run the benchmarks of the engine and write docs/performance.md anew.

python benchmarks/performance.py                    # all of them: half an hour on two CPU cores
python benchmarks/performance.py attention kill_and_resume
python benchmarks/performance.py --page-only        # from the figures that are kept

The figures of each script are kept in benchmarks/results/performance.json with the machine that
they are from; those of the scripts that are not named stay. Let nothing else run meanwhile.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch

BENCHMARKS = Path(__file__).parent
KEPT = BENCHMARKS / "results" / "performance.json"
PAGE = BENCHMARKS.parent / "docs" / "performance.md"


@dataclass(frozen=True)
class Figure:
    """One line of a table.

    Attributes:
        key: In the script's JSON.
        meaning: What it is, for people.
        target: What was aimed at.
        shown: How a value is written.
    """

    key: str
    meaning: str
    target: str
    shown: Callable[[Any], str]


@dataclass(frozen=True)
class Benchmark:
    """One script and what it measures.

    Attributes:
        script: Its name without suffix.
        title: Of its section.
        about: What is compared, in a sentence or two.
        figures: The lines of its table.
    """

    script: str
    title: str
    about: str
    figures: tuple[Figure, ...]


def times(value: float) -> str:
    return f"{value:.2f} times"


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def small(value: float) -> str:
    return f"{value:.1g}"


def plain(value: object) -> str:
    return "yes" if value is True else "no" if value is False else f"{value:,}"


ALL = (
    Benchmark(
        "attention",
        "Exact fast attention",
        "The image encoder of ViT-B at 1024 pixels, float32, one image: samdomains beside the "
        "module of `segment-anything` and the one of `transformers` (sdpa), same weights. The "
        "training step is forward and backward of the encoder with all of it trained.",
        (
            Figure("speedup_vs_segment_anything", "forward, to `segment-anything`", "1.75", times),
            Figure("speedup_vs_transformers_sdpa", "forward, to `transformers`", "1.25", times),
            Figure("relative_error", "largest difference of the answers", "below 1e-5", small),
            Figure("training_memory_ratio", "peak memory of a training step", "0.33", times),
            Figure("training_speedup", "training step, to `segment-anything`", "1", times),
        ),
    ),
    Benchmark(
        "embedding_cache",
        "Embeddings once",
        "Decoder tuning of ViT-B: an epoch of samdomains beside an epoch of the loop that people "
        "write with `segment-anything`, which runs the encoder every time. Same images and boxes.",
        (
            Figure("epoch_speedup", "from the second epoch on, one object an image", "30", times),
            Figure("epoch_speedup_8_objects", "the same with eight objects", "", times),
            Figure("first_epoch_ratio", "time of the first epoch", "1", times),
            Figure("bytes_an_image", "bytes kept for an image", "", plain),
        ),
    ),
    Benchmark(
        "training_memory",
        "Fits the machine",
        "Peak memory of training as the probe predicts it, beside what is then measured, the model "
        "itself not counted, with four objects an image. Batches that are taken at once are "
        "predicted well; the prediction for divided ones is too low, which is not explained yet.",
        (Figure("largest_error", "largest error of the prediction", "15 %", percent),),
    ),
    Benchmark(
        "scale_out",
        "Scales out",
        "`tiny` tuned in full, and a folder segmented without prompts, on two processes with a "
        "core each beside one process with one core.",
        (
            Figure("training_speedup", "an epoch", "", times),
            Figure("largest_loss_difference", "largest difference of a loss", "", small),
            Figure("largest_validation_difference", "largest difference in Dice", "", small),
            Figure("segment_speedup", "segmenting, start-up included", "", times),
            Figure("same_masks", "same masks", "yes", plain),
        ),
    ),
    Benchmark(
        "kill_and_resume",
        "Exact resume",
        "Small runs killed with SIGKILL at random moments and in the middle of files, resumed, and "
        "compared bit by bit with runs left alone: weights, scores, log, state.",
        (
            Figure("kills", "kills", "", plain),
            Figure("identical", "identical", "yes", plain),
        ),
    ),
    Benchmark(
        "constant_memory",
        "Memory constant in the data",
        "Peak memory of the audit, of training and of evaluation: 10,000 images beside 100, and a "
        "volume of 1,000 slices beside one of 50. How long steps wait for images is in "
        "[data loading](../benchmarks/data_loading.md).",
        (
            Figure("images_growth", "10,000 images to 100", "1.10", times),
            Figure("slices_growth", "1,000 slices to 50", "1.10", times),
        ),
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [benchmark.script for benchmark in ALL]
    parser.add_argument("scripts", nargs="*", metavar="SCRIPT", help=", ".join(names))
    parser.add_argument("--page-only", action="store_true")
    arguments = parser.parse_args()
    unknown = set(arguments.scripts) - set(names)
    if unknown:
        parser.error(f"no benchmark {sorted(unknown)[0]}; there are {', '.join(names)}")
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    for name in [] if arguments.page_only else arguments.scripts or names:
        kept[name] = {"figures": run(name), "machine": machine(), "date": today()}
        KEPT.parent.mkdir(exist_ok=True)
        KEPT.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    PAGE.write_text(page(kept), encoding="utf-8")


def run(name: str) -> dict[str, Any]:
    """Run one script; what it says goes through, its last line is its figures."""
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print(done.stdout)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def machine() -> str:
    """What the figures depend on."""
    memory = f"{psutil.virtual_memory().total / 2**30:.0f} GiB"
    device = f"{psutil.cpu_count()} CPU cores ({processor()}), {memory}"
    if torch.cuda.is_available():
        device += f", {torch.cuda.get_device_name()}"
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("torch",)]
    return f"{device}, Python {platform.python_version()}, {', '.join(versions)}"


def processor() -> str:
    """The processor's name, where the system tells."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf-8").splitlines() if described.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def today() -> str:
    return datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat()


def page(kept: Mapping[str, Mapping[str, Any]]) -> str:
    """The whole page, as Markdown."""
    parts = [
        "# Performance",
        "Written by `python benchmarks/performance.py` from what it measured; do not edit it. Each "
        "figure is a ratio to what it is compared with, both measured in one run.",
    ]
    for benchmark in ALL:
        parts += [f"## {benchmark.title}", benchmark.about]
        if benchmark.script in kept:
            parts += section(benchmark, kept[benchmark.script])
        else:
            parts.append(f"Not measured yet: `python benchmarks/{benchmark.script}.py`.")
    parts += [
        "## On a GPU",
        "Not measured: no machine with one was at hand. `python benchmarks/attention.py` measures "
        "images and training steps a second and peak memory in bf16 where it finds one.",
    ]
    return "\n\n".join(parts) + "\n"


def section(benchmark: Benchmark, result: Mapping[str, Any]) -> list[str]:
    rows = ["| figure | measured | aimed at |", "|---|---|---|"]
    for figure in benchmark.figures:
        if figure.key in result["figures"]:
            shown = figure.shown(result["figures"][figure.key])
            rows.append(f"| {figure.meaning} | {shown} | {figure.target} |")
    if "rows" in result["figures"]:
        rows += ["", *memory_table(result["figures"]["rows"])]
    source = f"`python benchmarks/{benchmark.script}.py --json`, {result['date']}"
    return ["\n".join(rows), f"{source}, {result['machine']}."]


def memory_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines of the table of predicted and measured memory."""
    lines = ["| model, strategy, batch, images at once | predicted | measured | error |"]
    lines.append("|---|---|---|---|")
    for row in rows:
        model, strategy, numbers = row["row"].split()
        batch, at_once = numbers.split(",")
        sizes = " | ".join(f"{row[name] / 1e9:.2f} GB" for name in ("predicted", "measured"))
        lines.append(f"| {model}, {strategy}, {batch}, {at_once} | {sizes} | {row['error']:+.1%} |")
    return lines


if __name__ == "__main__":
    main()
