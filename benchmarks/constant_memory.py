"""Peak memory of audit, training and evaluation: 100 and 10,000 images, 50 and 1,000 slices.

python benchmarks/constant_memory.py --json

Each phase is a process of its own, which has imported all that a run needs; its largest resident
set is taken.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image as PillowImage
from segment_anything.modeling import Sam

from samdomains.chain import Domain, select_domain
from samdomains.checking import check_cases, require_no_errors
from samdomains.data.parts import in_parts
from samdomains.errors import TrainingInterrupted
from samdomains.evaluation.baselines import BoxEllipse
from samdomains.evaluation.results import summarize
from samdomains.evaluation.scorer import Asked, score
from samdomains.protocols import PromptSampler
from samdomains.recipe import Recipe
from samdomains.run_directory import RunDirectory
from samdomains.sam.checkpoints import load_base
from samdomains.sam.segmenter import SamSegmenter
from samdomains.training.engine import train
from samdomains.training.task import Task
from samdomains.types import Case, Logits, Mask, Prompts, StrategyChoice

IMAGES = (100, 10_000)
SLICES = (50, 1_000)
SIDE = 64
"""Of the images."""

VOLUME_SIDE = 128
"""Of the slices."""

VALIDATED = 10
"""Images or slices that training validates on."""

PROMPTED = 20
"""Objects that are prompted in training before it is stopped, as Ctrl-C stops it."""

SCORED = 20
"""Images or slices that are scored by the model; all others by the ellipse alone."""

SETTINGS = (
    "data.minimum_area=4",
    "evaluation.prompts=[box]",
    "prompts.corrections=0",
    "strategy.name=full",
    "training.objects_per_image=1",
)
"""Light steps, beside which what the data takes would show."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phase", choices=PHASES, help="run one phase in this process")
    parser.add_argument("--domain")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.phase:
        PHASES[arguments.phase](arguments.domain, arguments.data)
        print(json.dumps(peak_bytes()))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few, many = (write_images(folder / f"images{n}", n) for n in IMAGES)
        flat, deep = (write_volume(folder / f"slices{n}", n) for n in SLICES)
        images = compared("microscopy", few, many)
        slices = compared("ct", flat, deep)
    result = {
        "images_growth": round(max(after / before for before, after in images.values()), 3),
        "slices_growth": round(max(after / before for before, after in slices.values()), 3),
        "bytes_an_image": round(
            max(after - before for before, after in images.values()) / (IMAGES[1] - IMAGES[0])
        ),
    }
    print(", ".join(f"{name} {value}" for name, value in result.items()))
    if arguments.json:
        print(json.dumps(result))


