"""Pretraining of a small SAM on generated scenes: the shipped model has no third-party data.

The schedule has three phases. ``geometry`` teaches prompt encoder and decoder where a prompt
points to, on a constant image embedding; without it, that mapping sits on a plateau for hundreds of
steps of scenes. ``small`` teaches the whole model on scenes of half the side, four times as many a
second. ``full`` ends at the model's own input size. It runs on accelerate: on a CPU, on a GPU, or
under ``accelerate launch`` on several, where each process draws as many scenes a step.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from accelerate import Accelerator
from safetensors.torch import save_file
from segment_anything.modeling import Sam
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader

from samdomains.errors import RunDirectoryError
from samdomains.files import atomic_path, write_json
from samdomains.progress import progress_bar
from samdomains.prompts.sampler import PromptMix
from samdomains.recipe import PromptRecipe
from samdomains.sam.checkpoints import load_base
from samdomains.sam.frame import Frame, encode
from samdomains.sam.models import ARCHITECTURES, Architecture, build_sam
from samdomains.training.accelerators import fresh_accelerator
from samdomains.training.losses import LossWeights
from samdomains.training.rounds import ObjectBatch, rounds_loss
from samdomains.training.scene_stream import Phase, SceneBatch, SceneStream
from samdomains.training.state import write_torch

PRETRAINING_PROMPTS = PromptRecipe(box=0.45, point=0.4, mask=0.15, box_jitter=0.05)
LOSS = LossWeights(focal=2.0, dice=1.0, iou=0.5, gamma=0.0)
"""Cross-entropy with Dice: from random weights it starts where the focal loss stalls."""


AVERAGE_SPANS = 10
"""A phase ends with the moving average of its weights over its last tenth, or about that."""

SCHEDULE = (
    Phase("geometry", 3000, 128, 1, 32, 1e-3, 0.25),
    Phase("small", 4200, 128, 10, 6, 1e-3, 0.35),
    Phase("full", 1600, 256, 4, 8, 5e-4, 0.4),
)
"""About three hours on 2 CPU cores."""


def scaled(schedule: Sequence[Phase], factor: float) -> tuple[Phase, ...]:
    """The same phases with ``factor`` times the steps, at least one each."""
    return tuple(
        dataclasses.replace(phase, steps=max(1, round(phase.steps * factor))) for phase in schedule
    )


@dataclass(frozen=True, slots=True)
class Pretraining:
    """What ``pretrain`` does.

    Attributes:
        out: Folder of the checkpoint, the log and the resumable state.
        start: Checkpoint to begin with in place of random weights; phases named ``geometry`` are
            left out then.
        schedule: The phases.
        seed: The same seed gives the same weights on the same machine.
        warmup: Steps of linearly rising rate at the start of each phase.
        weight_decay: AdamW's.
        state_every: Steps between two resumable states.
        workers: Processes that prepare scenes.
    """

    out: Path
    start: Path | None = None
    schedule: tuple[Phase, ...] = SCHEDULE
    seed: int = 0
    warmup: int = 150
    weight_decay: float = 0.05
    state_every: int = 100
    workers: int = 1


def pretrain(name: Literal["tiny"], work: Pretraining) -> Path:
    """Train ``name`` on generated scenes; continue where an interrupted call stopped.

    Returns:
        The half-precision safetensors checkpoint, ``<out>/<name>.safetensors``.

    Raises:
        CheckpointError: ``work.start`` is no checkpoint of ``name``.
        RunDirectoryError: The folder was begun with another seed, schedule or start.
        OSError: A file cannot be written.
    """
    accelerator = fresh_accelerator("no", find_unused_parameters=True)
    shape = ARCHITECTURES[name]
    if work.start is None:
        torch.manual_seed(work.seed)
        sam = build_sam(dataclasses.replace(shape, image_size=work.schedule[0].side))
        start = None
    else:
        base = load_base(name, work.start)
        sam, start = base.sam, base.sha256
    if accelerator.is_main_process:
        _require_same_values(work, start)
    for number, phase in enumerate(work.schedule):
        if start is not None and phase.name == "geometry":
            continue
        sam = resize_sam(sam, shape, phase.side)
        _run_phase(accelerator, sam, phase, number, work)
    checkpoint = work.out / f"{name}.safetensors"
    if accelerator.is_main_process:
        weights = {k: v.half().cpu().contiguous() for k, v in sam.state_dict().items()}
        with atomic_path(checkpoint) as temporary:
            save_file(weights, temporary)
    return checkpoint


def _require_same_values(work: Pretraining, start: str | None) -> None:
    """Keep what decides the weights; refuse to go on with anything else.

    Args:
        work: What is asked for now.
        start: SHA-256 of the checkpoint that it begins with.
    """
    kept = work.out / "pretraining.json"
    schedule = [dataclasses.asdict(phase) for phase in work.schedule]
    values = {
        "seed": work.seed,
        "start_sha256": start,
        "warmup": work.warmup,
        "weight_decay": work.weight_decay,
        "schedule": schedule,
    }
    if not kept.exists():
        write_json(kept, values)
    elif json.loads(kept.read_text(encoding="utf-8")) != values:
        raise RunDirectoryError(
            f"{work.out}: the pretraining in this folder began with another seed, schedule "
            "or start. Go on with the same --seed, --scale and --start, or choose another --out."
        )


class _SceneLoss(nn.Module):
    """The model with the loss of a step as one module, as distributed training needs it."""

    def __init__(self, sam: Sam, phase: Phase) -> None:
        super().__init__()
        self.sam, self._phase = sam, phase
        self._sampler = PromptMix(PRETRAINING_PROMPTS)

    def forward(self, batch: SceneBatch, rng: np.random.Generator) -> Tensor:
        """Mean loss of the batch's objects."""
        phase, sam = self._phase, self.sam
        frame = Frame.of(sam, (phase.side, phase.side))
        objects = ObjectBatch(batch.masks, batch.image_index, [frame] * len(batch.images))
        corrections = int(rng.integers(1, 4)) if rng.random() < phase.correction_share else 0
        seeds = rng.integers(2**63, size=len(batch.masks))
        return rounds_loss(
            sam,
            self._embeddings(batch, frame),
            objects,
            self._sampler,
            [np.random.default_rng(seed) for seed in seeds],
            corrections=corrections,
            weights=LOSS,
        )

    def _embeddings(self, batch: SceneBatch, frame: Frame) -> Tensor:
        """Of the scenes; in ``geometry`` a constant one, which shows nothing."""
        sam, device = self.sam, self.sam.device
        if self._phase.name == "geometry":
            size = sam.prompt_encoder.image_embedding_size
            return torch.zeros(1, sam.prompt_encoder.embed_dim, *size, device=device)
        content = frame.content().to(device).expand(len(batch.images), -1, -1)
        return encode(sam, batch.images.to(device), content)


