"""What one training is: model, data, recipe, and where the result goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from segment_anything.modeling import Sam

from samdomains.checking import Tell, silent
from samdomains.errors import DataError
from samdomains.facts import StrategyChoice
from samdomains.progress import progress_bar
from samdomains.protocols import Normalizer, PromptSampler
from samdomains.recipe import Recipe
from samdomains.run_directory import RunDirectory
from samdomains.sam.cached_encoder import CachedEncoder
from samdomains.sam.frame import Frame
from samdomains.training.dataset import ViewDataset, views_of
from samdomains.training.neighbours import NeighbourPrompts
from samdomains.types import Case


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
        encoder: Of ``sam``, and keeps what it gives; only where the strategy leaves it as it is.
        tell: Takes one line about what happens now.
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
    encoder: CachedEncoder | None = None
    tell: Tell = silent


def dataset_of(task: Task) -> ViewDataset:
    """The training samples. With a frozen encoder they hold no pixels, and show fixed variants.

    Raises:
        DataError: No training case has an object to learn from.
    """
    recipe = task.recipe
    with progress_bar("listing objects", len(task.train)) as show:
        views = views_of(task.train, recipe, show)
    if not views:
        raise DataError(
            task.train[0].files[0].parent if task.train and task.train[0].files else ".",
            f"none of the {len(task.train)} training images has an object of "
            f"{recipe.data.minimum_area} pixels or more",
            "Label objects, or lower data.minimum_area.",
        )
    frozen = task.choice.name == "decoder"
    side, mask_side = task.sam.image_encoder.img_size, task.sam.prompt_encoder.mask_input_size[0]
    return ViewDataset(
        task.train,
        views,
        task.normalizer,
        partial(Frame, side=side, mask_side=mask_side),  # without the model, for workers
        objects_per_image=recipe.training.objects_per_image,
        augmentation=recipe.augmentation,
        variants=recipe.augmentation.variants if frozen else None,
        seed=recipe.seed,
        neighbours=NeighbourPrompts(recipe.prompts.neighbour, recipe.propagation),
    )
