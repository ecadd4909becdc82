"""Training the U-Net for a given time: the loop, its loss, and the weights that are kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from monai.losses import DiceLoss
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn import functional

from samdomains.benchmark.unet_network import half_precision, input_logits
from samdomains.benchmark.unet_patches import Lesson, Lessons, draw_patch
from samdomains.errors import TrainingError
from samdomains.evaluation.metrics import overlap
from samdomains.processes import Processes
from samdomains.recipe import AugmentationRecipe
from samdomains.training.determinism import deterministic_on_cpu
from samdomains.training.gradients import add_up_gradients, added_up
from samdomains.training.schedule import cosine_with_warmup

LEARNING_RATE = 3e-3
"""Peak of the schedule."""

WEIGHT_DECAY = 0.01
"""AdamW's decoupled decay."""

WARMUP = 0.1
"""Share of the training with a linearly rising rate."""

CLIP_NORM = 1.0
"""Largest norm of the gradient."""

BATCH_PIXELS = 4 * 256**2
"""Pixels of a step's patches in one process."""

FAST_BATCH_PIXELS = 8 * 256**2
"""The same on a CUDA GPU."""

LARGEST_BATCH = 8
"""Patches of a step in one process."""

VALIDATE_AT = (0.4, 0.6, 0.8, 0.9)
"""Shares of the training after which the weights are validated, beside its end."""

VALIDATED = 64
"""Validation images that are looked at, at most."""

VALIDATION_SHARE = 0.05
"""Share of the time that one validation may take; it leaves out the images beyond that."""

OFFSETS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, -1.0)
"""What is tried as an addition to a class's logits. After a short training what is rare has odds
below 1 everywhere, and nothing would be found; the validation images say where to cut."""

OUT_OF_CROWD = -30.0
"""Logit that stands where nothing is learnt: no loss, no gradient."""


class UNetTraining(BaseModel):
    """What the training came to.

    Attributes:
        steps: Of the optimiser.
        seconds: Wall time, from reading the first image to the last validation.
        images: Training images.
        validation_dice: Of the weights that were kept, mean over the classes in each validation
            image. None where these have no object; then the last weights are kept.
        offsets: What was added to the logits of each class, as suits the validation images.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int
    seconds: float
    images: int
    validation_dice: float | None
    offsets: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to train.

    Attributes:
        seconds: Wall time since ``began``.
        steps: Steps of the optimiser, which take as long as they take; None trains for ``seconds``.
        began: Value of ``time.monotonic``.
    """

    seconds: float
    steps: int | None
    began: float = field(default_factory=time.monotonic)

    @property
    def used(self) -> float:
        """Seconds."""
        return time.monotonic() - self.began

    def done(self, steps: int, reserved: float) -> float:
        """Share of the training that is over, from 0 to 1.

        Args:
            steps: That were taken.
            reserved: Seconds that are needed for what comes after the last step.
        """
        if self.steps is not None:
            return steps / self.steps
        return min(1.0, self.used / max(1e-9, self.seconds - reserved))


def fit_unet(
    net: nn.Module,
    train: Lessons,
    val: Lessons,
    *,
    augmentation: AugmentationRecipe,
    budget: Budget,
    seed: int,
    processes: Processes,
    progress: Callable[[int], None],
) -> UNetTraining:
    """Train a network in place; it gets the weights that were best on the validation images.

    Each process draws its own patches and their gradients are averaged, so that all have the same
    weights throughout. With a number of steps the result depends on the seed and the number of
    processes alone; with seconds, on the speed of the machine as well.

    Args:
        net: The same in all processes, on the device that computes.
        train: To learn from.
        val: Choose the weights.
        augmentation: Random changes.
        budget: How long.
        seed: Draws the patches.
        processes: Those that train together.
        progress: Called with the seconds used.

    Raises:
        TrainingError: The loss became no number.
        SamDomainsError: An image cannot be read.
    """
    device = next(net.parameters()).device
    with deterministic_on_cpu(device), ThreadPoolExecutor(1) as reader:
        loop = _Loop(net, train, val, budget, processes, reader)
        return loop.run(_Batches(train, augmentation, seed, processes, device), progress)


Batch = tuple[Tensor, Tensor, Tensor]
"""(B, 3, side, side) pixels, (B, K, side, side) target, (B, 1, side, side) validity."""


