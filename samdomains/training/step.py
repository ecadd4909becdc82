"""One step of the optimiser: a batch in parts, their gradients together, one change of weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from samdomains.errors import TrainingError
from samdomains.processes import ALONE, Processes
from samdomains.training.dataset import Sample
from samdomains.training.determinism import random_state, restore_random_state
from samdomains.training.gradients import add_up_gradients, added_up
from samdomains.training.memory import is_out_of_memory, release_memory
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
        images_at_once: Images whose activations are in memory together. Halved whenever the
            memory does not suffice for them.
        backing_off: Called with the new number each time that happens.
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
        backing_off: Callable[[int], None],
        processes: Processes = ALONE,
    ) -> None:
        self.accelerator, self.module = accelerator, module
        self.optimizer, self.scheduler = optimizer, scheduler
        self.clip_norm, self.images_at_once = clip_norm, images_at_once
        self.processes = processes
        self.backing_off = backing_off

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
            TrainingError: The loss is no number, or the memory does not suffice for one image.
        """
        random = random_state(self.accelerator.device)
        objects = added_up(sum(len(sample.masks) for sample in samples), self.processes)
        while True:
            self.optimizer.zero_grad(set_to_none=True)
            try:
                loss = self._add_gradients(samples, embeddings, corrections, objects)
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                at_once = min(self.images_at_once, len(samples))
                if at_once == 1:
                    raise self._too_large(samples) from error
            # Out of the handler, where the error's traceback held all that the attempt had made.
            self._back_off(at_once // 2)
            restore_random_state(random, self.accelerator.device)
        loss = _finite(added_up(loss, self.processes), place)
        self._change_weights(samples)
        return loss

    def _back_off(self, images_at_once: int) -> None:
        self.images_at_once = images_at_once
        self.optimizer.zero_grad(set_to_none=True)
        release_memory(self.accelerator.device)
        self.backing_off(images_at_once)

    def _change_weights(self, samples: Sequence[Sample]) -> None:
        """Follow the gradients; not repeated where it fails, since some weights have changed."""
        try:
            add_up_gradients(self.module.parameters(), self.processes)
            self.accelerator.clip_grad_norm_(self.module.parameters(), self.clip_norm)
            self.optimizer.step()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise self._too_large(samples) from error
        self.scheduler.step()

    def _too_large(self, samples: Sequence[Sample]) -> TrainingError:
        objects = max((len(sample.masks) for sample in samples), default=0)
        return TrainingError(
            f"the memory of {self.accelerator.device} does not suffice, even for one image at "
            f"once with up to {objects} objects. Lower training.objects_per_image or "
            "prompts.corrections, or choose --strategy lora or decoder, in a new run"
        )

    def _add_gradients(
        self,
        samples: Sequence[Sample],
        embeddings: Callable[[Sequence[Sample]], Tensor | None],
        corrections: int,
        objects: float,
    ) -> float:
        """Run the samples forwards and backwards, part by part.

        Returns:
            Their share of the loss, which is the mean over ``objects``.
        """
        loss = 0.0
        for start in range(0, len(samples), self.images_at_once):
            part = samples[start : start + self.images_at_once]
            share = sum(len(sample.masks) for sample in part) / objects
            part_loss = share * self.module(part, embeddings(part), corrections)
            loss += float(part_loss.detach())
            self.accelerator.backward(part_loss)
        return loss


def _finite(loss: float, place: str) -> float:
    """The loss, which is a number."""
    if not math.isfinite(loss):
        raise TrainingError(
            f"the loss became {loss} in {place}. Lower training.learning_rate, or set "
            "training.precision=no where it is another, in a new run"
        )
    return loss
