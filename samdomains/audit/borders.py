"""Masks that lie a few pixels beside what they show.

The border of a mask is moved by every small shift, and the strength of the image's gradient under
it is averaged. On sets whose borders follow the gradient this is strongest within a pixel of where
the mask lies; a mask that fits clearly better elsewhere was shifted. On sets whose borders follow
no gradient the strongest shifts are spread over all directions, and nothing is said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samdomains.audit.looks import Look

REACH = 6
"""Largest shift in each direction that is tried, in pixels of the look."""

MOST_STEPS = 3000
"""Steps of the border that are looked at, evenly spread over all: 500,000 looks at the gradient."""

LEAST_STEPS = 24
"""A shorter border is that of a speck of about six pixels, whose best shift is chance."""

CELL = 8
"""Side in pixels of the squares that count as one observation: neighbours see the same edge."""

LEAST_CELLS = 4
"""With fewer observations their spread is not known."""

LEAST_IMAGES = 5
"""With fewer images nobody can say what is usual in the set."""

USUAL_REACH = 1.0
"""Distance in pixels, along each axis, within which an image's best shift is the usual one."""

LEAST_USUAL = 0.7
"""Share of images whose best shift must be the usual one, of those that are not clearly shifted. On
the shared data sets it is 0.8 to 1 where borders follow edges and at most 0.6 where they do not
(textures, heat, roads)."""

MOST_SHIFTED = 0.45
"""Where more images than this seem clearly shifted, it is the method that fails."""

LEAST_DISTANCE = 2.0
"""Pixels from the usual shift; one pixel is within what annotators do."""

LEAST_GAIN = 0.25
"""Gain of the gradient under the border, as a share of what the best shift has above a random one.
Nine in ten masks shifted by 3 px gain more, also where the contrast is low."""

LEAST_CLEARNESS = 2.0
"""Gain in standard errors over the squares of the border."""

CERTAIN_USUAL = 0.9
CERTAIN_DISTANCE = 3.0
CERTAIN_GAIN = 0.5
CERTAIN_CLEARNESS = 6.0
CERTAIN_CELLS = 12
"""From here on a mask is certainly misplaced. No unspoilt image of the shared sets gets there."""


@dataclass(frozen=True, slots=True)
class BestShift:
    """Where the border of an image's masks fits its gradient best.

    Attributes:
        down: Pixels of the image that the masks would have to move down; negative: up.
        right: Pixels that they would have to move right; negative: left.
        gain: What this gains, as a share of what the best shift has above the median shift; 0
            where the masks lie best as they are.
        clearness: The gain in its standard errors.
        cells: Number of observations, squares of the border, that it rests on.
        scale: Pixels of the image along one step of the search.
    """

    down: int
    right: int
    gain: float
    clearness: float
    cells: int
    scale: int


@dataclass(frozen=True, slots=True)
class Misplaced:
    """Masks of one image that fit clearly better elsewhere.

    Attributes:
        place: Of the image in the sequence that was judged.
        shift: Where they fit.
        certain: Whether there is hardly another explanation.
    """

    place: int
    shift: BestShift
    certain: bool


@dataclass(frozen=True, slots=True)
class Placement:
    """How the masks of a set lie.

    Attributes:
        usual: (down, right): the median of the best shifts of all images, in pixels; NaN where no
            image has a border to judge.
        agreement: Share of the images whose best shift is the usual one, of those that do not stand
            out.
        judged: Number of images with enough border.
        reliable: Whether borders follow edges in this set, so that something can be said.
        misplaced: The images that stand out; none where it is not reliable.
        reason: Why nothing can be said; empty where it is reliable.
    """

    usual: tuple[float, float]
    agreement: float
    judged: int
    reliable: bool
    misplaced: tuple[Misplaced, ...]
    reason: str


def best_shift(look: Look) -> BestShift | None:
    """Find the small shift of all masks of an image that fits its gradient best.

    Args:
        look: The image and its masks.

    Returns:
        None where the border, without what lies near the image's, is too short to tell.
    """
    axis, rows, columns = _border_steps(look.labels)
    if len(rows) < LEAST_STEPS:
        return None
    offsets = np.arange(-REACH, REACH + 1)
    down, right = (grid.ravel() for grid in np.meshgrid(offsets, offsets, indexing="ij"))
    strength = look.gradient[axis[:, None], rows[:, None] + down, columns[:, None] + right]
    curve = strength.mean(axis=0)
    best, here = int(curve.argmax()), len(curve) // 2
    above = float(curve[best] - np.median(curve))
    gain = float(curve[best] - curve[here]) / above if above > 0 else 0.0
    cells = _cells(rows, columns)
    count = int(cells.max()) + 1
    if count < LEAST_CELLS:
        return None
    clearness = _clearness(strength[:, best] - strength[:, here], cells) if best != here else 0.0
    scale = look.scale
    shift = int(down[best]) * scale, int(right[best]) * scale
    return BestShift(*shift, gain, clearness, count, scale)


