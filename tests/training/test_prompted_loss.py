from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from segment_anything.modeling import Sam
from torch import Tensor

from samdomains.prompts.sampler import PromptMix
from samdomains.recipe import ModelRecipe, PromptRecipe, Recipe
from samdomains.sam.frame import Frame, encode
from samdomains.training.dataset import Sample, ViewDataset, list_views
from samdomains.training.prompted_loss import PromptedLoss
from samdomains.types import Case

from .conftest import to_unit_range


def samples(sam: Sam, cases: list[Case]) -> list[Sample]:
    dataset = ViewDataset(
        cases,
        list_views(cases, ModelRecipe(zoom=None), 4),
        to_unit_range,
        partial(Frame.of, sam),
        objects_per_image=2,
        augmentation=None,
    )
    return [dataset[index, 0] for index in range(2)]


def test_known_embeddings_give_the_same_loss_as_the_images(
    miniature: Sam, cases: list[Case]
) -> None:
    batch = samples(miniature, cases)
    recipe = Recipe()
    module = PromptedLoss(miniature, PromptMix(recipe.prompts), recipe)
    images = torch.stack([sample.image for sample in batch if sample.image is not None])
    content = torch.stack([sample.frame.content() for sample in batch])
    embeddings = encode(miniature, images, content)
    from_images = module(batch, None, np.random.default_rng(5))
    assert torch.equal(module(batch, embeddings, np.random.default_rng(5)), from_images)
    assert from_images.requires_grad


def test_up_to_the_recipes_number_of_corrections_is_drawn(
    miniature: Sam, cases: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: set[int] = set()

    def spy(*_: object, corrections: int, **__: object) -> Tensor:
        drawn.add(corrections)
        return torch.zeros(())

    monkeypatch.setattr("samdomains.training.prompted_loss.rounds_loss", spy)
    recipe = Recipe(prompts=PromptRecipe(corrections=2))
    module = PromptedLoss(miniature, PromptMix(recipe.prompts), recipe)
    batch = samples(miniature, cases)
    for seed in range(30):
        module(batch, None, np.random.default_rng(seed))
    assert drawn == {0, 1, 2}
