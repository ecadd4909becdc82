"""Mixtures of the untuned and the tuned weights, which often generalise better than either.

Fine-tuning on a few images overshoots: half of the way keeps more of what the model knew and most
of what it learnt (WiSE-FT, Wortsman et al. 2022, arXiv:2109.01903).
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from samdomains.evaluation.results import clearly_better
from samdomains.training.state import Progress

ADAPTER_INPUT = "lora_A"
"""Part of the names of the adapters' first factors. They start at random and the second at zero, so
scaling the second alone mixes the weights that the two stand for."""


def mixed(
    untuned: Mapping[str, Tensor], tuned: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Weights between two models.

    Args:
        untuned: Name → tensor, before training.
        tuned: The same after it.
        share: Of the tuned weights, from 0 (untuned) to 1 (tuned).

    Returns:
        New tensors on the devices of ``tuned``.
    """
    return {
        name: tensor.clone()
        if ADAPTER_INPUT in name
        else untuned[name].to(tensor.device).lerp(tensor, share)
        for name, tensor in tuned.items()
    }


def share_to_trust(progress: Progress, tried: Mapping[float, Mapping[str, float]]) -> float | None:
    """The mixture to keep, or None where the best epoch is.

    The first mixture is kept unless the best of the others, or of untuned model and epochs, is
    clearly better.

    Args:
        progress: The best before mixtures were tried, and their mean validation Dice.
        tried: Share of the tuned weights → validation case → its Dice.
    """
    if not tried:
        return None
    first, *others = tried
    best = max(others, key=lambda share: progress.mixtures[share], default=first)
    if progress.best_dice >= progress.mixtures[best]:
        return None if clearly_better(progress.best_cases, tried[first]) else first
    return best if clearly_better(tried[best], tried[first]) else first
