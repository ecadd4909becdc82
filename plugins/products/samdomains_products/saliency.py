"""A box around the product without a human: what stands out from the colours of the border.

Both cues are those of Zhang, Sclaroff, Lin, Shen, Price and Mech, "Minimum Barrier Salient Object
Detection at 80 FPS", ICCV 2015: how hard it is to reach a pixel from the border, and how far its
colour is from those of the border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from scipy import ndimage

from samdomains.plugin import Image, Mask, Prompts

SIDE = 200
"""Longer side in pixels at which the box is looked for: half a percent is enough for a box."""

BORDER = 0.05
"""Width of the border that counts as background, as a share of the shorter side."""

NOTICEABLE = 5.0
"""Barrier in CIELAB (sum over L*, a* and b*) below which nothing stands out: about twice the just
noticeable difference of 2.3 (Mahy, Van Eycken and Oosterlinck 1994, Color Research and Application
19:105-121)."""

CENTRE = 0.35
"""Standard deviation of the weight towards the centre, as a share of each side; products are
placed in the middle. 0.25 to 0.5 give the same boxes within 0.02 of IoU."""

SHARE_OF_OTSU = 0.8
"""Part of Otsu's threshold (1979, doi:10.1109/TSMC.1979.4310076) from which a pixel stands out:
a box that is somewhat large harms less than one that cuts the product."""

LARGE_PART = 0.1
"""Parts that stand out less than this share of the strongest one are left out."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SalientBox:
    """Proposes one box, around what stands out from the border of the picture.

    Where nothing does, the box is the whole picture without its margin, so that something is
    segmented and a reviewer sees it.

    Attributes:
        margin: Added to each side of the box, as a share of it; the same is left out of the whole
            picture where nothing stands out.
    """

    margin: float = 0.02

    def __call__(self, image: Image) -> Sequence[Prompts]:
        """One prompt.

        Args:
            image: (3, H, W) in [0, 1], sRGB.
        """
        height, width = image.shape[1:]
        found = salient_part(_cielab(_reduced(image)))
        if found is None:
            inset = np.minimum(np.floor(self.margin * np.array([width, height])), [width, height])
            box = np.array([*inset, width - inset[0], height - inset[1]])
        else:
            box = _grown(found, self.margin) * np.array([width, height, width, height])
            box = np.array([*np.floor(box[:2]), *np.ceil(box[2:])])
        box[2:] = np.maximum(box[2:], box[:2] + 1)
        return [Prompts(box=box.astype(np.float32), source="automatic")]


def _grown(box: Floats, margin: float) -> Floats:
    grow = margin * (box[2:] - box[:2])
    grown: Floats = np.clip(np.concatenate([box[:2] - grow, box[2:] + grow]), 0.0, 1.0)
    return grown


def salient_part(lab: Floats) -> Floats | None:
    """The box of what stands out.

    Args:
        lab: (h, w, 3), CIELAB.

    Returns:
        (4,): x0, y0, x1, y1 as shares of width and height; None where nothing stands out.
    """
    smooth = ndimage.gaussian_filter(lab, (1.0, 1.0, 0.0))
    barrier = barrier_distance(smooth)
    if barrier.max() < NOTICEABLE:
        return None
    strength = _to_one(barrier) + _to_one(border_distance(smooth))
    mask = _standing_out(strength * _towards_centre(strength.shape))
    if not mask.any():
        return None
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array(
        [
            columns[0] / width,
            rows[0] / height,
            (columns[-1] + 1) / width,
            (rows[-1] + 1) / height,
        ]
    )


def barrier_distance(image: Floats, rounds: int = 2) -> Floats:
    """How far the values must go up and down on the best path from the border to each pixel.

    The fast approximation of the paper, sweeping whole rows and whole columns to and fro.

    Args:
        image: (h, w, C).
        rounds: Sweeps in each of the four directions.

    Returns:
        (h, w): the largest less the smallest value on the path, summed over the channels.

    Example:
        >>> ring = np.zeros((5, 5, 1))
        >>> ring[1:4, 1:4] = 1.0
        >>> ring[2, 2] = 0.0  # as dark as the border, and reached over the ring alone
        >>> barrier_distance(ring)[2].tolist()
        [0.0, 1.0, 1.0, 1.0, 0.0]
    """
    distance = np.full(image.shape, np.inf)
    distance[[0, -1]] = 0.0
    distance[:, [0, -1]] = 0.0
    state = (distance, image.copy(), image.copy(), image)
    for _ in range(rounds):
        for along in (state, tuple(array.swapaxes(0, 1) for array in state)):
            _sweep(*along)
            _sweep(*(array[::-1] for array in along))
    total: Floats = distance.sum(axis=-1)
    return total


