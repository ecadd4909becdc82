"""The one training loop: every domain, model and strategy goes through it.

It runs on accelerate, which knows devices and precisions. Several processes divide each batch and
each validation among them, add up their gradients, and so take the same steps; the main one writes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from samdomains.errors import RunDirectoryError, TrainingInterrupted
from samdomains.processes import current_processes
from samdomains.progress import progress_bar
from samdomains.sam.cached_encoder import CachedEncoder
from samdomains.sam.strategies import apply_strategy, trained_tensors
from samdomains.training.accelerators import fresh_accelerator
from samdomains.training.batches import EpochBatches, fingerprint
from samdomains.training.dataset import Sample
from samdomains.training.determinism import deterministic_on_cpu
from samdomains.training.interrupt import InterruptFlag
from samdomains.training.loading import SampleLoader
from samdomains.training.mixing import mixed, share_to_trust
from samdomains.training.prompted_loss import PromptedLoss
from samdomains.training.run_log import RunLog
from samdomains.training.schedule import cosine_with_warmup
from samdomains.training.state import (
    BackOff,
    EpochRecord,
    Progress,
    TrainingState,
    load_state,
    save_state,
)
from samdomains.training.step import Stepper
from samdomains.training.task import Task, dataset_of
from samdomains.training.validation import Validation, validate
from samdomains.training.view_embeddings import ViewEmbeddings

SECONDS_BETWEEN_SAVES = 300.0
"""Longest stretch of steps without a save: what a kill in a long epoch may cost. The state of
``vit_h`` tuned in full is 7 GB, which a disk writes in a twentieth of that time."""


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
    """State of one training run; ``run`` is the loop.

    State and model are two files, and a kill may come between them. The state is the one that
    decides: what is best is saved in it first, and the model is written after it, before the
    weights change again. So the model file is that of the state, or of the state's last decision
    but one, and then the state's own weights make the right one (``_write_best``).
    """

    def __init__(self, task: Task) -> None:
        self.task, self.progress, self.saved = task, Progress(), time.monotonic()
        self.interrupt, self.processes = InterruptFlag(), current_processes()
        recipe, choice = task.recipe, task.choice
        task.sam.image_encoder.checkpointing = recipe.runs_blocks_again
        self.accelerator = fresh_accelerator(choice.precision)
        self.dataset = dataset_of(task)
        self.views = fingerprint(task.train, self.dataset.views)
        self.steps = len(self._epoch_batches(0)) * recipe.training.epochs
        parameters = [p for p in task.sam.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(
            parameters,
            lr=recipe.training.learning_rate,
            weight_decay=recipe.training.weight_decay,
        )
        module = PromptedLoss(task.sam, task.sampler, recipe)
        # Without the wrapper for several processes: the stepper adds up their gradients.
        self.module = self.accelerator.prepare_model(module, evaluation_mode=True)
        self.optimizer = self.accelerator.prepare_optimizer(optimizer)
        warmup = max(1, round(self.steps * recipe.training.warmup_fraction))
        self.scheduler = LambdaLR(optimizer, partial(cosine_with_warmup, warmup, self.steps))
        self.stepper = Stepper(
            self.accelerator,
            self.module,
            self.optimizer,
            self.scheduler,
            clip_norm=recipe.training.clip_norm,
            images_at_once=choice.images_at_once or choice.batch_size,
            processes=self.processes,
            backing_off=self._note_back_off,
        )
        self.loader = SampleLoader(
            self.dataset,
            recipe.training.workers,
            steps=self.steps,
            device=self.accelerator.device,
        )
        self.embeddings = self._embeddings()
        self.untuned = {n: t.cpu().clone() for n, t in trained_tensors(task.sam).items()}

    def run(self) -> Progress:
        """Train until the epochs are done or patience runs out."""
        with ExitStack() as stack:
            stack.enter_context(self.interrupt)
            stack.enter_context(self.loader)
            stack.enter_context(deterministic_on_cpu(self.accelerator.device))
            stack.enter_context(self._saved_on_interrupt())
            log = stack.enter_context(
                RunLog.of(self.task.directory, self.progress, writes=self.processes.is_main)
            )
            if self.progress.untuned_dice is None:
                untuned = self._validate()
                self.progress.untuned_dice = untuned.dice
                self._keep_if_best(0, untuned)
                log.write(self.progress)
            show = stack.enter_context(progress_bar("tuning", self.steps))
            while self._goes_on():
                self._run_epoch(show)
                log.write(self.progress)
                log.show(self.progress.history[-1])
            if not self.progress.mixtures:
                self._try_mixtures()
            log.write(self.progress)
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
        self.progress = state.progress
        for event in self.progress.back_offs:
            self.stepper.images_at_once = event.images_at_once
        self.optimizer.load_state_dict(state.optimizer)
        self.scheduler.load_state_dict(state.scheduler)
        if self.accelerator.scaler is not None and state.scaler:
            self.accelerator.scaler.load_state_dict(state.scaler)
        self._write_best()

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
        done = progress.epoch >= training.epochs or bool(progress.mixtures)
        return not done and not out_of_patience

    def _run_epoch(self, show: Callable[[int], None]) -> None:
        started, waited, progress = time.monotonic(), self.loader.waited, self.progress
        total = len(self._epoch_batches(progress.epoch))
        left = self._epoch_batches(progress.epoch, progress.batch)
        self.module.train()
        shares = (self.processes.share(batch) for batch in left)
        for samples in self.loader.epoch(shares):
            progress.loss_sum += self._step(samples)
            progress.batch += 1
            show(progress.epoch * total + progress.batch)
            self._stop_together()
            if self.processes.from_main(self._save_is_due):
                self._save()
        self._save()  # before the validation, which may be interrupted
        validation = self._validate()
        record = EpochRecord(
            epoch=progress.epoch + 1,
            train_loss=progress.loss_sum / max(1, progress.batch),
            val_dice=validation.dice,
            learning_rate=float(self.scheduler.get_last_lr()[0]),
            seconds=time.monotonic() - started,
            data_seconds=self.loader.waited - waited,
        )
        progress.epoch, progress.batch, progress.loss_sum = progress.epoch + 1, 0, 0.0
        progress.history.append(record)
        self._keep_if_best(record.epoch, validation)

    @contextmanager
    def _saved_on_interrupt(self) -> Iterator[None]:
        """Save when the user stops the block; the weights are those of the training again."""
        try:
            yield
        except TrainingInterrupted:
            self._save()
            raise

    def _stop_together(self) -> None:
        """End the run after Ctrl-C in any of the processes, all at the same step."""
        self.processes.gather(self._stop_if_asked)

    def _stop_if_asked(self) -> None:
        """End the run after Ctrl-C, where no step is lost by it."""
        if self.interrupt.raised:
            progress = self.progress
            number = min(progress.epoch + 1, self.task.recipe.training.epochs)
            raise TrainingInterrupted(
                f"training was interrupted in epoch {number}; "
                f"go on with --resume and the same --out {self.task.directory.root}"
            )

    def _step(self, samples: Sequence[Sample]) -> float:
        """One optimiser step; returns its loss."""
        recipe, progress = self.task.recipe, self.progress
        rng = np.random.default_rng([recipe.seed, progress.epoch, progress.batch])
        corrections = int(rng.integers(recipe.prompts.corrections + 1))
        place = f"epoch {progress.epoch + 1}, step {progress.batch + 1}"
        # Of dropout: the same after a resume, and another in each process.
        torch.manual_seed(int(rng.integers(2**62)) + self.processes.index)
        return self.stepper.step(samples, self._known_embeddings, corrections, place)

    def _note_back_off(self, images_at_once: int) -> None:
        progress = self.progress
        event = BackOff(progress.epoch + 1, progress.batch + 1, images_at_once)
        progress.back_offs.append(event)
        self.task.tell(
            f"memory: it did not suffice in epoch {event.epoch}, step {event.step}; "
            f"from here on {images_at_once} at once of the {self.task.choice.batch_size} images "
            "of a batch, which changes nothing but the time."
        )

    def _known_embeddings(self, samples: Sequence[Sample]) -> Tensor | None:
        return self.embeddings(samples) if self.embeddings else None

    def _validate(self) -> Validation:
        return validate(self.task, self.processes, self._stop_if_asked)

    def _keep_if_best(self, epoch: int, validation: Validation) -> None:
        """Note what a validation came to, save it, and write the model if it is the best."""
        progress = self.progress
        if validation.dice > progress.best_dice or epoch == 0:
            progress.best_dice, progress.best_cases = validation
            progress.best_epoch, progress.best_share = epoch, float(epoch > 0)
        self._save()
        self._write_best()

    def _write_best(self) -> None:
        """Write the model that is the best, where the weights as they are now make it.

        Otherwise it was written before they changed.
        """
        progress = self.progress
        if progress.batch == 0 and progress.best_epoch == progress.epoch:
            with self._mixed(progress.best_share) if progress.mixtures else nullcontext():
                self.processes.from_main(lambda: self.task.save_best(self.task.sam))

    def _try_mixtures(self) -> None:
        """Validate mixtures of the untuned and the last weights, and keep the one to trust.

        On few validation images the best of many candidates is the best by chance: the first
        mixture is kept unless another candidate is clearly better.
        """
        progress, tried = self.progress, dict[float, Validation]()
        for share in self.task.recipe.training.mixtures:
            with self._mixed(share):
                tried[share] = self._validate()
        progress.mixtures = {share: validation.dice for share, validation in tried.items()}
        chosen = share_to_trust(progress, {share: v.by_case for share, v in tried.items()})
        if chosen is not None:
            progress.best_dice, progress.best_cases = tried[chosen]
            progress.best_epoch, progress.best_share = progress.epoch, chosen
        self._save()
        self._write_best()

    @contextmanager
    def _mixed(self, share: float) -> Iterator[None]:
        """Put a mixture in the place of the trained weights for the block."""
        own = trained_tensors(self.task.sam)
        tuned = {name: tensor.clone() for name, tensor in own.items()}
        try:
            self._load(mixed(self.untuned, tuned, share))
            yield
        finally:
            self._load(tuned)

    @torch.no_grad()
    def _load(self, weights: Mapping[str, Tensor]) -> None:
        for name, tensor in trained_tensors(self.task.sam).items():
            tensor.copy_(weights[name])

    def _epoch_batches(self, epoch: int, first: int = 0) -> EpochBatches:
        return EpochBatches(
            self.dataset.views, self.task.choice.batch_size, self.task.recipe.seed, epoch, first
        )

    def _embeddings(self) -> ViewEmbeddings | None:
        """What a frozen encoder gives, or None where it is trained."""
        task = self.task
        if task.choice.name != "decoder":
            return None
        half = task.recipe.training.embedding_precision == "half"
        encoder = task.encoder or CachedEncoder(task.sam)
        # In a step of several processes none may leave before the others.
        stopping = self._stop_if_asked if self.processes.count == 1 else lambda: None
        return ViewEmbeddings(encoder, self.dataset, stopping, half=half)

    def _save_is_due(self) -> bool:
        return time.monotonic() - self.saved > SECONDS_BETWEEN_SAVES

    def _save(self) -> None:
        scaler = self.accelerator.scaler
        state = TrainingState(
            progress=self.progress,
            views=self.views,
            weights=trained_tensors(self.task.sam),
            optimizer=self.optimizer.state_dict(),
            scheduler=self.scheduler.state_dict(),
            scaler=scaler.state_dict() if scaler is not None else {},
        )
        self.processes.from_main(lambda: save_state(self.task.directory.state, state))
        self.saved = time.monotonic()
