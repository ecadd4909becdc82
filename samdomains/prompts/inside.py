"""Whether a user's prompt points at the image at all."""

from __future__ import annotations

import numpy as np

from samdomains.errors import UsageError
from samdomains.types import Prompts, Size


def require_inside(prompts: Prompts, size: Size) -> None:
    """Refuse prompts that touch no pixel of the image.

    Args:
        prompts: In its pixels.
        size: (H, W) of the image.

    Raises:
        UsageError: The box or a point lies outside, or a coordinate is not finite.
    """
    height, width = size
    limits = np.array([width, height])
    numbers = prompts.points.ravel()
    numbers = numbers if prompts.box is None else np.concatenate([numbers, prompts.box])
    if not np.isfinite(numbers).all():
        raise UsageError("a prompt holds NaN or infinite coordinates; give pixels")
    if prompts.box is not None:
        corners = prompts.box.reshape(2, 2)
        if np.any(corners[0] >= limits) or np.any(corners[1] <= 0):
            raise UsageError(
                f"the box {prompts.box.tolist()} lies outside the image, "
                f"which is {width} pixels wide and {height} high"
            )
    if np.any(prompts.points < 0) or np.any(prompts.points >= limits):
        raise UsageError(
            f"a point of {prompts.points.tolist()} lies outside the image, "
            f"which is {width} pixels wide and {height} high (points are x,y)"
        )
