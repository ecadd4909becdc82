"""The losses of SAM: focal and Dice for the mask, squared error for the predicted IoU."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from monai.losses import DiceLoss, FocalLoss
from torch import Tensor

from samdomains.sam.decode import Answer


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weights of the three terms.

    Attributes:
        focal: Focal loss (20 in the SAM paper, arXiv:2304.02643, appendix A).
        dice: Dice loss (1 in the paper).
        iou: Squared error of the predicted IoU (1 in the paper).
        gamma: Focusing parameter (2 in Lin et al. 2017, arXiv:1708.02002); 0 gives cross-entropy.
    """

    focal: float = 20.0
    dice: float = 1.0
    iou: float = 1.0
    gamma: float = 2.0


def mask_iou(logits: Tensor, target: Tensor) -> Tensor:
    """IoU of thresholded logits with a mask.

    Args:
        logits: (..., m, m).
        target: (..., m, m), covered share of each cell; from one half on a cell is inside.

    Returns:
        (...) IoU; 0 where both are empty.
    """
    predicted, truth = logits > 0, target >= 0.5
    intersection = (predicted & truth).sum(dim=(-2, -1)).float()
    union = (predicted | truth).sum(dim=(-2, -1)).float()
    return intersection / union.clamp(min=1.0)


def answer_loss(answer: Answer, target: Tensor, ambiguous: Tensor, weights: LossWeights) -> Tensor:
    """Mean loss of N answers, with the multi-mask rule of the SAM paper (section 3).

    An ambiguous prompt (a single point) is charged only for the best of its three masks, so that
    they learn to differ; any other prompt is charged for the single mask.

    Args:
        answer: Low-resolution logits and predicted IoU of N prompts.
        target: (N, m, m), covered share of each low-resolution cell.
        ambiguous: (N,) boolean.
        weights: Of the terms.
    """
    logits, predicted_iou = answer.logits.float(), answer.iou.float()
    truth = target[:, None].expand_as(logits)
    per_mask = weights.dice * _dice(logits, truth)
    if weights.focal > 0:
        per_mask = per_mask + weights.focal * _focal(logits, truth, weights.gamma)
    per_mask_iou = (predicted_iou - mask_iou(logits.detach(), truth)).square()
    ambiguous_loss = per_mask[:, 1:].min(dim=1).values + weights.iou * per_mask_iou[:, 1:].mean(
        dim=1
    )
    single_loss = per_mask[:, 0] + weights.iou * per_mask_iou[:, 0]
    return torch.where(ambiguous, ambiguous_loss, single_loss).mean()


def _dice(logits: Tensor, truth: Tensor) -> Tensor:
    """(N, K): Dice loss of each mask."""
    values: Tensor = DiceLoss(sigmoid=True, reduction="none")(logits, truth)
    return values.flatten(2).mean(dim=2)


def _focal(logits: Tensor, truth: Tensor, gamma: float) -> Tensor:
    """(N, K): focal loss of each mask, mean over its cells."""
    values: Tensor = FocalLoss(gamma=gamma, reduction="none")(logits, truth)
    return values.flatten(2).mean(dim=2)
