"""One step of the optimiser: a batch in parts, their gradients together, one change of weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from accelerate.utils.memory import should_reduce_batch_size
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from samdomains.errors import TrainingError
from samdomains.processes import ALONE, Processes
from samdomains.training.dataset import Sample
from samdomains.training.gradients import add_up_gradients, added_up
from samdomains.training.prompted_loss import PromptedLoss


class Stepper:
    """Takes steps.

    A step is the same, up to rounding, however its batch is divided: each object's prompts depend
    on nothing but its sample, and each object counts alike.

    Args:
        accelerator: Knows device, precision and processes.
        module: The model with its loss, prepared by the accelerator.
        optimizer: Prepared by the accelerator.
        scheduler: Of the learning rate.
        clip_norm: Largest norm of the gradient.
        images_at_once: Images whose activations are in memory together.
        processes: Those that take each step together, with a share of its batch each.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        module: PromptedLoss,
        optimizer: AcceleratedOptimizer,
        scheduler: LambdaLR,
        *,
        clip_norm: float,
        images_at_once: int,
        processes: Processes = ALONE,
    ) -> None:
        self.accelerator, self.module = accelerator, module
        self.optimizer, self.scheduler = optimizer, scheduler
        self.clip_norm, self.images_at_once = clip_norm, images_at_once
        self.processes = processes

    def step(
        self,
        samples: Sequence[Sample],
        embeddings: Callable[[Sequence[Sample]], Tensor | None],
        corrections: int,
        place: str,
    ) -> float:
        """Change the weights by one batch; returns its mean loss over the objects.

        Args:
            samples: The batch, or this process's share of it, which may be empty.
            embeddings: Gives the known embeddings of a part of the batch, (B, C, h, w), or None.
            corrections: Rounds of clicks after the first prompt.
            place: The step's, for an error: ``epoch 2, step 5``.

        Raises:
            TrainingError: The loss is no number, or the memory does not suffice.
        """
        try:
            self.optimizer.zero_grad(set_to_none=True)
            loss = self._add_gradients(samples, embeddings, corrections, place)
            add_up_gradients(self.module.parameters(), self.processes)
            self.accelerator.clip_grad_norm_(self.module.parameters(), self.clip_norm)
            self.optimizer.step()
        except RuntimeError as error:
            if not should_reduce_batch_size(error):
                raise
            raise TrainingError(
                f"the memory of {self.accelerator.device} does not suffice for a batch of "
                f"{len(samples)} with up to {max(len(s.masks) for s in samples)} objects an image. "
                "Lower training.batch_size or training.objects_per_image, or choose --strategy "
                "lora or decoder, in a new run"
            ) from error
        self.scheduler.step()
        return loss

    def _add_gradients(
        self,
        samples: Sequence[Sample],
        embeddings: Callable[[Sequence[Sample]], Tensor | None],
        corrections: int,
        place: str,
    ) -> float:
        """Run the batch forwards and backwards, part by part."""
        own, loss = sum(len(sample.masks) for sample in samples), 0.0
        objects = added_up(own, self.processes)
        for start in range(0, len(samples), self.images_at_once):
            part = samples[start : start + self.images_at_once]
            share = sum(len(sample.masks) for sample in part) / objects
            part_loss = share * self.module(part, embeddings(part), corrections)
            loss += float(part_loss.detach())
            self.accelerator.backward(part_loss)
        return _finite(added_up(loss, self.processes), place)


def _finite(loss: float, place: str) -> float:
    """The loss, which is a number."""
    if not math.isfinite(loss):
        raise TrainingError(
            f"the loss became {loss} in {place}. Lower training.learning_rate, or set "
            "training.precision=no where it is another, in a new run"
        )
    return loss
