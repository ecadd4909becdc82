"""Mixtures of the untuned and the tuned weights, which often generalise better than either.

Fine-tuning on a few images overshoots: half of the way keeps more of what the model knew and most
of what it learnt (WiSE-FT, Wortsman et al. 2022, arXiv:2109.01903).
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

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
