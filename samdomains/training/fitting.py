"""Fit a chosen strategy to the machine: how many images at once, in how large a batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import torch

from samdomains.errors import TrainingError
from samdomains.facts import StrategyChoice
from samdomains.recipe import Recipe
from samdomains.strategy_choice import BATCH_SIZES
from samdomains.training.memory import at_most, is_out_of_memory
from samdomains.training.probe import MeasuredMemory
from samdomains.types import StrategyName

PREDICTION_ERROR = 0.15
"""How far the memory of a batch that is taken at once may be from its prediction. On a CPU one that
is divided took up to a third more than predicted (docs/performance.md)."""

UNDOUBTED = 0.25
"""Share of the free memory below which an estimate needs no measuring: it is right to a factor of
two on the shipped and the official models."""

_CHEAPER: dict[StrategyName, StrategyName] = {"full": "lora", "lora": "decoder"}


def fit(
    choice: StrategyChoice,
    measure: Callable[[StrategyName], MeasuredMemory],
    *,
    recipe: Recipe,
    images: int,
    free: int,
    device: torch.device,
) -> StrategyChoice:
    """Measure, and take the most images at once that fit.

    Unless the recipe names the batch, it is the largest that fits, from 4 to the choice's. Where
    not even 4 do, the gradients of fewer images add up to a batch. Unless the recipe names the
    strategy, a cheaper one is taken where not even one image at once fits.

    Args:
        choice: What the domain wants.
        measure: Gives the memory of a strategy, or raises that there is not enough.
        recipe: All values.
        images: Training images, the most that a batch of one epoch can hold.
        free: Bytes that are free.
        device: Where they are.

    Raises:
        TrainingError: Not even one image at once fits.
    """
    reasons: list[str] = []
    fixed = recipe.strategy.name != "auto"
    for name in [choice.name] if fixed else _from(choice.name):
        needed = _measured(partial(measure, name), free, device)
        most = _images_within(needed, free, min(choice.batch_size, images)) if needed else 0
        if needed and most:
            tried = replace(choice, name=name, reasons=(*choice.reasons, *reasons))
            size = _batch_size(choice.batch_size, most, recipe)
            return _divided(tried, needed, size, min(size, images), most, free)
        takes = f"about {_gigabytes(needed.peak(1, 1))}" if needed else "more than that"
        reasons.append(
            f"{name} does not fit into the {_gigabytes(free)} that are free on {device.type}: "
            f"measured, one image at once takes {takes}."
        )
    raise TrainingError(
        f"{' '.join(reasons)} Free some memory, lower training.objects_per_image or "
        "prompts.corrections, or choose a smaller --model, or --strategy lora or decoder"
    )


def without_measuring(choice: StrategyChoice) -> StrategyChoice:
    """The whole batch at once."""
    return replace(choice, images_at_once=choice.batch_size)


def _from(name: StrategyName) -> Iterator[StrategyName]:
    """The strategy and the cheaper ones, the next cheaper first."""
    yield name
    while name in _CHEAPER:
        name = _CHEAPER[name]
        yield name


def _measured(
    measure: Callable[[], MeasuredMemory], free: int, device: torch.device
) -> MeasuredMemory | None:
    try:
        with at_most(device, free):
            return measure()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return None


def _images_within(needed: MeasuredMemory, free: int, batch: int) -> int:
    """The most images at once, from 0 to a batch, that fit even where they take somewhat more."""
    for images in range(batch, 0, -1):
        if needed.peak(images, batch) * (1 + PREDICTION_ERROR) <= free:
            return images
    return 0


def _batch_size(wanted: int, fitting: int, recipe: Recipe) -> int:
    if recipe.training.batch_size is not None:
        return wanted
    return min(wanted, max(BATCH_SIZES[0], fitting))


def _divided(
    choice: StrategyChoice,
    needed: MeasuredMemory,
    batch_size: int,
    images: int,
    most: int,
    free: int,
) -> StrategyChoice:
    """Divide the images of a batch evenly into parts of at most so many."""
    at_once = math.ceil(images / math.ceil(images / most))
    parts = "all at once" if at_once == images else f"{at_once} at once, their gradients added up"
    reason = (
        f"Measured: predicted peak {_gigabytes(needed.peak(at_once, images))} of "
        f"{_gigabytes(free)} free, {images} images a step, {parts}."
    )
    return replace(
        choice, batch_size=batch_size, images_at_once=at_once, reasons=(*choice.reasons, reason)
    )


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB"
