"""Share of an epoch in which steps wait for images: loaded in between, and as ``auto`` chooses.

python benchmarks/data_loading.py --json

``tiny`` is tuned in full on generated images: PNGs of 256 pixels, and TIFFs of 3000 pixels in
16 bits with zlib. One thread computes, so that a core is left. ``auto`` loads the first steps in
between, so one training gives both figures; the steps that start workers count for neither. An
epoch is as many steps as ``auto`` measures.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
import tifffile
import torch
from PIL import Image

from samdomains.chain import select_domain
from samdomains.data.parts import in_parts
from samdomains.sam.checkpoints import load_base
from samdomains.sam.frame import Frame
from samdomains.training.batches import EpochBatches
from samdomains.training.dataset import ViewDataset, list_views
from samdomains.training.loading import MEASURED_STEPS, Keys, SampleLoader
from samdomains.training.prompted_loss import PromptedLoss

BATCH, OBJECTS = 2, 8
FILES = 4
"""Images on disk; an epoch shows each several times, but never one twice in a row."""

LONG_TRAINING = 10_000
"""Steps, so that workers are worth their start where training waits."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results: dict[str, dict[str, float]] = {}
    for name, side in (("png_256", 256), ("tiff_3000", 3000)):
        with tempfile.TemporaryDirectory() as folder:
            write_images(Path(folder), side)
            results |= {f"{name}/{how}": figures for how, figures in measure(Path(folder)).items()}
    print("| images | workers | waiting | seconds an epoch |")
    print("|---|---|---|---|")
    for setting, figures in results.items():
        share, seconds = figures["waiting_share"], figures["epoch_seconds"]
        print(f"| {setting.replace('/', ' | ')} | {share:.1%} | {seconds:.1f} |")
    if arguments.json:
        print(json.dumps(results))


def write_images(folder: Path, side: int) -> None:
    """Noise with a dozen brighter discs, and a mask in which each has its number."""
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    for number in range(FILES):
        rng = np.random.default_rng(number)
        labels, pixels = np.zeros((side, side), np.uint16), rng.normal(200, 20, (side, side))
        for label in range(1, 13):
            radius = int(rng.integers(12, 30))
            y, x = rng.integers(radius, side - radius, 2)
            place = np.s_[y - radius : y + radius, x - radius : x + radius]
            rows, columns = np.mgrid[-radius:radius, -radius:radius]
            inside = rows**2 + columns**2 <= radius**2
            labels[place][inside] = label
            pixels[place][inside] += rng.uniform(100, 400)
        if side > 256:
            stored = np.clip(20 * pixels, 0, 65535).astype(np.uint16)
            tifffile.imwrite(folder / "images" / f"{number}.tif", stored, compression="zlib")
        else:
            stored = np.clip(pixels / 3, 0, 255).astype(np.uint8)
            Image.fromarray(stored).save(folder / "images" / f"{number}.png")
        Image.fromarray(labels).save(folder / "masks" / f"{number}.png")


def measure(folder: Path) -> dict[str, dict[str, float]]:
    """Name of the setting → share of waiting, and seconds of an epoch."""
    domain = select_domain("images")
    recipe = domain.resolve_recipe(settings=["data.masks=instances"]).recipe
    sam = load_base("tiny", None).sam
    cases = in_parts(domain.load_cases(folder, recipe)) * (MEASURED_STEPS * BATCH // FILES)
    frame = Frame.of(sam, (1, 1))
    dataset = ViewDataset(
        cases,
        list_views(cases, recipe.model, minimum_area=4),
        domain.normalize_intensity(recipe),
        partial(Frame, side=frame.side, mask_side=frame.mask_side),
        objects_per_image=OBJECTS,
        augmentation=recipe.augmentation,
    )
    module = PromptedLoss(sam, domain.sample_prompts(recipe), recipe).train()
    optimizer = torch.optim.AdamW(module.parameters(), 1e-5)
    first, second = (list(EpochBatches(dataset.views, BATCH, 0, epoch)) for epoch in range(2))
    with SampleLoader(dataset, "auto", steps=LONG_TRAINING, device=torch.device("cpu")) as loader:
        train = partial(timed_epoch, loader, module, optimizer)
        train(first[:1])
        in_between = train(first)
        train(second[:2])
        chosen = train(second)
        return {"0": in_between, f"auto ({loader.workers})": chosen}


def timed_epoch(
    loader: SampleLoader,
    module: PromptedLoss,
    optimizer: torch.optim.Optimizer,
    batches: Iterable[Keys],
) -> dict[str, float]:
    """Train on the batches, with one round of corrections."""
    started, waited = time.monotonic(), loader.waited
    for samples in loader.epoch(batches):
        optimizer.zero_grad()
        module(samples, None, 1).backward()
        optimizer.step()
    seconds = time.monotonic() - started
    share = (loader.waited - waited) / seconds
    return {"waiting_share": round(share, 4), "epoch_seconds": round(seconds, 2)}


if __name__ == "__main__":
    main()
