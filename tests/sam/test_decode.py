from __future__ import annotations

import numpy as np
import pytest
import torch
from segment_anything.modeling import Sam

from samdomains.sam.decode import Answer, decode, is_ambiguous, select
from samdomains.types import Prompts


def box(x0: float, y0: float, x1: float, y1: float) -> Prompts:
    return Prompts(box=np.array([x0, y0, x1, y1], dtype=np.float32))


def clicks(*points: tuple[float, float, int], mask: bool = False) -> Prompts:
    low = np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32) if mask else None
    return Prompts(
        points=np.array([p[:2] for p in points], dtype=np.float32).reshape(-1, 2),
        point_labels=np.array([p[2] for p in points], dtype=np.int64),
        mask_logits=low,
    )


KINDS = {
    "box": box(3, 4, 20, 30),
    "point": clicks((10, 12, 1)),
    "points": clicks((10, 12, 1), (40, 50, 0), mask=True),
    "mask alone": clicks(mask=True),
}


def official(
    sam: Sam, embedding: torch.Tensor, prompt: Prompts
) -> tuple[torch.Tensor, torch.Tensor]:
    points = None
    if len(prompt.points):
        points = (
            torch.from_numpy(prompt.points)[None],
            torch.from_numpy(prompt.point_labels)[None],
        )
    boxes = None if prompt.box is None else torch.from_numpy(prompt.box)[None]
    low = prompt.mask_logits
    masks = None if low is None else torch.from_numpy(low)[None, None]
    sparse, dense = sam.prompt_encoder(points=points, boxes=boxes, masks=masks)
    masks_out, iou = sam.mask_decoder.predict_masks(
        embedding[None], sam.prompt_encoder.get_dense_pe(), sparse, dense
    )
    return masks_out[0], iou[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_is_answered_as_the_official_decoder_answers_it(miniature: Sam, kind: str) -> None:
    embedding = torch.randn(1, 32, 8, 8)
    answer = decode(miniature, embedding, torch.zeros(1, dtype=torch.long), [KINDS[kind]])
    masks, iou = official(miniature, embedding[0], KINDS[kind])
    torch.testing.assert_close(answer.logits[0], masks, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(answer.iou[0], iou, rtol=1e-4, atol=1e-5)


def test_every_parameter_of_the_decoder_gets_the_official_gradient(miniature: Sam) -> None:
    embedding, parameters = (
        torch.randn(1, 32, 8, 8),
        dict(miniature.mask_decoder.named_parameters()),
    )
    results = []
    answer = decode(miniature, embedding, torch.zeros(1, dtype=torch.long), [KINDS["box"]])
    for masks, iou in (answer, official(miniature, embedding[0], KINDS["box"])):
        total = masks.square().mean() + iou.square().sum()
        gradients = torch.autograd.grad(total, list(parameters.values()))
        results.append(dict(zip(parameters, gradients, strict=True)))
    torch.testing.assert_close(results[0], results[1], rtol=1e-3, atol=1e-5)


def test_mixed_prompts_of_several_images_keep_their_order_and_their_image(miniature: Sam) -> None:
    embeddings = torch.randn(2, 32, 8, 8)
    prompts = [KINDS[k] for k in ("point", "box", "points", "point", "mask alone", "box")]
    index = torch.tensor([0, 1, 1, 1, 0, 0])
    answer = decode(miniature, embeddings, index, prompts)
    for i, prompt in enumerate(prompts):
        masks, _ = official(miniature, embeddings[index[i]], prompt)
        torch.testing.assert_close(answer.logits[i], masks, rtol=1e-4, atol=1e-5)


def test_an_ambiguous_prompt_takes_the_best_of_three_and_others_the_single_mask() -> None:
    logits = torch.arange(8.0).reshape(2, 4, 1, 1)
    iou = torch.tensor([[0.9, 0.1, 0.8, 0.3], [0.9, 0.1, 0.8, 0.3]])
    low, predicted = select(Answer(logits, iou), torch.tensor([True, False]))
    assert low.flatten().tolist() == [2.0, 4.0]
    assert predicted.tolist() == pytest.approx([0.8, 0.9])


def test_only_a_single_point_without_mask_or_box_is_ambiguous() -> None:
    assert is_ambiguous(KINDS["point"])
    assert not any(is_ambiguous(KINDS[k]) for k in ("box", "points", "mask alone"))
