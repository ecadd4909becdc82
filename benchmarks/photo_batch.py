"""A folder of product photos to cut-outs without a human: time, memory, what is for review.

python benchmarks/photo_batch.py --photos 1000 [--model runs/products]
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from samdomains_products.demo import BACKDROPS, studio_shot
from samdomains_products.demo_shapes import SHAPES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--model", default="tiny")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        photos, out = Path(name) / "photos", Path(name) / "out"
        opacity = make_photos(photos, arguments.photos)
        (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff")
        command = [sys.executable, "-m", "samdomains.cli.main", "segment", "products", str(photos)]
        command += ["--model", arguments.model, "--out", str(out), "--auto"]
        started = time.monotonic()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - started
        scale = 2**20 if sys.platform == "darwin" else 2**10
        code = os.waitstatus_to_exitcode(status)
        print(f"{arguments.photos} photos and a broken one: {seconds:.0f} s, exit code {code}")
        print(f"{seconds / arguments.photos:.2f} s a photo, peak {usage.ru_maxrss / scale:.0f} MiB")
        report(out, opacity)


def make_photos(folder: Path, count: int) -> dict[str, np.ndarray]:
    """Write the photos; id → opacity of the product, (H, W) in [0, 1], in 8 bits."""
    folder.mkdir()
    opacity, kinds = {}, list(SHAPES)
    for number in range(count):
        rng = np.random.default_rng([1, number])
        backdrop = BACKDROPS[number % len(BACKDROPS)]
        picture, alpha = studio_shot(rng, kinds[number % len(kinds)], backdrop)
        PillowImage.fromarray(picture).save(folder / f"{number:04d}.jpg", quality=90)
        opacity[f"{number:04d}"] = np.rint(255 * alpha).astype(np.uint8)
    return opacity


def report(out: Path, opacity: dict[str, np.ndarray]) -> None:
    """What the manifest says, and how good the cut-outs are that it lets pass or not."""
    lines = (out / "manifest.csv").read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(lines))
    print("status:", dict(Counter(row["status"] for row in rows)))
    reasons = Counter(
        reason.split(" is below")[0].rstrip("0123456789.").strip()
        for row in rows
        if row["status"] == "done"
        for reason in row["review"].split("; ")
        if reason
    )
    print("for review:", dict(reasons))
    errors: dict[bool, list[float]] = {True: [], False: []}
    for row in rows:
        if row["status"] == "done":
            with PillowImage.open(out / f"{row['image']}.png") as cutout:
                alpha = np.asarray(cutout)[..., 3].astype(float)
            difference = np.abs(alpha - opacity[row["image"]]).mean() / 255
            errors[bool(row["review"])].append(float(difference))
    for reviewed, values in errors.items():
        if values:
            bad = np.mean(np.array(values) > 0.02)
            name = "for review" if reviewed else "let pass"
            print(
                f"{name}: {len(values)} photos, mean opacity error {np.mean(values):.4f}, "
                f"{bad:.1%} of them off by more than 2 % of the picture"
            )


if __name__ == "__main__":
    main()