@dataclass(frozen=True, slots=True, eq=False)
class _Batches:
    """The batches of one process."""

    lessons: Lessons
    augmentation: AugmentationRecipe
    seed: int
    processes: Processes
    device: torch.device

    def __call__(self, step: int) -> Batch:
        rng = np.random.default_rng([self.seed, self.processes.index, step])
        side = self.lessons.design.side
        pixels = FAST_BATCH_PIXELS if self.device.type == "cuda" else BATCH_PIXELS
        size = min(LARGEST_BATCH, pixels // side**2)
        patches = [
            draw_patch(self.lessons[int(number)], side, self.augmentation, rng)
            for number in rng.integers(len(self.lessons.cases), size=size)
        ]
        image, target, valid = (
            torch.from_numpy(np.stack(arrays))
            for arrays in zip(*((p.image, p.target, p.valid) for p in patches), strict=True)
        )
        return image, target, valid


@dataclass(frozen=True, slots=True)
class Validated:
    """What weights are worth.

    Attributes:
        dice: Mean over the classes of the validation images; None where these have no object.
        offsets: For each class what is best added to its logits.
    """

    dice: float | None
    offsets: tuple[float, ...]


class _Loop:
    """One training. One thread reads: what readers keep of volumes is not made for several."""

    def __init__(
        self,
        net: nn.Module,
        train: Lessons,
        val: Lessons,
        budget: Budget,
        processes: Processes,
        reader: ThreadPoolExecutor,
    ) -> None:
        self.net, self.train, self.budget, self.processes = net, train, budget, processes
        self.validation = _Validation(net, val, budget, processes, reader)
        self.reader, self.device = reader, next(net.parameters()).device
        self.optimizer = torch.optim.AdamW(
            net.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY
        )
        self.best: tuple[Validated, dict[str, Tensor]] | None = None

    def run(self, batches: _Batches, progress: Callable[[int], None]) -> UNetTraining:
        """Step and validate until the budget is used."""
        steps, due = 0, list(VALIDATE_AT)
        ahead = self.reader.submit(batches, 0)
        slowest = 0.0
        while True:
            batch, done = self._agree(ahead, steps, slowest)
            if done >= 1.0 and steps > 0:
                break
            if due and done >= due[0]:
                due = [share for share in due if share > done]
                self._validate()
            started = time.monotonic()
            ahead = self.reader.submit(batches, steps + 1)
            self._step(batch, done, steps)
            steps += 1
            slowest = max(slowest, time.monotonic() - started) if steps > 2 else slowest
            progress(int(self.budget.used))
        self._validate()
        validated = Validated(None, (0.0,) * len(self.train.design.classes))
        if self.best is not None:
            validated, weights = self.best
            self.net.load_state_dict(weights)
        add_offsets(self.net, validated.offsets)
        return UNetTraining(
            steps=steps,
            seconds=self.budget.used,
            images=len(self.train.cases),
            validation_dice=validated.dice,
            offsets=validated.offsets,
        )

    def _agree(self, ahead: Future[Batch], steps: int, step_seconds: float) -> tuple[Batch, float]:
        """Wait for the batch; all processes go by the clock of the main one."""

        def done() -> float:
            ahead.result()  # fails in all processes where it fails in one
            return self.budget.done(steps, self.validation.seconds + step_seconds)

        shares = self.processes.gather(done)
        return ahead.result(), shares[0]

    def _step(self, batch: Batch, done: float, number: int) -> None:
        image, target, valid = (part.to(self.device, non_blocking=True) for part in batch)
        rate = cosine_with_warmup(round(1000 * WARMUP), 1000, int(1000 * done))
        for group in self.optimizer.param_groups:
            group["lr"] = LEARNING_RATE * rate
        self.net.train()
        self.optimizer.zero_grad(set_to_none=True)
        with half_precision(self.device):
            logits = self.net(image)
        loss = unet_loss(logits.float(), target, valid) / self.processes.count
        torch.autograd.backward(loss)
        value = added_up(float(loss.detach()), self.processes)
        if not math.isfinite(value):
            raise TrainingError(f"the loss of the U-Net became {value} in step {number + 1}")
        add_up_gradients(self.net.parameters(), self.processes)
        nn.utils.clip_grad_norm_(self.net.parameters(), CLIP_NORM)
        self.optimizer.step()

    def _validate(self) -> None:
        average_statistics(self.net, self.processes)
        found = self.validation()
        if found.dice is None:
            return
        if self.best is None or found.dice >= (self.best[0].dice or 0.0):
            weights = {name: t.detach().clone() for name, t in self.net.state_dict().items()}
            self.best = (found, weights)


def unet_loss(logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Dice loss plus binary cross-entropy, each channel by itself since classes may overlap.

    The Dice loss takes all patches of the batch together: one without an object then costs what
    is found in it, and no more.

    Args:
        logits: (B, K, H, W).
        target: (B, K, H, W) boolean.
        valid: (B, 1, H, W) boolean, false where nothing is learnt.
    """
    truth = (target & valid).float()
    known = torch.where(valid, logits, logits.new_tensor(OUT_OF_CROWD))
    dice: Tensor = DiceLoss(sigmoid=True, batch=True)(known, truth)
    entropy = functional.binary_cross_entropy_with_logits(known, truth, reduction="sum")
    return dice + entropy / (valid.sum() * logits.shape[1]).clamp(min=1)


def add_offsets(net: nn.Module, offsets: Sequence[float]) -> None:
    """Add to the logits of the first channels, the classes, for good."""
    head = [module for module in net.modules() if isinstance(module, nn.Conv2d)][-1]
    if head.bias is None:
        raise TypeError("the last convolution of a U-Net has a bias")
    with torch.no_grad():
        head.bias[: len(offsets)] += head.bias.new_tensor(offsets)


def average_statistics(net: nn.Module, processes: Processes) -> None:
    """Give all processes the mean of what their batch normalisations have seen."""
    if processes.count == 1:
        return
    own = [b for b in net.buffers() if b.is_floating_point()]
    everyone = processes.gather(lambda: [b.cpu() for b in own])
    for buffer, seen in zip(own, zip(*everyone, strict=True), strict=True):
        buffer.copy_(torch.stack(seen).mean(dim=0))


class _Validation:
    """Scores the network on the same images each time: as many as the first time allowed.

    Attributes:
        seconds: That it takes: allowed before the first time, measured after it.
    """

    def __init__(
        self,
        net: nn.Module,
        lessons: Lessons,
        budget: Budget,
        processes: Processes,
        reader: ThreadPoolExecutor,
    ) -> None:
        self.net, self.lessons, self.processes, self.reader = net, lessons, processes, reader
        numbers = np.random.default_rng(0).permutation(len(lessons.cases))[:VALIDATED]
        self.numbers: Sequence[int] = processes.share(numbers.tolist())
        self.allowed = VALIDATION_SHARE * budget.seconds if budget.steps is None else math.inf
        self.seconds = self.allowed if lessons.cases else 0.0

    def __call__(self) -> Validated:
        """Mean Dice of each class in each image that has it, each class cut where it is best."""
        offsets = [0.0] * len(self.lessons.design.classes)
        if not self.lessons.cases:
            return Validated(None, tuple(offsets))
        self.net.eval()
        started = time.monotonic()
        scored = [item for own in self.processes.gather(self._dice) for item in own]
        self.seconds = time.monotonic() - started
        best = list[float]()
        for channel in range(len(offsets)):
            rows = np.array([dice for number, dice in scored if number == channel])
            if len(rows):
                place = int(rows.mean(axis=0).argmax())
                offsets[channel] = OFFSETS[place]
                best += rows[:, place].tolist()
        return Validated(float(np.mean(best)) if best else None, tuple(offsets))

    def _dice(self) -> list[tuple[int, list[float]]]:
        """Class and Dice at each offset, of this process's images."""
        started = time.monotonic()
        dice = list[tuple[int, list[float]]]()
        for place, number in enumerate(self.numbers):
            if place > 0 and time.monotonic() - started > self.allowed:
                self.numbers = self.numbers[:place]
                break
            dice += self._dice_of(self.reader.submit(self.lessons.__getitem__, number).result())
        return dice

    def _dice_of(self, lesson: Lesson) -> Iterator[tuple[int, list[float]]]:
        """Of each class that an image has."""
        logits = input_logits(self.net, self.lessons.design, lesson.image.astype(np.float32))
        for channel in range(len(self.lessons.design.classes)):
            truth = lesson.target[channel] & lesson.valid[0]
            if truth.any():
                answers = ((logits[channel] > -offset) & lesson.valid[0] for offset in OFFSETS)
                yield channel, [overlap(answer, truth).dice for answer in answers]
