"""The resumable state of a run: everything that training needs to go on as if never interrupted."""

from __future__ import annotations

import pickle
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch

from samdomains.errors import RunDirectoryError
from samdomains.files import atomic_path

STATE_FILE = "training.pt"


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """What one epoch came to.

    Attributes:
        epoch: Counted from 1.
        train_loss: Mean loss of its steps.
        val_dice: Mean Dice on the validation cases, over boxes and points.
        learning_rate: At its last step.
        seconds: Wall time, validation included.
        data_seconds: Of these, the time in which steps waited for their batch to be loaded.
    """

    epoch: int
    train_loss: float
    val_dice: float
    learning_rate: float
    seconds: float
    data_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class BackOff:
    """The memory did not suffice for as many images at once as before.

    Attributes:
        epoch: Counted from 1.
        step: Of the epoch, counted from 1.
        images_at_once: Images whose activations are in memory together from then on.
    """

    epoch: int
    step: int
    images_at_once: int


@dataclass(slots=True)
class Progress:
    """Where training stands.

    Attributes:
        epoch: Epochs completed.
        batch: Batches done in the running epoch.
        loss_sum: Sum of the losses of these batches.
        untuned_dice: Validation Dice of the untuned model; None before it is known.
        best_dice: Best validation Dice so far.
        best_epoch: The epoch that reached it; 0 is the untuned model.
        best_share: Share of the tuned weights in what reached it: 1 for an epoch as it was, 0 for
            the untuned model, and between for a mixture with the last epoch.
        best_cases: Validation case → its Dice then.
        mixtures: Share → validation Dice of the mixtures tried at the end.
        history: One record for each completed epoch.
        back_offs: Where the memory did not suffice, in order.
    """

    epoch: int = 0
    batch: int = 0
    loss_sum: float = 0.0
    untuned_dice: float | None = None
    best_dice: float = float("-inf")
    best_epoch: int = 0
    best_share: float = 0.0
    best_cases: dict[str, float] = field(default_factory=dict)
    mixtures: dict[float, float] = field(default_factory=dict)
    history: list[EpochRecord] = field(default_factory=list)
    back_offs: list[BackOff] = field(default_factory=list)


def kept_weights(progress: Progress) -> str:
    """Which weights a finished training kept, in a sentence.

    Example:
        >>> kept_weights(Progress(best_epoch=4, best_share=1.0, best_dice=0.81, untuned_dice=0.8))
        'Kept: the weights of epoch 4 (validation Dice 0.810, untuned 0.800).'
    """
    gain = f"validation Dice {progress.best_dice:.3f}, untuned {progress.untuned_dice or 0:.3f}"
    if progress.best_epoch == 0:
        return f"Kept: the untuned weights, which were clearly the best on validation ({gain})."
    if progress.best_share == 1:
        return f"Kept: the weights of epoch {progress.best_epoch} ({gain})."
    tuned, rest = progress.best_share, 1 - progress.best_share
    return (
        f"Kept: a mixture of {tuned:.0%} of the weights after epoch {progress.best_epoch} and "
        f"{rest:.0%} of the untuned ones ({gain})."
    )


@dataclass(frozen=True, slots=True)
class TrainingState:
    """What is written and read: progress, tensors and the random state.

    Attributes:
        progress: Where training stands.
        views: Fingerprint of what is learnt from; a run goes on with the same only.
        weights: Trained tensors by name.
        optimizer: State of the optimiser.
        scheduler: State of the learning rate schedule.
        scaler: State of the loss scaling of fp16; empty in other precisions.
    """

    progress: Progress
    views: str
    weights: dict[str, torch.Tensor]
    optimizer: dict[str, Any]
    scheduler: dict[str, Any]
    scaler: dict[str, Any]


def save_state(directory: Path, state: TrainingState) -> None:
    """Write the state atomically; the earlier one stays until the new one is complete.

    Raises:
        OSError: It cannot be written.
    """
    content = {item.name: getattr(state, item.name) for item in fields(state)}
    write_torch(directory / STATE_FILE, content | {"progress": asdict(state.progress)})


def write_torch(path: Path, content: dict[str, Any]) -> None:
    """Write what ``torch.load`` reads with ``weights_only=True``, atomically.

    Raises:
        OSError: It cannot be written.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save(content, file)
        except RuntimeError as error:
            # On a full disk torch raises this while it handles what the file itself said.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


def load_state(directory: Path) -> TrainingState | None:
    """Read the state, or None where training had not begun.

    Raises:
        RunDirectoryError: The file is damaged.
    """
    path = directory / STATE_FILE
    if not path.exists():
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise RunDirectoryError(
            f"{path} is damaged and cannot be resumed. Start again in a new folder."
        ) from error
    progress = content.pop("progress")
    progress["history"] = [EpochRecord(**record) for record in progress["history"]]
    progress["back_offs"] = [BackOff(**event) for event in progress["back_offs"]]
    return TrainingState(progress=Progress(**progress), **content)
