"""The one training loop: every domain, model and strategy goes through it.

It runs on accelerate, which knows devices and precisions, in one process.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import torch
from accelerate.utils.memory import should_reduce_batch_size
from segment_anything.modeling import Sam
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter

from samdomains.errors import DataError, RunDirectoryError, TrainingError, TrainingInterrupted
from samdomains.evaluation.results import dice_by_case, validation_dice
from samdomains.evaluation.scorer import score
from samdomains.files import without_nan, write_text
from samdomains.progress import progress_bar
from samdomains.protocols import Normalizer, PromptSampler
from samdomains.recipe import Recipe
from samdomains.run_directory import RunDirectory
from samdomains.sam.embedding_cache import EmbeddingCache
from samdomains.sam.frame import Frame, encode_image
from samdomains.sam.segmenter import SamSegmenter
from samdomains.sam.strategies import apply_strategy, trained_tensors
from samdomains.training.accelerators import fresh_accelerator
from samdomains.training.dataset import EpochBatches, Sample, ViewDataset, list_views
from samdomains.training.interrupt import InterruptFlag
from samdomains.training.mixing import mixed, share_to_trust
from samdomains.training.prompted_loss import PromptedLoss
from samdomains.training.schedule import cosine_with_warmup
from samdomains.training.state import (
    EpochRecord,
    Progress,
    TrainingState,
    load_state,
    random_state,
    restore_random_state,
    save_state,
)
from samdomains.types import Case, PromptName, StrategyChoice

VALIDATION_PROMPTS: tuple[PromptName, ...] = ("box", "point")
"""Kinds of prompt that choose the best epoch, of those that the recipe evaluates."""


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
        directory: Gets the log, TensorBoard's log and the resumable state.
        save_best: Writes the model's trained tensors; called whenever validation improves.
    """

    sam: Sam
    train: Sequence[Case]
    val: Sequence[Case]
    normalizer: Normalizer
    sampler: PromptSampler
    recipe: Recipe
    choice: StrategyChoice
    directory: RunDirectory
    save_best: Callable[[Sam], None]


def train(task: Task, *, resume: bool = False) -> Progress:
    """Tune the model and keep its best state by validation Dice: untuned, an epoch or a mixture.

    Args:
        task: What to do.
        resume: Go on from ``state/`` where there is one.

    Returns:
        The history of all epochs, and what was kept.

    Raises:
        TrainingInterrupted: Ctrl-C; the state is saved.
        TrainingError: The loss is no number, or the memory does not suffice.
        DataError: No training case has an object to learn from.
        RunDirectoryError: The state to resume is damaged, or of other objects or tensors.
    """
    torch.manual_seed(task.recipe.seed)
    apply_strategy(task.sam, task.recipe.strategy, task.choice.name)
    loop = _Loop(task)
    if resume:
        loop.restore()
    return loop.run()


