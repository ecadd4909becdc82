from __future__ import annotations

from functools import partial

import torch
from segment_anything.modeling import Sam

from samdomains.prompts.sampler import PromptMix
from samdomains.recipe import ModelRecipe, Recipe
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
    from_images = module(batch, None, 1)
    assert torch.equal(module(batch, embeddings, 1), from_images)
    assert from_images.requires_grad
