from __future__ import annotations

import pytest
import torch

from samdomains.sam.decode import Answer
from samdomains.training.losses import LossWeights, answer_loss, mask_iou

TARGET = torch.zeros(1, 8, 8)
TARGET[:, 2:6, 2:6] = 1.0
RIGHT = (TARGET * 2 - 1) * 20
WRONG = -RIGHT


def answer(single: torch.Tensor, *three: torch.Tensor, iou: float = 1.0) -> Answer:
    return Answer(torch.stack([single, *three], dim=1), torch.full((1, 4), iou))


def loss(given: Answer, ambiguous: bool, **weights: float) -> float:
    return float(answer_loss(given, TARGET, torch.tensor([ambiguous]), LossWeights(**weights)))


def test_a_right_and_sure_answer_costs_nothing() -> None:
    assert loss(answer(RIGHT, WRONG, WRONG, WRONG), ambiguous=False) == pytest.approx(0, abs=1e-4)


def test_a_clear_prompt_is_charged_for_the_single_mask_only() -> None:
    assert loss(answer(WRONG, RIGHT, RIGHT, RIGHT), ambiguous=False) > 1


def test_an_ambiguous_prompt_is_charged_for_the_best_of_three() -> None:
    assert loss(answer(WRONG, WRONG, RIGHT, WRONG), ambiguous=True, iou=0.0) == pytest.approx(
        0, abs=1e-4
    )


def test_a_batch_costs_the_mean_of_its_objects() -> None:
    both = Answer(torch.randn(2, 4, 8, 8), torch.rand(2, 4))
    alone = [
        answer_loss(
            Answer(both.logits[i : i + 1], both.iou[i : i + 1]),
            TARGET,
            torch.tensor([ambiguous]),
            LossWeights(),
        )
        for i, ambiguous in enumerate((True, False))
    ]
    together = answer_loss(
        both, TARGET.expand(2, -1, -1), torch.tensor([True, False]), LossWeights()
    )
    torch.testing.assert_close(together, torch.stack(alone).mean())


def test_the_predicted_iou_is_charged_for_its_squared_error() -> None:
    given = answer(RIGHT, RIGHT, RIGHT, RIGHT, iou=0.5)
    assert loss(given, ambiguous=False) == pytest.approx(0.25, abs=1e-4)


def test_iou_counts_a_cell_as_inside_from_half_coverage_on() -> None:
    target = torch.tensor([[0.5, 0.49], [1.0, 0.0]])
    logits = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    assert float(mask_iou(logits, target)) == pytest.approx(2 / 3)


def test_where_nothing_is_to_be_found_an_empty_answer_costs_nothing_and_a_larger_one_more() -> None:
    nothing = torch.zeros(1, 8, 8)

    def cost(logits: torch.Tensor, iou: float) -> float:
        given = Answer(logits.expand(1, 4, 8, 8), torch.full((1, 4), iou))
        return float(answer_loss(given, nothing, torch.tensor([False]), LossWeights()))

    empty = torch.full((8, 8), -20.0)
    small, large = empty.clone(), empty.clone()
    small[:2, :2], large[:6, :6] = 20.0, 20.0
    assert cost(empty, iou=0.0) == pytest.approx(0, abs=1e-4)
    assert cost(empty, iou=0.5) == pytest.approx(0.25, abs=1e-4)
    assert 0.1 < cost(small, iou=0.0) < cost(large, iou=0.0)


@pytest.mark.parametrize("focal", [0.0, 2.0])
def test_a_small_doubtful_answer_to_nothing_is_pushed_away_and_others_count_as_before(
    focal: float,
) -> None:
    logits = torch.full((2, 4, 8, 8), -4.0)
    logits[:, :, 2:6, 2:6] = 1.0
    logits.requires_grad_()
    given = Answer(logits, torch.zeros(2, 4))
    target = torch.cat([torch.zeros(1, 8, 8), TARGET])
    weights = LossWeights(focal=focal)
    both = answer_loss(given, target, torch.tensor([False, False]), weights)
    both.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert (logits.grad[0, 0, 2:6, 2:6] > 1e-3).all()
    alone = [
        answer_loss(
            Answer(logits[i : i + 1], given.iou[i : i + 1]),
            target[i : i + 1],
            torch.tensor([False]),
            weights,
        )
        for i in range(2)
    ]
    torch.testing.assert_close(both, torch.stack(alone).mean())
