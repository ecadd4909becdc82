"""Correction clicks: where the last answer was wrong. Training and evaluation share this code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from samdomains.prompts.boxes import window_of
from samdomains.prompts.points import interior_point, random_point
from samdomains.types import Mask, Points, Prompts


def correction_click(
    truth: Mask, prediction: Mask, rng: np.random.Generator | None
) -> tuple[Points, int] | None:
    """Click where a prediction is wrong.

    Args:
        truth: (H, W), true on the object; it may be empty.
        prediction: (H, W), the last answer.
        rng: With a generator, a pixel drawn uniformly from all wrong ones, as SAM was trained
            (arXiv:2304.02643, appendix A). With None, the deterministic click of the evaluation
            of interactive segmentation: in the largest connected region of one kind of error
            (4-connected; missed object before false alarm where they tie), the pixel that is
            farthest from the region's border.

    Returns:
        The point, (2,) as (x, y), and its label: 1 on missed object, 0 on a false alarm. None
        where the prediction is perfect.
    """
    wrong = truth != prediction
    if not wrong.any():
        return None
    if rng is not None:
        point = random_point(wrong, rng)
    else:
        rows, columns = window_of(wrong)
        region = _largest_error(truth[rows, columns], wrong[rows, columns])
        origin = np.array([columns.start, rows.start], dtype=np.float32)
        point = interior_point(region) + origin
    return point, int(truth[int(point[1]), int(point[0])])


def add_click(prompts: Prompts, point: Points, label: int) -> Prompts:
    """Append a click to a prompt; its box, earlier points and mask stay.

    Args:
        prompts: The prompt so far.
        point: (2,) as (x, y), in the prompt's frame.
        label: 1 on the object, 0 on the background.
    """
    return replace(
        prompts,
        points=np.concatenate([prompts.points, point[None]]).astype(np.float32),
        point_labels=np.append(prompts.point_labels, label).astype(np.int64),
    )


def _largest_error(truth: Mask, wrong: Mask) -> Mask:
    """The largest connected region of missed object, or of false alarm if that is larger."""
    missed = _largest_part(wrong & truth)
    false_alarm = _largest_part(wrong & ~truth)
    return missed if np.count_nonzero(missed) >= np.count_nonzero(false_alarm) else false_alarm


def _largest_part(mask: Mask) -> Mask:
    """The largest 4-connected part of a mask, the first of equals; empty for an empty mask."""
    parts, count = ndimage.label(mask)
    if count <= 1:
        return mask
    return np.asarray(parts == np.bincount(parts.ravel())[1:].argmax() + 1)
