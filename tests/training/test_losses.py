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
