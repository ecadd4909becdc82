"""The part of ``attention.py`` for a CUDA GPU: ViT-B in bf16, with and without our encoder."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from segment_anything.modeling import ImageEncoderViT, Sam
from torch import Tensor

from samdomains.recipe import StrategyRecipe
from samdomains.sam.decode import decode
from samdomains.sam.encoder import ImageEncoder
from samdomains.sam.models import build_architecture
from samdomains.sam.strategies import apply_strategy
from samdomains.types import Prompts, StrategyName

SECONDS = 3.0
STRATEGIES: tuple[StrategyName, ...] = ("decoder", "lora", "full")


def measure_cuda(state: dict[str, Tensor]) -> dict[str, float]:
    """Prints and returns images and training steps a second, and GiB at the peak, batch 1."""
    result: dict[str, float] = {}
    images = torch.randn(1, 3, 1024, 1024, device="cuda")
    for name, kind in (("segment_anything", ImageEncoderViT), ("ours", ImageEncoder)):
        encoder = _sam(kind, state).image_encoder
        with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16):
            result[f"images_per_second/{name}"] = _rate(lambda e=encoder: e(images))
        for strategy in STRATEGIES:
            sam = _sam(kind, state)
            apply_strategy(sam, StrategyRecipe(), strategy)
            sam.image_encoder.checkpointing = strategy != "decoder"
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            result[f"steps_per_second/{strategy}/{name}"] = _rate(_step(sam, images, strategy))
            result[f"peak_gib/{strategy}/{name}"] = torch.cuda.max_memory_allocated() / 2**30
    for name, value in result.items():
        print(f"{name:42} {value:8.2f}")
    return result


def _sam(kind: type[ImageEncoderViT], state: dict[str, Tensor]) -> Sam:
    sam = build_architecture("vit_b")
    sam.image_encoder.__class__ = kind
    sam.image_encoder.load_state_dict(state)
    return sam.cuda()


def _step(sam: Sam, images: Tensor, strategy: StrategyName) -> Callable[[], None]:
    """One optimiser step on one box; tuning the decoder alone starts from a known embedding."""
    optimizer = torch.optim.AdamW([p for p in sam.parameters() if p.requires_grad], lr=1e-5)
    prompts = [Prompts(box=np.array([100, 100, 600, 600], dtype=np.float32))]
    first = torch.zeros(1, dtype=torch.long, device=images.device)
    with torch.no_grad(), torch.autocast("cuda", torch.bfloat16):
        known = sam.image_encoder(images) if strategy == "decoder" else None

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cuda", torch.bfloat16):
            embedding = sam.image_encoder(images) if known is None else known
            logits, iou = decode(sam, embedding, first, prompts)
        (logits.float().square().mean() + iou.float().square().mean()).backward()
        optimizer.step()

    return step


def _rate(work: Callable[[], object]) -> float:
    """Calls a second, after three that do not count."""
    for _ in range(3):
        work()
    torch.cuda.synchronize()
    started, calls = time.monotonic(), 0
    while time.monotonic() - started < SECONDS:
        work()
        torch.cuda.synchronize()
        calls += 1
    return calls / (time.monotonic() - started)
