"""The learning rate over a training."""

from __future__ import annotations

import numpy as np


def cosine_with_warmup(warmup: int, total: int, step: int) -> float:
    """Learning rate relative to its peak: a linear rise, then half a cosine down to zero.

    Args:
        warmup: Steps of the rise.
        total: Steps in all.
        step: Steps done.

    Example:
        >>> [round(cosine_with_warmup(2, 10, step), 2) for step in (0, 1, 2, 6, 10)]
        [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, total - warmup)
    return 0.5 * (1.0 + float(np.cos(np.pi * min(1.0, done))))
