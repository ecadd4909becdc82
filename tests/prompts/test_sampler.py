from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from samdomains.prompts.propagated import MASK_LOGIT
from samdomains.prompts.sampler import PromptMix
from samdomains.recipe import PromptRecipe
from samdomains.types import Mask, Prompts

BOXES = PromptMix(PromptRecipe(box=1, point=0, mask=0))
POINTS = PromptMix(PromptRecipe(box=0, point=1, mask=0))
MASKS = PromptMix(PromptRecipe(box=0, point=0, mask=1))
MIX = PromptMix(PromptRecipe())


SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, max_side=24)
ANY_MASK = arrays.arrays(np.bool_, SHAPES).filter(np.any)
"""Masks of any shape with a true pixel: single pixels, scattered parts, holes, full ones."""


def same(first: Prompts, second: Prompts) -> bool:
    return all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("points", "point_labels", "box", "prior")
    )


def assert_labels_tell_the_truth(prompts: Prompts, mask: Mask) -> None:
    for (x, y), label in zip(prompts.points.astype(int), prompts.point_labels, strict=True):
        assert mask[y, x] == bool(label)


@given(ANY_MASK, st.integers(0, 2**32 - 1))
def test_first_prompts_are_true_to_the_mask(mask: Mask, seed: int) -> None:
    prompts = MIX(mask, np.random.default_rng(seed), None)
    assert_labels_tell_the_truth(prompts, mask)
    assert prompts.source == "ground_truth"
    if prompts.box is not None:
        x0, y0, x1, y1 = prompts.box
        assert 0 <= x0 < x1 <= mask.shape[1]
        assert 0 <= y0 < y1 <= mask.shape[0]
    if prompts.prior is not None:
        assert prompts.prior.shape == mask.shape
        assert (prompts.prior > 0).any()


@given(ANY_MASK, st.integers(0, 2**32 - 1))
def test_a_reaction_is_one_true_click_and_the_last_answer(mask: Mask, seed: int) -> None:
    generator = np.random.default_rng(seed)
    previous = generator.normal(size=mask.shape).astype(np.float32)
    prompts = MIX(mask, generator, previous)
    assert prompts.points.shape == (1, 2)
    assert prompts.prior is previous
    assert_labels_tell_the_truth(prompts, mask)
    x, y = prompts.points[0].astype(int)
    wrong = mask != (previous > 0)
    assert wrong[y, x] or not wrong.any()


@given(ANY_MASK, st.integers(0, 2**32 - 1))
def test_the_same_seed_gives_the_same_prompt(mask: Mask, seed: int) -> None:
    first = MIX(mask, np.random.default_rng(seed), None)
    assert same(first, MIX(mask, np.random.default_rng(seed), None))


def test_a_perfect_answer_gets_another_point_on_the_object(
    square: Mask, rng: np.random.Generator
) -> None:
    perfect = np.where(square, 1, -1).astype(np.float32)
    prompts = MIX(square, rng, perfect)
    assert prompts.point_labels.tolist() == [1]
    assert_labels_tell_the_truth(prompts, square)


def test_a_weight_of_one_gives_that_kind_alone(square: Mask, rng: np.random.Generator) -> None:
    for _ in range(20):
        box, point, mask = (sampler(square, rng, None) for sampler in (BOXES, POINTS, MASKS))
        assert box.box is not None
        assert len(box.points) == 0
        assert point.box is None
        assert point.point_labels[0] == 1
        assert mask.prior is not None
        assert set(np.unique(mask.prior)) == {-MASK_LOGIT, MASK_LOGIT}


def test_the_mix_follows_its_weights(square: Mask, rng: np.random.Generator) -> None:
    prompts = [MIX(square, rng, None) for _ in range(1000)]
    assert np.isclose(np.mean([p.box is not None for p in prompts]), 0.5, atol=0.06)
    assert np.isclose(np.mean([p.prior is not None for p in prompts]), 0.1, atol=0.04)


def test_some_point_starts_bring_a_background_point(square: Mask, rng: np.random.Generator) -> None:
    negative = np.mean([0 in POINTS(square, rng, None).point_labels for _ in range(500)])
    assert 0.08 < negative < 0.25


def test_a_last_answer_of_another_size_is_refused(square: Mask, rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="size"):
        MIX(square, rng, np.zeros((4, 4), dtype=np.float32))


def test_an_empty_mask_is_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="without a true pixel"):
        MIX(np.zeros((4, 4), dtype=bool), rng, None)


def test_the_sampler_pickles() -> None:
    assert pickle.loads(pickle.dumps(MIX)) == MIX
