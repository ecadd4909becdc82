"""The one training loop: every domain, model and strategy goes through it.

It runs on accelerate, so the same call works on a CPU, on one GPU, and under
``accelerate launch`` on several.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from segment_anything.modeling import Sam
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter

from samdomains.errors import DataError, TrainingInterrupted
from samdomains.evaluation.results import validation_dice
from samdomains.evaluation.scorer import score
from samdomains.progress import progress_bar
from samdomains.recipe import Recipe
from samdomains.sam.embedding_cache import EmbeddingCache
from samdomains.sam.frame import Frame, encode
from samdomains.sam.segmenter import SamSegmenter
from samdomains.sam.strategies import apply_strategy, trained_tensors
from samdomains.training.dataset import EpochBatches, Sample, ViewDataset, list_views
from samdomains.training.interrupt import InterruptFlag
from samdomains.training.losses import LossWeights
from samdomains.training.rounds import ObjectBatch, rounds_loss
from samdomains.training.state import (
    EpochRecord,
    Progress,
    TrainingState,
    load_state,
    save_state,
)
from samdomains.types import Case, Normalizer, PromptName, PromptSampler, StrategyChoice

VALIDATION_PROMPTS: tuple[PromptName, ...] = ("box", "point")


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What is trained, on what, and where the result goes.

    Attributes:
        sam: The untuned model; it is changed in place.
        train: Training cases.
        val: Validation cases.
        normalizer: Of the domain.
        sampler: Of the domain.
        recipe: All values.
        choice: Strategy, batch size and precision.
        directory: The run directory: gets ``log.jsonl``, ``tensorboard/`` and ``state/``.
        save_best: Writes the model's trained tensors; called whenever validation improves.
    """

    sam: Sam
    train: Sequence[Case]
    val: Sequence[Case]
    normalizer: Normalizer
    sampler: PromptSampler
    recipe: Recipe
    choice: StrategyChoice
    directory: Path
    save_best: Callable[[Sam], None]


def train(task: Task, *, resume: bool = False) -> Progress:
    """Tune the model and keep its best state by validation Dice, the untuned one included.

    Args:
        task: What to do.
        resume: Go on from ``state/`` where there is one.

    Returns:
        The history of all epochs.

    Raises:
        TrainingInterrupted: Ctrl-C; the state is saved.
        DataError: No training case has an object to learn from.
        RunDirectoryError: The state to resume is damaged.
    """
    torch.manual_seed(task.recipe.seed)
    apply_strategy(task.sam, task.recipe.strategy, task.choice.name)
    loop = _Loop(task)
    if resume:
        loop.restore()
    with InterruptFlag() as interrupt:
        return loop.run(interrupt)


class _PromptedLoss(nn.Module):
    """The model with its loss as one module, so that distributed wrappers see the whole step."""

    def __init__(self, sam: Sam, sampler: PromptSampler, recipe: Recipe) -> None:
        super().__init__()
        self.sam, self._sampler = sam, sampler
        self._corrections = recipe.prompts.corrections
        self._weights = LossWeights(
            focal=recipe.training.focal_weight,
            dice=recipe.training.dice_weight,
            iou=recipe.training.iou_weight,
            gamma=recipe.training.focal_gamma,
        )

    def forward(
        self, samples: Sequence[Sample], embeddings: Tensor | None, rng: np.random.Generator
    ) -> Tensor:
        """Mean loss of the samples' objects; embeds the images unless embeddings are given."""
        device = self.sam.device
        if embeddings is None:
            images = torch.stack([sample.image for sample in samples]).to(device)
            content = torch.stack([sample.frame.content() for sample in samples]).to(device)
            embeddings = encode(self.sam, images, content)
        index = [i for i, sample in enumerate(samples) for _ in sample.masks]
        objects = ObjectBatch(
            masks=[mask for sample in samples for mask in sample.masks],
            image_index=torch.tensor(index),
            frames=[sample.frame for sample in samples],
        )
        corrections = int(rng.integers(self._corrections + 1))
        return rounds_loss(
            self.sam,
            embeddings.to(device),
            objects,
            self._sampler,
            rng,
            corrections=corrections,
            weights=self._weights,
        )


