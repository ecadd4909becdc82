"""The score that chooses the best epoch, by the scorer of the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from samdomains.evaluation.results import dice_by_case, validation_dice
from samdomains.evaluation.scorer import Asked, score
from samdomains.processes import Processes
from samdomains.progress import progress_bar
from samdomains.sam.segmenter import SamSegmenter
from samdomains.training.task import Task
from samdomains.types import PromptName

VALIDATION_PROMPTS: tuple[PromptName, ...] = ("box", "point")
"""Kinds of prompt that choose the best epoch, of those that the recipe evaluates."""


class Validation(NamedTuple):
    """How good the model is on the validation cases.

    Attributes:
        dice: Mean Dice.
        by_case: Case → its Dice.
    """

    dice: float
    by_case: dict[str, float]


def validate(task: Task, processes: Processes, stopping: Callable[[], None]) -> Validation:
    """Score the task's model as it is now, in evaluation mode.

    Args:
        task: Its model, its validation cases and how they are looked at.
        processes: Those that hold the same model and divide the cases.
        stopping: Called after each case; may raise to stop here.
    """
    recipe = task.recipe
    evaluated = tuple(p for p in recipe.evaluation.prompts if p != "auto")  # too slow each epoch
    shared = tuple(p for p in VALIDATION_PROMPTS if p in evaluated)
    prompts = shared or evaluated or VALIDATION_PROMPTS
    task.sam.eval()
    with progress_bar("validating", len(processes.share(task.val))) as show:

        def advance(done: int) -> None:
            show(done)
            stopping()

        scores = score(
            {"tuned": SamSegmenter.of(task.sam, recipe.model, task.encoder)},
            task.val,
            normalizer=task.normalizer,
            asked=Asked(
                prompts,
                recipe.data.minimum_area,
                objects_per_case=recipe.evaluation.validation_objects,
                seed=recipe.seed,
            ),
            processes=processes,
            progress=advance,
        ).objects
    return Validation(validation_dice(scores), dice_by_case(scores))