class _Loop:
    """State of one training run; ``run`` is the loop."""

    def __init__(self, task: Task) -> None:
        self.task, self.progress = task, Progress()
        self.interrupt, self.restored = InterruptFlag(), False
        recipe, choice = task.recipe, task.choice
        self.accelerator = fresh_accelerator(choice.precision)
        self.dataset = self._make_dataset()
        self.views = self._fingerprint()
        self.steps = len(self._epoch_batches(0)) * recipe.training.epochs
        parameters = [p for p in task.sam.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(
            parameters,
            lr=recipe.training.learning_rate,
            weight_decay=recipe.training.weight_decay,
        )
        module = PromptedLoss(task.sam, task.sampler, recipe)
        self.module, self.optimizer = self.accelerator.prepare(module, optimizer)
        warmup = max(1, round(self.steps * recipe.training.warmup_fraction))
        self.scheduler = LambdaLR(optimizer, partial(cosine_with_warmup, warmup, self.steps))
        self.embeddings: EmbeddingCache | None = None
        self.untuned = {n: t.cpu().clone() for n, t in trained_tensors(task.sam).items()}

    def run(self) -> Progress:
        """Train until the epochs are done or patience runs out."""
        with ExitStack() as stack:
            stack.enter_context(self.interrupt)
            board = SummaryWriter(str(self.task.directory.tensorboard))
            stack.enter_context(board)
            if self.progress.untuned_dice is None:
                self.progress.untuned_dice, cases = self._validate()
                self._keep_if_best(0, self.progress.untuned_dice, cases)
                self._write_log()
            if self.task.choice.name == "decoder" and self._goes_on():
                self.embeddings = self._embed_views()
            show = stack.enter_context(progress_bar("tuning", self.steps))
            while self._goes_on():
                self._run_epoch(show)
                self._show_on(board)
            self._try_mixtures()
        return self.progress

    def restore(self) -> None:
        """Continue from the saved state, if there is one."""
        directory = self.task.directory
        state = load_state(directory.state)
        if state is None:
            return
        if state.views != self.views:
            raise RunDirectoryError(
                f"{directory.state}: the run began with other objects in its training images. "
                "Resume with the same labels, or start a new run in another folder."
            )
        self._restore_weights(state.weights)
        self.progress, self.restored = state.progress, True
        self.optimizer.load_state_dict(state.optimizer)
        self.scheduler.load_state_dict(state.scheduler)
        if self.accelerator.scaler is not None and state.scaler:
            self.accelerator.scaler.load_state_dict(state.scaler)
        restore_random_state(state.rng, self.accelerator.device)

    def _restore_weights(self, weights: dict[str, Tensor]) -> None:
        own = trained_tensors(self.task.sam)
        if {n: t.shape for n, t in own.items()} != {n: t.shape for n, t in weights.items()}:
            raise RunDirectoryError(
                f"{self.task.directory.state}: the state is of other tensors than "
                f"'{self.task.choice.name}' trains. Start a new run in another folder."
            )
        self._load(weights)

    def _goes_on(self) -> bool:
        """Whether there is an epoch left, and patience for it."""
        training, progress = self.task.recipe.training, self.progress
        out_of_patience = (
            training.patience is not None
            and progress.epoch - progress.best_epoch >= training.patience
        )
        return progress.epoch < training.epochs and not out_of_patience

    def _run_epoch(self, show: Callable[[int], None]) -> None:
        started, progress = time.monotonic(), self.progress
        total = len(self._epoch_batches(progress.epoch))
        self.module.train()
        for samples in self._loader(progress.epoch, progress.batch):
            progress.loss_sum += self._step(samples)
            progress.batch += 1
            show(progress.epoch * total + progress.batch)
            if self.interrupt.raised:
                self._stop()
        self._save()  # before the validation, which may be interrupted
        dice, cases = self._validate()
        record = EpochRecord(
            epoch=progress.epoch + 1,
            train_loss=progress.loss_sum / max(1, progress.batch),
            val_dice=dice,
            learning_rate=float(self.scheduler.get_last_lr()[0]),
            seconds=time.monotonic() - started,
        )
        progress.epoch, progress.batch, progress.loss_sum = progress.epoch + 1, 0, 0.0
        progress.history.append(record)
        self._keep_if_best(record.epoch, dice, cases)
        self._save()
        self._write_log()

    def _stop(self) -> None:
        """Save, and leave the loop as the user asked."""
        self._save()
        raise TrainingInterrupted(
            f"training was interrupted in epoch {self.progress.epoch + 1}; "
            f"go on with --resume and the same --out {self.task.directory.root}"
        )

    def _stopping(self, show: Callable[[int], None]) -> Callable[[int], None]:
        """A progress function that also ends the run after Ctrl-C, where no step is lost by it."""

        def advance(done: int) -> None:
            show(done)
            if self.interrupt.raised:
                self._stop()

        return advance

    def _step(self, samples: Sequence[Sample]) -> float:
        """One optimiser step; returns its loss."""
        training, progress = self.task.recipe.training, self.progress
        rng = np.random.default_rng([self.task.recipe.seed, progress.epoch, progress.batch])
        embeddings = self.embeddings.read([s.index for s in samples]) if self.embeddings else None
        try:
            loss = self.module(samples, embeddings, rng)
            value = float(loss.detach())
            self._require_number(value)
            self.optimizer.zero_grad(set_to_none=True)
            self.accelerator.backward(loss)
            self.accelerator.clip_grad_norm_(self.module.parameters(), training.clip_norm)
            self.optimizer.step()
        except RuntimeError as error:
            if not should_reduce_batch_size(error):
                raise
            raise TrainingError(
                f"the memory of {self.accelerator.device} does not suffice for a batch of "
                f"{len(samples)} with up to {training.objects_per_image} objects an image. "
                "Lower training.batch_size or training.objects_per_image, or choose --strategy "
                "lora or decoder, in a new run"
            ) from error
        self.scheduler.step()
        return value

    def _require_number(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss became {loss} in epoch {self.progress.epoch + 1}, step "
                f"{self.progress.batch + 1}. Lower training.learning_rate, or set "
                "training.precision=no where it is another, in a new run"
            )

    def _validate(self) -> tuple[float, dict[str, float]]:
        """Mean validation Dice, by the scorer of the test, and that of each case."""
        sam, recipe = self.task.sam, self.task.recipe
        evaluated = recipe.evaluation.prompts
        prompts = tuple(p for p in VALIDATION_PROMPTS if p in evaluated) or evaluated
        sam.eval()
        with progress_bar("validating", len(self.task.val)) as show:
            scores = score(
                {"tuned": SamSegmenter.of(sam, recipe.model)},
                self.task.val,
                normalizer=self.task.normalizer,
                prompts=prompts,
                minimum_area=recipe.data.minimum_area,
                seed=recipe.seed,
                objects_per_case=recipe.evaluation.validation_objects,
                progress=self._stopping(show),
            )
        return validation_dice(scores), dice_by_case(scores)

    def _keep_if_best(self, epoch: int, dice: float, cases: dict[str, float]) -> None:
        progress = self.progress
        if dice > progress.best_dice or epoch == 0:
            progress.best_dice, progress.best_cases = dice, cases
            progress.best_epoch, progress.best_share = epoch, float(epoch > 0)
            self.task.save_best(self.task.sam)

    def _try_mixtures(self) -> None:
        """Validate mixtures of the untuned and the last weights, and keep the one to trust.

        On few validation images the best of many candidates is the best by chance: the first
        mixture is kept unless another candidate is clearly better.
        """
        progress, own = self.progress, trained_tensors(self.task.sam)
        tuned = {name: tensor.clone() for name, tensor in own.items()}
        tried: dict[float, dict[str, float]] = {}
        for share in self.task.recipe.training.mixtures:
            self._load(mixed(self.untuned, tuned, share))
            progress.mixtures[share], tried[share] = self._validate()
        chosen = share_to_trust(progress, tried)
        if chosen is not None:
            self._load(mixed(self.untuned, tuned, chosen))
            progress.best_dice, progress.best_cases = progress.mixtures[chosen], tried[chosen]
            progress.best_epoch, progress.best_share = progress.epoch, chosen
            self.task.save_best(self.task.sam)
        self._load(tuned)
        self._write_log()

    @torch.no_grad()
    def _load(self, weights: Mapping[str, Tensor]) -> None:
        for name, tensor in trained_tensors(self.task.sam).items():
            tensor.copy_(weights[name])

    def _make_dataset(self) -> ViewDataset:
        task, recipe = self.task, self.task.recipe
        with progress_bar("listing objects", len(task.train)) as show:
            views = list_views(task.train, recipe.model, recipe.data.minimum_area, show)
        if not views:
            raise DataError(
                task.train[0].files[0].parent if task.train and task.train[0].files else ".",
                f"none of the {len(task.train)} training images has an object of "
                f"{recipe.data.minimum_area} pixels or more",
                "Label objects, or lower data.minimum_area.",
            )
        frozen = task.choice.name == "decoder"
        return ViewDataset(
            task.train,
            views,
            task.normalizer,
            partial(Frame.of, task.sam),
            objects_per_image=recipe.training.objects_per_image,
            augmentation=None if frozen else recipe.augmentation,
            with_images=not frozen,
        )

    def _epoch_batches(self, epoch: int, first: int = 0) -> EpochBatches:
        return EpochBatches(
            self.dataset.views, self.task.choice.batch_size, self.task.recipe.seed, epoch, first
        )

    def _loader(self, epoch: int, first: int) -> DataLoader[Sample]:
        return DataLoader(
            self.dataset,
            batch_sampler=self._epoch_batches(epoch, first),
            collate_fn=list,
            generator=torch.Generator(),  # else it draws from the one that dropout uses
        )

    def _fingerprint(self) -> str:
        """SHA-256 of the views: which windows and objects of which cases are learnt from."""
        ids = [case.id for case in self.task.train]
        views = [(ids[view.case], asdict(view.window), view.objects) for view in self.dataset.views]
        return hashlib.sha256(json.dumps(views).encode()).hexdigest()

    def _embed_views(self) -> EmbeddingCache:
        """Embed what the epochs show with the frozen encoder, or find it done by an earlier run."""
        path, epochs = self.task.directory.embeddings, self.task.recipe.training.epochs
        batches = [batch for epoch in range(epochs) for batch in self._epoch_batches(epoch)]
        keys = sorted({index for batch in batches for index, _ in batch})
        if self.restored and path.exists():
            return EmbeddingCache(path, keys)
        with progress_bar("embedding", len(keys)) as show:
            return EmbeddingCache.build(path, keys, self._embed, self._stopping(show))

    @torch.inference_mode()
    def _embed(self, index: int) -> Tensor:
        return encode_image(self.task.sam.eval(), self.dataset.window_image(index))[0]

    def _save(self) -> None:
        scaler = self.accelerator.scaler
        state = TrainingState(
            progress=self.progress,
            views=self.views,
            weights=trained_tensors(self.task.sam),
            optimizer=self.optimizer.state_dict(),
            scheduler=self.scheduler.state_dict(),
            scaler=scaler.state_dict() if scaler is not None else {},
            rng=random_state(self.accelerator.device),
        )
        save_state(self.task.directory.state, state)

    def _write_log(self) -> None:
        """Write all lines anew, so that none is missing or there twice after a crash."""
        untuned = {"event": "untuned", "epoch": 0, "val_dice": self.progress.untuned_dice}
        epochs = [{"event": "epoch", **asdict(record)} for record in self.progress.history]
        mixtures = [
            {"event": "mixture", "epoch": self.progress.epoch, "share": share, "val_dice": dice}
            for share, dice in self.progress.mixtures.items()
        ]
        lines = [json.dumps(without_nan(line)) for line in (untuned, *epochs, *mixtures)]
        write_text(self.task.directory.log, "\n".join(lines) + "\n")

    def _show_on(self, board: SummaryWriter) -> None:
        record = self.progress.history[-1]
        for name in ("train_loss", "val_dice", "learning_rate"):
            board.add_scalar(name, getattr(record, name), record.epoch)
