"""Epochs of tuning SAM's decoder beside a frozen encoder: the plain loop, and ``train``.

python benchmarks/embedding_cache.py --json

The plain loop is the one that people write with ``segment_anything``: in each epoch it encodes
each image without gradients, prompts with the boxes, and takes a step of AdamW on Dice and
cross-entropy. Ours is ``samdomains.training.engine.train`` as a run calls it. Both have the same
random weights, images and boxes, in float32, with one image a step. Our epochs include the
validation of one image, which has one object; the plain loop's do none.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from monai.losses import DiceCELoss
from segment_anything import sam_model_registry
from segment_anything.modeling import Sam
from segment_anything.utils.transforms import ResizeLongestSide
from torch.nn import functional

from samdomains.prompts.sampler import PromptMix
from samdomains.recipe import EvaluationRecipe, ModelRecipe, PromptRecipe, Recipe, TrainingRecipe
from samdomains.run_directory import RunDirectory
from samdomains.sam.cached_encoder import CachedEncoder
from samdomains.sam.embedding_cache import EmbeddingCache
from samdomains.sam.models import build_architecture
from samdomains.training.engine import train
from samdomains.training.task import Task
from samdomains.types import Case, CaseStatistics, Image, ObjectMask, RawImage, StrategyChoice

SIDES = (1024, 640, 256)
"""Sides of the generated images in pixels; SAM sees each at 1,024."""

LEARNING_RATE = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A reader of something in memory."""

    value: object

    def __call__(self) -> object:
        """What is held."""
        return self.value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--objects",
        type=int,
        default=1,
        choices=range(1, 9),
        metavar="N",
        help="labelled in an image; 8 are shown beside it",
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    torch.manual_seed(0)
    weights = build_architecture("vit_b").state_dict()
    few, many = ([make_case(side, count) for side in SIDES] for count in (arguments.objects, 8))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        cache = EmbeddingCache(root / "embeddings")
        ours = our_epochs(weights, few, root / "few", cache, epochs=3)
        # Their embeddings are known, so that the first of these is already a later epoch.
        ours_many = our_epochs(weights, many, root / "many", cache, epochs=2)
        kept = [path.stat().st_size for path in cache.root.rglob("*") if path.is_file()]
    plain, plain_many = plain_epochs(weights, few, 2), plain_epochs(weights, many, 1)
    rows = {
        f"{arguments.objects} an image, first epoch": (plain[0], ours[0]),
        f"{arguments.objects} an image, later epochs": (plain[1], min(ours[1:])),
        "8 an image, later epochs": (plain_many[0], min(ours_many)),
    }
    print("| objects | plain loop | samdomains | times faster |\n|---|---|---|---|")
    for label, (theirs, own) in rows.items():
        print(f"| {label} | {theirs:.1f} s | {own:.2f} s | {theirs / own:.1f} |")
    values = {
        "epoch_speedup": plain[1] / min(ours[1:]),
        "first_epoch_ratio": ours[0] / plain[0],
        "epoch_speedup_8_objects": plain_many[0] / min(ours_many),
        "bytes_an_image": max(kept),
    }
    if arguments.json:
        print(json.dumps(values))


def make_case(side: int, objects: int) -> Case:
    """A noisy image with bright squares, the first ``objects`` of them labelled."""
    rng = np.random.default_rng(side)
    masks = []
    for _ in range(8):
        half = int(rng.integers(side // 16, side // 6))
        y, x = rng.integers(half, side - half, 2)
        mask = np.zeros((side, side), dtype=bool)
        mask[y - half : y + half, x - half : x + half] = True
        masks.append(mask)
    pixels = 40 + 120 * np.any(masks, axis=0) + rng.normal(0, 5, (side, side))
    return Case(
        id=f"{side}",
        group=f"{side}",
        read_pixels=Held(pixels.astype(np.uint8)[None]),  # type: ignore[arg-type]
        read_objects=Held(tuple(map(ObjectMask.from_mask, masks[:objects]))),  # type: ignore[arg-type]
        classes={1: "square"},
    )


def grey(pixels: RawImage, _: CaseStatistics) -> Image:
    """(1, H, W) uint8 → (3, H, W) in [0, 1]."""
    return np.repeat(pixels.astype(np.float32) / 255, 3, axis=0)


def our_epochs(
    weights: dict[str, torch.Tensor],
    cases: Sequence[Case],
    out: Path,
    cache: EmbeddingCache,
    *,
    epochs: int,
) -> list[float]:
    """Seconds of each epoch, with its validation."""
    sam = build_architecture("vit_b")
    sam.load_state_dict(weights)
    objects = len(cases[0].read_objects()) if cases[0].read_objects else 0
    recipe = Recipe(
        prompts=PromptRecipe(box=1, point=0, mask=0, corrections=0),
        model=ModelRecipe(name="vit_b"),
        training=TrainingRecipe(
            epochs=epochs,
            objects_per_image=objects,
            learning_rate=LEARNING_RATE,
            embedding_precision="full",
            patience=None,
            mixtures=(),
        ),
        evaluation=EvaluationRecipe(prompts=("box",)),
    )
    task = Task(
        sam=sam,
        train=cases,
        val=[make_case(200, 1)],
        normalizer=grey,
        sampler=PromptMix(recipe.prompts),
        recipe=recipe,
        choice=StrategyChoice("decoder", 1, "no", ("as asked",)),
        directory=RunDirectory(out),
        save_best=lambda _: None,
        encoder=CachedEncoder(sam, cache),
    )
    return [record.seconds for record in train(task).history]


def plain_epochs(
    weights: dict[str, torch.Tensor], cases: Sequence[Case], epochs: int
) -> list[float]:
    """Seconds of each epoch of the plain loop."""
    sam = sam_model_registry["vit_b"]()
    sam.load_state_dict(weights)
    optimizer = torch.optim.AdamW(sam.mask_decoder.parameters(), lr=LEARNING_RATE)
    loss_of = DiceCELoss(sigmoid=True, squared_pred=True)
    seconds = []
    for _ in range(epochs):
        started = time.monotonic()
        for case in cases:
            optimizer.zero_grad()
            loss_of(*plain_answer(sam, case)).backward()
            optimizer.step()
        seconds.append(time.monotonic() - started)
    return seconds


def plain_answer(sam: Sam, case: Case) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, 1, 256, 256) logits for a case's boxes, and their targets."""
    pixels = np.repeat(case.read_pixels()[0][..., None], 3, axis=2)
    objects = case.read_objects() if case.read_objects else ()
    resize = ResizeLongestSide(sam.image_encoder.img_size)
    picture = torch.from_numpy(resize.apply_image(pixels)).permute(2, 0, 1)[None]
    boxes = resize.apply_boxes(np.stack([item.box for item in objects]), pixels.shape[:2])
    masks = torch.from_numpy(np.stack([item.mask() for item in objects]))
    with torch.no_grad():
        embedding = sam.image_encoder(sam.preprocess(picture))
        sparse, dense = sam.prompt_encoder(
            points=None, boxes=torch.from_numpy(boxes).float(), masks=None
        )
    logits, _ = sam.mask_decoder(
        image_embeddings=embedding,
        image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=False,
    )
    return logits, functional.interpolate(masks[:, None].float(), (256, 256))


if __name__ == "__main__":
    main()