def write_images(folder: Path, count: int) -> Path:
    """Small pictures, all different, with three instances each; equal masks are one file."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
    for value, (y, x) in enumerate([(4, 6), (10, 40), (38, 20)], start=1):
        mask[y : y + 14, x : x + 18] = value
    first = folder / "masks" / "0.png"
    PillowImage.fromarray(mask).save(first)
    for index in range(count):
        noise = rng.integers(0, 60, (SIDE, SIDE), dtype=np.uint8)
        picture = PillowImage.fromarray(noise + 150 * (mask > 0).astype(np.uint8))
        picture.save(folder / "images" / f"{index}.png", compress_level=1)
        if index:
            os.link(first, folder / "masks" / f"{index}.png")
    return folder


def write_volume(folder: Path, slices: int) -> Path:
    """A volume with a tube of two structures through all its slices."""
    rng = np.random.default_rng(0)
    labels = np.zeros((VOLUME_SIDE, VOLUME_SIDE, slices), dtype=np.int16)
    labels[30:60, 40:80] = 1
    labels[70:100, 30:90] = 2
    voxels = rng.integers(-900, 900, labels.shape, dtype=np.int16)
    voxels += 300 * labels
    for name, array in (("images", voxels), ("labels", labels)):
        (folder / name).mkdir(parents=True)
        image = nibabel.Nifti1Image(array, np.diag([1.0, 1.0, 2.0, 1.0]))
        nibabel.save(image, folder / name / "scan.nii.gz")
    return folder


def compared(domain: str, small: Path, large: Path) -> dict[str, tuple[int, int]]:
    """Phase → peak on each of the two data sets."""
    peaks = {}
    for phase in PHASES:
        before, after = (peak_of(phase, domain, data) for data in (small, large))
        peaks[phase] = before, after
        megabytes = f"{before / 2**20:.0f} -> {after / 2**20:.0f} MiB"
        print(f"{phase:9} {small.name} -> {large.name}: {megabytes}, {after / before:.3f}")
    return peaks


def peak_of(phase: str, domain: str, data: Path) -> int:
    """Peak memory of one phase in a process of its own."""
    command = [sys.executable, __file__, "--phase", phase, "--domain", domain, "--data", str(data)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return int(json.loads(done.stdout.splitlines()[-1]))


def peak_bytes() -> int:
    """Largest resident set of this process."""
    scale = 1 if sys.platform == "darwin" else 2**10
    return scale * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def listed(domain: str, data: Path) -> tuple[Domain, Recipe, tuple[Case, ...]]:
    """The domain, its recipe, and the images or slices of the data."""
    selected = select_domain(domain)
    recipe = selected.resolve_recipe(settings=SETTINGS).recipe
    return selected, recipe, in_parts(selected.load_cases(data, recipe), recipe.scene)


def audit(domain: str, data: Path) -> None:
    """List and check all cases."""
    _, recipe, cases = listed(domain, data)
    require_no_errors(check_cases(cases, recipe), data)


class Interrupting:
    """Prompts some objects, and then stops the process as Ctrl-C does."""

    def __init__(self, sampler: PromptSampler) -> None:
        self.sampler, self.prompted = sampler, 0

    def __call__(self, mask: Mask, rng: np.random.Generator, previous: Logits | None) -> Prompts:
        """As the sampler."""
        self.prompted += 1
        if self.prompted == PROMPTED:
            os.kill(os.getpid(), signal.SIGINT)
        return self.sampler(mask, rng, previous)


def forget(_sam: Sam) -> None:
    """Keep no weights."""


def training(domain: str, data: Path) -> None:
    """List the objects of all cases, validate some, and train in full for some steps."""
    selected, recipe, cases = listed(domain, data)
    with tempfile.TemporaryDirectory() as folder:
        task = Task(
            sam=load_base("tiny", None).sam,
            train=cases,
            val=cases[:VALIDATED],
            normalizer=selected.normalize_intensity(recipe),
            sampler=Interrupting(selected.sample_prompts(recipe)),
            recipe=recipe,
            choice=StrategyChoice("full", 1, "no", ()),
            directory=RunDirectory(Path(folder)),
            save_best=forget,
        )
        try:
            train(task)
        except TrainingInterrupted:
            return
        sys.exit("training was over before it was stopped")


def evaluation(domain: str, data: Path) -> None:
    """Score all cases with the ellipse, and some with the model too."""
    selected, recipe, cases = listed(domain, data)
    normalizer = selected.normalize_intensity(recipe)
    model = SamSegmenter.of(load_base("tiny", None).sam, recipe.model)
    parts = (
        ({"zero_shot": model, "box_ellipse": BoxEllipse()}, cases[:SCORED]),
        ({"box_ellipse": BoxEllipse()}, cases[SCORED:]),
    )
    scores = [
        one
        for systems, part in parts
        for one in score(
            systems, part, normalizer=normalizer, asked=Asked(("box",), minimum_area=4)
        ).objects
    ]
    summarize(scores, resamples=1000, seed=0, cases=len(cases))


PHASES = {"audit": audit, "training": training, "evaluate": evaluation}

if __name__ == "__main__":
    main()