def _sweep(distance: Floats, highest: Floats, lowest: Floats, image: Floats) -> None:
    """Carry paths from each row to the next, in place."""
    for row in range(1, len(image)):
        high = np.maximum(highest[row - 1], image[row])
        low = np.minimum(lowest[row - 1], image[row])
        better = high - low < distance[row]
        distance[row][better] = (high - low)[better]
        highest[row][better] = high[better]
        lowest[row][better] = low[better]


def border_distance(lab: Floats) -> Floats:
    """How far each colour is from those of the border, by Mahalanobis distance.

    The distances to the four sides of the border are summed, without the largest: one side may
    show the product. The variance of each is raised by that of camera noise.

    Args:
        lab: (h, w, 3), CIELAB.

    Returns:
        (h, w).
    """
    wide = max(1, round(BORDER * min(lab.shape[:2])))
    sides = []
    for side in (lab[:wide], lab[-wide:], lab[:, :wide], lab[:, -wide:]):
        colours = side.reshape(-1, 3)
        away = colours - np.median(colours, axis=0)
        spread = away.T @ away / len(away) + 4.0 * np.eye(3)
        off = lab - np.median(colours, axis=0)
        sides.append(_to_one(np.sqrt(np.einsum("hwi,ij,hwj->hw", off, np.linalg.inv(spread), off))))
    total: Floats = np.sum(sides, axis=0) - np.max(sides, axis=0)
    return total


def _to_one(values: Floats) -> Floats:
    """The same with its largest value 1; zeros stay."""
    return values / max(float(values.max()), 1e-9)


def _towards_centre(size: tuple[int, ...]) -> Floats:
    """(h, w): a Gaussian around the middle, 1 there."""
    rows, columns = ((np.arange(length) + 0.5) / length - 0.5 for length in size)
    return np.exp(-(rows[:, None] ** 2 + columns**2) / (2 * CENTRE**2))


def _standing_out(strength: Floats) -> Mask:
    """The pixels of the strongest part, and of others that are not much weaker."""
    mask: Mask = ndimage.binary_opening(strength > SHARE_OF_OTSU * _otsu(strength))
    parts, count = ndimage.label(mask, structure=np.ones((3, 3)))
    if count == 0:
        return mask
    sums = np.concatenate([[0.0], ndimage.sum_labels(strength, parts, np.arange(1, count + 1))])
    kept: Mask = (sums >= LARGE_PART * sums.max())[parts] & mask
    return kept


def _otsu(values: Floats) -> float:
    """The threshold that parts the values best."""
    ordered = np.sort(values.ravel())
    count = np.arange(1, len(ordered))
    below = np.cumsum(ordered)[:-1]
    weak, strong = below / count, (ordered.sum() - below) / (len(ordered) - count)
    best = int(np.argmax(count * (len(ordered) - count) * (strong - weak) ** 2))
    return float(ordered[best] + ordered[best + 1]) / 2


def _reduced(image: Image) -> Floats:
    """(3, H, W) → (h, w, 3), the longer side at most ``SIDE``."""
    height, width = image.shape[1:]
    shrink = max(height, width, SIDE) / SIDE
    size = max(1, round(width / shrink)), max(1, round(height / shrink))
    levels = np.ascontiguousarray(np.moveaxis(np.rint(image * 255), 0, 2).astype(np.uint8))
    small = PillowImage.fromarray(levels).resize(size, PillowImage.Resampling.BOX)
    return np.asarray(small, dtype=np.float64) / 255


def _cielab(rgb: Floats) -> Floats:
    """From sRGB in [0, 1] to CIELAB, white point D65 (IEC 61966-2-1, CIE 15)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    xyz = linear @ to_xyz.T / to_xyz.sum(axis=1)
    cube = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = np.moveaxis(cube, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