class _Loop:
    """State of one training run; ``run`` is the loop."""

    def __init__(self, task: Task) -> None:
        self.task, self.progress = task, Progress()
        recipe, choice = task.recipe, task.choice
        self.accelerator = Accelerator(mixed_precision=choice.precision)
        self.dataset = self._make_dataset()
        self.batches = self._epoch_batches(0)
        self.steps = len(self.batches) * recipe.training.epochs
        parameters = [p for p in task.sam.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(
            parameters,
            lr=recipe.training.learning_rate,
            weight_decay=recipe.training.weight_decay,
        )
        module = _PromptedLoss(task.sam, task.sampler, recipe)
        self.module, self.optimizer = self.accelerator.prepare(module, optimizer)
        warmup = max(1, round(self.steps * recipe.training.warmup_fraction))
        self.scheduler = LambdaLR(optimizer, partial(cosine_with_warmup, warmup, self.steps))
        self.embeddings = self._embed_once() if choice.name == "decoder" else None

    def run(self, interrupt: InterruptFlag) -> Progress:
        """Train until the epochs are done or patience runs out."""
        training = self.task.recipe.training
        with ExitStack() as stack:
            board = stack.enter_context(SummaryWriter(str(self.task.directory / "tensorboard")))
            if self.progress.best_dice == float("-inf"):
                self._keep_if_best(0, self._validate())
            show = stack.enter_context(progress_bar("tuning", self.steps))
            while self.progress.epoch < training.epochs and not self._out_of_patience():
                self._run_epoch(interrupt, show, board)
        return self.progress

    def restore(self) -> None:
        """Continue from the saved state, if there is one."""
        state = load_state(self.task.directory / "state")
        if state is None:
            return
        self.progress = state.progress
        self.task.sam.load_state_dict(state.weights, strict=False)
        self.optimizer.load_state_dict(state.optimizer)
        self.scheduler.load_state_dict(state.scheduler)
        torch.set_rng_state(state.rng)

    def _run_epoch(
        self, interrupt: InterruptFlag, show: Callable[[int], None], board: SummaryWriter
    ) -> None:
        started, progress = time.monotonic(), self.progress
        total = len(self._epoch_batches(progress.epoch))
        self.module.train()
        for samples in self._loader(progress.epoch, progress.batch):
            progress.loss_sum += self._step(samples)
            progress.batch += 1
            show(progress.epoch * total + progress.batch)
            if interrupt.raised:
                self._stop()
        dice = self._validate()
        record = EpochRecord(
            epoch=progress.epoch + 1,
            train_loss=progress.loss_sum / max(1, progress.batch),
            val_dice=dice,
            learning_rate=float(self.scheduler.get_last_lr()[0]),
            seconds=time.monotonic() - started,
        )
        progress.epoch, progress.batch, progress.loss_sum = progress.epoch + 1, 0, 0.0
        progress.history.append(record)
        self._keep_if_best(record.epoch, dice)
        self._log(record, board)
        if interrupt.raised:  # Ctrl-C while validating
            self._stop()
        self._save()

    def _stop(self) -> None:
        """Save, and leave the loop as the user asked."""
        self._save()
        raise TrainingInterrupted(
            f"training was interrupted after {self.progress.epoch} epochs; "
            f"go on with --resume and the same --out {self.task.directory}"
        )

    def _step(self, samples: Sequence[Sample]) -> float:
        """One optimiser step; returns its loss."""
        progress = self.progress
        rng = np.random.default_rng(
            [
                self.task.recipe.seed,
                progress.epoch,
                progress.batch,
                self.accelerator.process_index,
            ]
        )
        embeddings = self.embeddings.read([s.index for s in samples]) if self.embeddings else None
        loss = self.module(samples, embeddings, rng)
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(
            self.module.parameters(), self.task.recipe.training.clip_norm
        )
        self.optimizer.step()
        self.scheduler.step()
        return float(loss.detach())

    def _validate(self) -> float:
        """Mean validation Dice over boxes and points, by the scorer of the test."""
        sam, recipe = self.task.sam, self.task.recipe
        sam.eval()
        with progress_bar("validating", len(self.task.val)) as show:
            scores = score(
                {"tuned": SamSegmenter(sam, recipe.model.tile)},
                self.task.val,
                normalizer=self.task.normalizer,
                prompts=VALIDATION_PROMPTS,
                minimum_area=recipe.data.minimum_area,
                seed=recipe.seed,
                objects_per_case=recipe.evaluation.validation_objects,
                progress=show,
            )
        return validation_dice(scores)

    def _keep_if_best(self, epoch: int, dice: float) -> None:
        if dice > self.progress.best_dice or epoch == 0:
            self.progress.best_dice, self.progress.best_epoch = dice, epoch
            if self.accelerator.is_main_process:
                self.task.save_best(self.task.sam)

    def _out_of_patience(self) -> bool:
        patience = self.task.recipe.training.patience
        return patience is not None and self.progress.epoch - self.progress.best_epoch >= patience

    def _make_dataset(self) -> ViewDataset:
        task, recipe = self.task, self.task.recipe
        with progress_bar("listing objects", len(task.train)) as show:
            views = list_views(task.train, recipe.model.tile, recipe.data.minimum_area, show)
        if not views:
            raise DataError(
                task.train[0].files[0].parent if task.train and task.train[0].files else ".",
                f"none of the {len(task.train)} training images has an object of "
                f"{recipe.data.minimum_area} pixels or more",
                "Label objects, or lower data.minimum_area.",
            )
        return ViewDataset(
            task.train,
            views,
            task.normalizer,
            partial(Frame.of, task.sam),
            objects_per_image=recipe.training.objects_per_image,
            augmentation=None if task.choice.name == "decoder" else recipe.augmentation,
        )

    def _epoch_batches(self, epoch: int, first: int = 0) -> EpochBatches:
        return EpochBatches(
            self.dataset.views, self.task.choice.batch_size, self.task.recipe.seed, epoch, first
        )

    def _loader(self, epoch: int, first: int) -> Any:  # noqa: ANN401 (accelerate's own loader)
        loader = DataLoader(
            self.dataset,
            batch_sampler=self._epoch_batches(epoch, first),
            collate_fn=list,
        )
        return self.accelerator.prepare(loader)

    def _embed_once(self) -> EmbeddingCache:
        """Embed every view with the frozen encoder."""
        path = self.task.directory / "state" / "embeddings.npy"
        if self.accelerator.is_main_process:
            with progress_bar("embedding", len(self.dataset)) as show:
                EmbeddingCache.build(path, len(self.dataset), self._embed, show)
        self.accelerator.wait_for_everyone()
        return EmbeddingCache(path)

    @torch.inference_mode()
    def _embed(self, index: int) -> Tensor:
        image = self.dataset.window_image(index)
        frame = Frame.of(self.task.sam, (image.shape[1], image.shape[2]))
        device = self.task.sam.device
        padded, content = frame.image(image)[None].to(device), frame.content()[None].to(device)
        return encode(self.task.sam.eval(), padded, content)[0]

    def _save(self) -> None:
        if not self.accelerator.is_main_process:
            return
        state = TrainingState(
            progress=self.progress,
            weights=trained_tensors(self.task.sam),
            optimizer=self.optimizer.state_dict(),
            scheduler=self.scheduler.state_dict(),
            rng=torch.get_rng_state(),
        )
        save_state(self.task.directory / "state", state)

    def _log(self, record: EpochRecord, board: SummaryWriter) -> None:
        if not self.accelerator.is_main_process:
            return
        with (self.task.directory / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({"event": "epoch", **asdict(record)}) + "\n")
        for name in ("train_loss", "val_dice", "learning_rate"):
            board.add_scalar(name, getattr(record, name), record.epoch)


def cosine_with_warmup(warmup: int, total: int, step: int) -> float:
    """Learning rate relative to its peak: a linear rise, then half a cosine down to zero.

    Args:
        warmup: Steps of the rise.
        total: Steps in all.
        step: Steps done.

    Example:
        >>> [round(cosine_with_warmup(2, 10, step), 2) for step in (0, 1, 2, 6, 10)]
        [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, total - warmup)
    return 0.5 * (1.0 + float(np.cos(np.pi * min(1.0, done))))
