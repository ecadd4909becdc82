"""Fixtures of the sam room: answers of a model to one prompt of each kind, and a tuning step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from segment_anything.modeling import Sam
from torch import Tensor

from samdomains.sam.decode import decode
from samdomains.types import Prompts


def _answer(sam: Sam) -> Tensor:
    """All that SAM says to one prompt of each kind, (3, 4 * 32 * 32 + 4)."""
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(1, 3, 64, 64, generator=generator)
    on, off = np.array([[9, 12], [40, 30]], dtype=np.float32), np.array([1, 0], dtype=np.int64)
    low = torch.randn(32, 32, generator=generator).numpy()
    prompts = [
        Prompts(box=np.array([4, 4, 30, 40], dtype=np.float32)),
        Prompts(points=on, point_labels=off),
        Prompts(mask_logits=low),
    ]
    where = torch.zeros(len(prompts), dtype=torch.long)
    logits, iou = decode(sam, sam.image_encoder(image), where, prompts)
    return torch.cat([logits.flatten(1), iou], dim=1)


@pytest.fixture
def answer() -> Callable[[Sam], Tensor]:
    """Runs every part of a miniature SAM on a fixed image and fixed prompts of each kind."""
    return _answer


@pytest.fixture
def tune() -> Callable[[Sam], None]:
    """Takes two optimiser steps: adapters start at zero, so only the second moves all of them."""

    def steps(sam: Sam) -> None:
        trainable = [p for p in sam.parameters() if p.requires_grad]
        optimiser = torch.optim.AdamW(trainable, lr=1e-2, weight_decay=0.1)
        for _ in range(2):
            optimiser.zero_grad()
            torch.autograd.backward(_answer(sam).square().mean())
            optimiser.step()

    return steps
