from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from segment_anything.modeling import Sam

from samdomains.prompts.sampler import PromptMix
from samdomains.recipe import PromptRecipe
from samdomains.sam.frame import Frame
from samdomains.training.losses import LossWeights
from samdomains.training.rounds import ObjectBatch, corrected, rounds_loss
from samdomains.types import Logits, Mask, Prompts


class Recorder:
    """A sampler that remembers what it was asked."""

    def __init__(self) -> None:
        self.previous: list[Logits | None] = []
        self.mix = PromptMix(PromptRecipe(box=1, point=0, mask=0))

    def __call__(self, mask: Mask, rng: np.random.Generator, previous: Logits | None) -> Prompts:
        self.previous.append(previous)
        return self.mix(mask, rng, previous)


def batch() -> ObjectBatch:
    masks = [np.zeros((48, 64), dtype=bool), np.zeros((64, 30), dtype=bool)]
    masks[0][10:20, 10:40] = True
    masks[1][30:50, 5:20] = True
    frames = [Frame((48, 64), 64, 32), Frame((64, 30), 64, 32)]
    return ObjectBatch(masks, torch.tensor([0, 1]), frames)


def loss_of(sam: Sam, sampler: Recorder, corrections: int, seed: int = 0) -> torch.Tensor:
    torch.manual_seed(1)
    embeddings = torch.randn(2, 32, 8, 8)
    rngs = [np.random.default_rng([seed, number]) for number in range(2)]
    return rounds_loss(
        sam, embeddings, batch(), sampler, rngs, corrections=corrections, weights=LossWeights()
    )


def test_each_round_shows_the_sampler_the_last_answer_at_the_size_of_the_mask(
    miniature: Sam,
) -> None:
    sampler = Recorder()
    loss_of(miniature, sampler, corrections=2)
    assert sampler.previous[:2] == [None, None]
    later = [previous.shape for previous in sampler.previous[2:] if previous is not None]
    assert later == [(48, 64), (64, 30)] * 2


def test_the_same_seed_gives_the_same_loss_and_another_seed_another(miniature: Sam) -> None:
    first = loss_of(miniature, Recorder(), 1, seed=3)
    assert torch.equal(first, loss_of(miniature, Recorder(), 1, seed=3))
    assert not torch.equal(first, loss_of(miniature, Recorder(), 1, seed=4))


@pytest.mark.parametrize("corrections", [0, 2])
def test_the_loss_reaches_every_part_of_the_decoder(miniature: Sam, corrections: int) -> None:
    loss_of(miniature, Recorder(), corrections).backward()  # type: ignore[no-untyped-call]
    assert miniature.mask_decoder.mask_tokens.weight.grad is not None
    assert miniature.prompt_encoder.point_embeddings[2].weight.grad is not None


def ended(sam: Sam, bias: float) -> tuple[torch.Tensor, Recorder]:
    """The loss of an object that is there and of one that has ended, which has a given prompt."""
    objects, sampler = batch(), Recorder()
    nothing = np.zeros((64, 30), dtype=bool)
    given = Prompts(box=np.array([5, 30, 20, 50], dtype=np.float32))
    objects = replace(objects, masks=[objects.masks[0], nothing], given=[None, given])
    embeddings = torch.full((2, 32, 8, 8), bias)
    rngs = [np.random.default_rng(number) for number in range(2)]
    loss = rounds_loss(
        sam, embeddings, objects, sampler, rngs, corrections=2, weights=LossWeights()
    )
    return loss, sampler


@pytest.mark.parametrize("bias", [-3.0, 0.0, 3.0])
def test_the_sampler_is_asked_for_nothing_of_an_object_that_has_ended(
    miniature: Sam, bias: float
) -> None:
    loss, sampler = ended(miniature, bias)
    assert torch.isfinite(loss)
    assert [None if p is None else p.shape for p in sampler.previous] == [None, *[(48, 64)] * 2]


def test_a_false_answer_gets_a_click_on_the_background_and_a_right_one_none() -> None:
    nothing = np.zeros((64, 64), dtype=bool)
    objects = ObjectBatch([nothing] * 2, torch.tensor([0, 0]), [Frame((64, 64), 64, 32)])
    low = torch.full((2, 32, 32), -5.0)
    low[0, 10:14, 10:14] = 5.0
    box = Prompts(box=np.array([20, 20, 40, 40], dtype=np.float32))
    rngs = [np.random.default_rng(number) for number in range(2)]
    wrong, right = corrected(objects, [box, box], low, Recorder(), rngs)
    assert wrong.point_labels.tolist() == [0]
    assert (wrong.points >= 18).all()
    assert len(right.points) == 0
    for index, prompt in enumerate((wrong, right)):
        assert prompt.mask_logits is not None
        assert np.array_equal(prompt.mask_logits, low[index].numpy())
