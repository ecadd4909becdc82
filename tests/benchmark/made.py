"""Results of cells without running any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from samdomains.benchmark.matrix import Cell, CellKind, CellResult
from samdomains.benchmark.suites import Images

CASES = [f"image{index}" for index in range(8)]
GROUPS = {case: f"patient{index // 2}" for index, case in enumerate(CASES)}
ABOUT = {
    "title": "Nuclei",
    "source": "a shelf",
    "licence": "CC0",
    "split": "its own",
    "sha256": "ab" * 32,
}


def by_case(mean: float) -> dict[str, float]:
    """Values of the cases, always the same around a mean."""
    spread = np.random.default_rng(0).normal(0, 0.02, len(CASES))
    return {case: mean + float(offset) for case, offset in zip(CASES, spread, strict=True)}


def result(
    kind: CellKind,
    dice: Mapping[str, float],
    *,
    model: str = "tiny",
    images: Images = "all",
    seed: int = 0,
    data: str = "nuclei",
    prompts: Sequence[str] = ("box",),
) -> CellResult:
    """A cell whose systems have these mean Dice values, whatever the prompt."""
    cell = Cell(data, kind, model, images, seed)
    values = {
        system: {prompt: by_case(mean) for prompt in prompts if system != "box_ellipse"}
        or {"box": by_case(mean)}
        for system, mean in dice.items()
    }
    trained = 20 if images == "all" else int(images)
    return CellResult(
        cell,
        "f" * 64,
        ABOUT,
        images={"train": trained, "val": 2, "test": len(CASES)},
        seconds={} if kind == "untuned" else {"tune": 30.0 + seed},
        values={"dice": values, "iou": values, "hd95_px": values},
        groups=GROUPS,
        metrics={},
    )


def results() -> list[CellResult]:
    """A data set with all systems at 5 and at all images."""
    return [
        result("untuned", {"zero_shot": 0.7, "box_ellipse": 0.6}),
        result("decoder", {"tuned": 0.75}, images=5),
        result("unet", {"unet": 0.4}, model="", images=5),
        result("decoder", {"tuned": 0.8}),
        result("unet", {"unet": 0.85}, model=""),
    ]
