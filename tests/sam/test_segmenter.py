from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from segment_anything.modeling import Sam

from samdomains.recipe import ModelRecipe
from samdomains.sam import segmenter
from samdomains.sam.segmenter import EncodedImage, SamSegmenter
from samdomains.types import Image, Prompts


@pytest.fixture
def image() -> Image:
    return np.random.default_rng(0).random((3, 100, 150), dtype=np.float32)


def box(*corners: float) -> Prompts:
    return Prompts(box=np.array(corners, dtype=np.float32))


def clicks(*places: tuple[float, float], mask: np.ndarray | None = None) -> Prompts:
    return Prompts(
        points=np.array(places, dtype=np.float32),
        point_labels=np.ones(len(places), dtype=np.int64),
        mask_logits=mask,
    )


def test_an_answer_covers_the_whole_image_where_there_are_no_tiles(
    miniature: Sam, image: Image
) -> None:
    (answer,) = SamSegmenter(miniature).encode(image).predict([box(5, 5, 60, 80)], multimask=False)
    assert (answer.logits.shape, answer.origin, answer.image_size) == (
        (100, 150),
        (0, 0),
        (100, 150),
    )
    assert answer.low_resolution.shape == (32, 32)
    assert answer.mask().shape == (100, 150)
    assert np.isfinite(answer.predicted_iou)


def test_a_recipe_decides_how_closely_boxes_are_looked_at(miniature: Sam, image: Image) -> None:
    for recipe, shape in (
        (ModelRecipe(), (64, 64)),
        (ModelRecipe(name="vit_b"), (100, 150)),
        (ModelRecipe(zoom=None, tile=128), (100, 128)),
    ):
        encoded = SamSegmenter.of(miniature, recipe).encode(image)
        (answer,) = encoded.predict([box(70, 20, 90, 40)], multimask=False)
        assert answer.logits.shape == shape


def test_a_small_object_is_answered_in_its_tile_and_a_large_one_in_the_whole(
    miniature: Sam, image: Image
) -> None:
    encoded = SamSegmenter(miniature, tile=64).encode(image)
    small, large = encoded.predict([box(100, 60, 120, 80), box(2, 2, 140, 90)], multimask=False)
    assert small.logits.shape == (64, 64)
    y, x = small.origin
    assert 80 - 64 <= y <= 60
    assert 120 - 64 <= x <= 100
    outside = small.mask()
    outside[y : y + 64, x : x + 64] = False
    assert not outside.any()
    assert (large.logits.shape, large.origin) == ((100, 150), (0, 0))


def test_answers_do_not_depend_on_the_prompts_beside_them(
    miniature: Sam, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = [box(5, 5, 60, 80), clicks((70, 50)), box(100, 60, 120, 80), clicks((9, 9), (20, 9))]
    together = SamSegmenter(miniature, tile=64).encode(image).predict(prompts, multimask=True)
    monkeypatch.setattr(segmenter, "PROMPTS_PER_CALL", 1)
    one_by_one = SamSegmenter(miniature, tile=64).encode(image).predict(prompts, multimask=True)
    for left, right in zip(together, one_by_one, strict=True):
        assert left.origin == right.origin
        np.testing.assert_allclose(left.logits, right.logits, atol=1e-4)


def test_each_window_is_embedded_once_and_only_when_needed(miniature: Sam, image: Image) -> None:
    passes: list[None] = []
    miniature.image_encoder.register_forward_hook(lambda *_: passes.append(None))
    encoded = SamSegmenter(miniature, tile=64).encode(image)
    assert not passes
    for _ in range(2):
        encoded.predict([box(2, 2, 20, 20), box(4, 4, 25, 25)], multimask=False)
    assert len(passes) == 1
    encoded.predict([box(120, 70, 140, 90)], multimask=False)
    assert len(passes) == 2


def test_the_embeddings_that_are_kept_are_few_and_the_last_used(
    miniature: Sam, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segmenter, "EMBEDDINGS_KEPT", 2)
    passes: list[None] = []
    miniature.image_encoder.register_forward_hook(lambda *_: passes.append(None))
    encoded = SamSegmenter(miniature, tile=64).encode(image)
    first, second, third = box(2, 2, 20, 20), box(120, 2, 140, 20), box(120, 70, 140, 90)
    for prompt in (first, second, first, third, first):
        encoded.predict([prompt], multimask=False)
    assert len(passes) == 3
    assert len(encoded.embeddings) == 2
    encoded.predict([second], multimask=False)
    assert len(passes) == 4


@pytest.mark.parametrize(("most", "calls"), [(10**9, 1), (2 * 100 * 150, 3), (1, 5)])
def test_large_windows_are_answered_a_few_prompts_at_a_time(
    most: int, calls: int, miniature: Sam, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[None] = []
    miniature.mask_decoder.iou_prediction_head.register_forward_hook(lambda *_: asked.append(None))
    monkeypatch.setattr(segmenter, "LOGITS_AT_ONCE", most)
    prompts = [box(5, 5, 60 + i, 80) for i in range(5)]
    assert len(SamSegmenter(miniature).encode(image).predict(prompts, multimask=False)) == 5
    assert len(asked) == calls


def test_a_single_point_may_choose_among_three_masks(miniature: Sam, image: Image) -> None:
    encoded = SamSegmenter(miniature).encode(image)
    (best,) = encoded.predict([clicks((30, 30))], multimask=True)
    (single,) = encoded.predict([clicks((30, 30))], multimask=False)
    assert not np.array_equal(best.logits, single.logits)


def test_a_mask_from_another_window_is_left_out(miniature: Sam, image: Image) -> None:
    encoded = SamSegmenter(miniature, tile=64).encode(image)
    (first,) = encoded.predict([clicks((10, 10))], multimask=False)
    moved = ((10.0, 10.0), (140.0, 90.0))  # only the whole image holds both
    (with_mask,) = encoded.predict([clicks(*moved, mask=first.low_resolution)], multimask=False)
    (without,) = encoded.predict([clicks(*moved)], multimask=False)
    assert np.array_equal(with_mask.logits, without.logits)
    near = ((10.0, 10.0), (14.0, 12.0))
    (kept,) = encoded.predict([clicks(*near, mask=first.low_resolution)], multimask=False)
    (dropped,) = encoded.predict([clicks(*near)], multimask=False)
    assert not np.array_equal(kept.logits, dropped.logits)


def test_no_prompt_costs_nothing(miniature: Sam, image: Image) -> None:
    encoded = SamSegmenter(miniature).encode(image)
    assert encoded.predict([], multimask=False) == []
    assert isinstance(encoded, EncodedImage)
    assert encoded.embeddings == {}


def test_predicting_leaves_no_gradient(
    miniature: Sam, image: Image, answer: Callable[[Sam], torch.Tensor]
) -> None:
    before = answer(miniature).detach()
    SamSegmenter(miniature).encode(image).predict([box(5, 5, 60, 80)], multimask=False)
    assert all(parameter.grad is None for parameter in miniature.parameters())
    assert torch.equal(answer(miniature).detach(), before)