class _Learner:
    """What one phase trains and averages, and how it is saved and restored."""

    def __init__(self, accelerator: Accelerator, sam: Sam, phase: Phase, work: Pretraining) -> None:
        self.accelerator = accelerator
        sam.train()
        sam.image_encoder.requires_grad_(phase.name != "geometry")
        self.sam = sam
        self.trained = [p for p in sam.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(
            self.trained, lr=phase.learning_rate, weight_decay=work.weight_decay
        )
        self.scheduler = LambdaLR(optimizer, lambda step: _rate(step, phase.steps, work.warmup))
        self.loss, self.optimizer = accelerator.prepare(_SceneLoss(sam, phase), optimizer)
        decay = max(0.0, 1.0 - AVERAGE_SPANS / phase.steps)
        average = torch.optim.swa_utils.get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        self.averaged = torch.optim.swa_utils.AveragedModel(sam, multi_avg_fn=average)

    def learn(self, loss: Tensor) -> None:
        """One optimiser step."""
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.trained, 1.0)
        self.optimizer.step()
        self.scheduler.step()
        self.averaged.update_parameters(self.sam)

    def save(self, path: Path, step: int) -> None:
        """Write everything that a resumed phase needs."""
        states = {name: part.state_dict() for name, part in self._parts().items()}
        write_torch(path, {"step": step, **states})

    def restore(self, path: Path) -> int:
        """Read it back, if it was written; returns the steps done."""
        if not path.exists():
            return 0
        state = torch.load(path, map_location=self.accelerator.device, weights_only=True)
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        return int(state["step"])

    def _parts(self) -> dict[str, Any]:
        return {
            "sam": self.sam,
            "optimizer": self.optimizer,
            "scheduler": self.scheduler,
            "averaged": self.averaged,
        }


def _run_phase(
    accelerator: Accelerator, sam: Sam, phase: Phase, number: int, work: Pretraining
) -> None:
    """Train one phase in place, leaving the averaged weights in ``sam``."""
    learner = _Learner(accelerator, sam, phase, work)
    rank, main = accelerator.process_index, accelerator.is_main_process
    state_file = work.out / f"state-{number}-{phase.name}.pt"
    done = learner.restore(state_file)
    stream = DataLoader(
        SceneStream(phase, work.seed, done, rank), batch_size=None, num_workers=work.workers
    )
    started, smooth = time.monotonic(), math.nan
    with progress_bar(f"pretraining, {phase.name}", phase.steps) as show:
        for step, batch in enumerate(stream, start=done + 1):
            rng = np.random.default_rng([work.seed, number, step, rank])
            loss = learner.loss(batch, rng)
            learner.learn(loss)
            smooth = loss.item() if math.isnan(smooth) else smooth + (loss.item() - smooth) / 50
            show(step)
            if main and (step % 25 == 0 or step == phase.steps):
                _log(work.out, phase, step, smooth, time.monotonic() - started)
            if main and (step % work.state_every == 0 or step == phase.steps):
                learner.save(state_file, step)
    sam.load_state_dict(learner.averaged.module.state_dict())


def resize_sam(sam: Sam, shape: Architecture, side: int) -> Sam:
    """The same weights for another input size: positions are interpolated, the rest is copied."""
    if sam.image_encoder.img_size == side:
        return sam
    resized = build_sam(dataclasses.replace(shape, image_size=side))
    target = resized.state_dict()
    source = sam.state_dict()
    for key, value in source.items():
        if value.shape == target[key].shape:
            continue
        if key.endswith("pos_embed"):
            grid = value.permute(0, 3, 1, 2)
            size = target[key].shape[1:3]
            grown = functional.interpolate(grid, size, mode="bicubic", align_corners=False)
            source[key] = grown.permute(0, 2, 3, 1)
        else:  # a global block's relative positions, (2 * side - 1, head)
            length = target[key].shape[0]
            source[key] = functional.interpolate(value.T[None], length, mode="linear")[0].T
    resized.load_state_dict(source)
    return resized


def _rate(step: int, steps: int, warmup: int) -> float:
    """Linear warm-up, then a cosine down to a tenth; relative to the peak."""
    warmup = min(warmup, max(1, steps // 4))
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return 0.1 + 0.45 * (1 + float(np.cos(np.pi * min(1.0, progress))))


def _log(out: Path, phase: Phase, step: int, loss: float, seconds: float) -> None:
    line = {"phase": phase.name, "step": step, "loss": round(loss, 4), "seconds": round(seconds)}
    with (out / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
