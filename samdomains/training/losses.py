"""The losses of SAM: focal and Dice for the mask, squared error for the predicted IoU."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from monai.losses import DiceLoss, FocalLoss
from torch import Tensor

from samdomains.sam.decode import Answer

EMPTY_SHARE = 0.05
"""Share of the cells that, answered where there is nothing, cost half of the Dice loss's 1."""


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
        target: (N, m, m), covered share of each low-resolution cell; empty where nothing is to
            be found.
        ambiguous: (N,) boolean.
        weights: Of the terms.
    """
    total = target.new_zeros(())
    single, several = (~ambiguous).nonzero()[:, 0], ambiguous.nonzero()[:, 0]
    if len(single):
        terms, errors = _terms(answer, target, single, (0,), weights)
        total = total + (terms + weights.iou * errors).sum()
    if len(several):
        terms, errors = _terms(answer, target, several, (1, 2, 3), weights)
        total = total + (terms.min(dim=1).values + weights.iou * errors.mean(dim=1)).sum()
    return total / len(target)


def _terms(
    answer: Answer, target: Tensor, rows: Tensor, masks: tuple[int, ...], weights: LossWeights
) -> tuple[Tensor, Tensor]:
    """(n, K): the loss of the masks that count for ``rows``, and the error of their IoU."""
    count = answer.iou.shape[1]
    picked = (rows[:, None] * count + torch.tensor(masks, device=rows.device)).flatten()
    logits = answer.logits.flatten(0, 1).index_select(0, picked).float()
    predicted_iou = answer.iou.flatten().index_select(0, picked).float()
    logits = logits.reshape(-1, len(masks), *logits.shape[1:])
    predicted_iou = predicted_iou.reshape(-1, len(masks))
    truth = target.index_select(0, rows)[:, None].expand_as(logits)
    per_mask = weights.dice * _dice(logits, truth)
    if weights.focal > 0:
        per_mask = per_mask + weights.focal * _focal(logits, truth, weights.gamma)
    return per_mask, (predicted_iou - mask_iou(logits.detach(), truth)).square()


def _dice(logits: Tensor, truth: Tensor) -> Tensor:
    """(N, K): Dice loss of each mask.

    Dice with an empty mask is 1 whatever the answer is, so that nothing would be learnt from it;
    there it is smoothed, and grows with the answer.
    """
    values = _dice_of(logits, truth)
    empty = truth.flatten(2).amax(dim=2) == 0
    if not empty.any():
        return values
    smooth = EMPTY_SHARE * logits[0, 0].numel()
    return torch.where(empty, _dice_of(logits, truth, smooth_nr=smooth, smooth_dr=smooth), values)


def _dice_of(logits: Tensor, truth: Tensor, **smoothing: float) -> Tensor:
    values: Tensor = DiceLoss(sigmoid=True, reduction="none", **smoothing)(logits, truth)
    return values.flatten(2).mean(dim=2)


def _focal(logits: Tensor, truth: Tensor, gamma: float) -> Tensor:
    """(N, K): focal loss of each mask, mean over its cells."""
    values: Tensor = FocalLoss(gamma=gamma, reduction="none")(logits, truth)
    return values.flatten(2).mean(dim=2)