def judge_placement(shifts: Sequence[BestShift | None]) -> Placement:
    """Say which images' masks are misplaced, against what is usual in their set.

    A set whose masks all lie a pixel beside the edge is no set of misplaced masks: it is told by
    ``usual``.

    Args:
        shifts: One for each image; None where it cannot be judged.
    """
    known = [(place, shift) for place, shift in enumerate(shifts) if shift is not None]
    if not known:
        return Placement((math.nan, math.nan), 0.0, 0, False, (), _too_few(0))
    found = np.array([(shift.down, shift.right) for _, shift in known], dtype=np.float64)
    scales = np.array([shift.scale for _, shift in known], dtype=np.float64)
    usual = np.median(found, axis=0)
    apart = np.abs(found - usual).max(axis=1)
    stands_out = [
        _stands_out(shift, float(distance) / shift.scale)
        for (_, shift), distance in zip(known, apart, strict=True)
    ]
    # Shifted masks say nothing about how borders lie in the others.
    others = ~np.array(stands_out)
    near = apart <= USUAL_REACH * scales
    agreement = float(near[others].mean()) if others.any() else 0.0
    reason = ""
    if len(known) < LEAST_IMAGES:
        reason = _too_few(len(known))
    elif sum(stands_out) > MOST_SHIFTED * len(known):
        reason = (
            f"the masks of {sum(stands_out)} of {len(known)} images would fit better elsewhere, "
            "too many to be mistakes"
        )
    elif agreement < LEAST_USUAL:
        reason = (
            f"borders follow no edges: only {agreement:.0%} of the masks lie where their borders "
            f"fit best, {LEAST_USUAL:.0%} are needed"
        )
    misplaced = [
        Misplaced(place, shift, _is_certain(shift, float(distance) / shift.scale, agreement))
        for (place, shift), distance, out in zip(known, apart, stands_out, strict=True)
        if out and not reason
    ]
    middle = (float(usual[0]), float(usual[1]))
    return Placement(middle, agreement, len(known), not reason, tuple(misplaced), reason)


def _too_few(images: int) -> str:
    return f"{images} images have enough border, and {LEAST_IMAGES} are needed"


def in_words(down: float, right: float) -> str:
    """A shift for messages.

    Example:
        >>> in_words(-1, -3), in_words(0, 2)
        ('3 px further left and 1 px further up', '2 px further right')
    """
    parts = [
        f"{abs(distance):g} px further {name[distance > 0]}"
        for distance, name in ((right, ("left", "right")), (down, ("up", "down")))
        if distance
    ]
    return " and ".join(parts)


def _border_steps(
    labels: NDArray[np.int32],
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Axis (0: to the right, 1: down), row and column of steps from one label to another.

    Steps within ``REACH`` of the image's border are left out, since not every shift could be
    looked at.
    """
    inner = labels[REACH:-REACH, REACH:-REACH]
    across = np.nonzero(inner[:, :-1] != inner[:, 1:])
    along = np.nonzero(inner[:-1] != inner[1:])
    axis = np.repeat([0, 1], [len(across[0]), len(along[0])])
    rows, columns = (np.concatenate(pair) + REACH for pair in zip(across, along, strict=True))
    if len(axis) > MOST_STEPS:
        chosen = np.linspace(0, len(axis) - 1, MOST_STEPS).astype(np.intp)
        axis, rows, columns = axis[chosen], rows[chosen], columns[chosen]
    return axis, rows, columns


def _cells(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each step the number of the square that it lies in."""
    squares = (rows // CELL) * (int(columns.max()) + 1) + columns // CELL
    numbers: NDArray[np.intp] = np.unique(squares, return_inverse=True)[1]
    return numbers


def _clearness(gains: NDArray[np.float32], cells: NDArray[np.intp]) -> float:
    """Mean of the gains in standard errors, with the squares as observations."""
    sums = np.bincount(cells, gains)
    sizes = np.bincount(cells)
    mean = sums.sum() / sizes.sum()
    squares = float(np.square(sums - mean * sizes).sum())
    count = len(sums)
    error = math.sqrt(squares * count / (count - 1)) / sizes.sum()
    # Squares that all gain the same are as clear as it gets.
    return float(mean / max(error, 1e-3 * abs(mean))) if mean else 0.0


def _stands_out(shift: BestShift, distance: float) -> bool:
    """Whether the masks fit clearly better a few steps from where those of the set do."""
    return (
        distance >= LEAST_DISTANCE
        and shift.gain >= LEAST_GAIN
        and shift.clearness >= LEAST_CLEARNESS
    )


def _is_certain(shift: BestShift, distance: float, agreement: float) -> bool:
    return (
        agreement >= CERTAIN_USUAL
        and distance >= CERTAIN_DISTANCE
        and shift.gain >= CERTAIN_GAIN
        and shift.clearness >= CERTAIN_CLEARNESS
        and shift.cells >= CERTAIN_CELLS
    )
