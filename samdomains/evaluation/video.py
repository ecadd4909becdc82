"""J and F of objects that are followed through a video, as in the DAVIS benchmark.

J is the region similarity, the IoU of the masks; F the boundary measure, how well their contours
agree (Perazzi et al. 2016, doi:10.1109/CVPR.2016.85; Pont-Tuset et al. 2017, arXiv:1704.00675).

Which frames count:

* A frame in which a human prompted an object is left out for that object, and so is the last frame
  of the clip: DAVIS leaves out the first frame, whose mask is given, and the last.
* A frame in which the object is not visible is left out, as everywhere in this project: an absent
  object scores NaN, and answers there are counted apart (``false_alarms``). DAVIS gives such a
  frame 1 where nothing was answered, and 0 otherwise; so does ``ObjectTrack.as_davis``.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from samdomains.evaluation.boundaries import TOLERANCE, boundary_measure
from samdomains.evaluation.metrics import overlap
from samdomains.types import Mask

Labels = NDArray[Any]
"""(H, W), whole numbers: 0 is background, every other value one object, the same in all frames."""


class FrameScore(NamedTuple):
    """How well an object was found in one frame.

    Attributes:
        j: IoU of the masks, in [0, 1], or NaN where the object is absent.
        f: Boundary F-measure, in [0, 1], or NaN where the object is absent.
    """

    j: float
    f: float


class JAndF(NamedTuple):
    """Means of J and F; NaN where no frame counts."""

    j: float
    f: float

    @property
    def mean(self) -> float:
        """J&F, the mean of the two."""
        return (self.j + self.f) / 2


@dataclass(frozen=True, slots=True)
class ObjectTrack:
    """How well one object was followed.

    Attributes:
        scores: Of each frame that counts and shows the object.
        absent: Frames that count and do not show it.
        false_alarms: Those of the absent in which it was answered.
    """

    scores: tuple[FrameScore, ...]
    absent: int
    false_alarms: int

    @property
    def means(self) -> JAndF:
        """Over the frames that show the object."""
        return _mean(self.scores)

    def as_davis(self) -> JAndF:
        """Over all frames that count, with 1 for an absence that was seen and 0 for a false alarm.

        These numbers compare with published ones; where objects are hidden for long they are
        higher than ``means``.
        """
        seen = self.absent - self.false_alarms
        rest = [FrameScore(1.0, 1.0)] * seen + [FrameScore(0.0, 0.0)] * self.false_alarms
        return _mean([*self.scores, *rest])


@dataclass(frozen=True, slots=True)
class SequenceScore:
    """How well the objects of one clip were followed.

    Attributes:
        objects: Value of an object → its scores.
    """

    objects: Mapping[int, ObjectTrack]

    @property
    def means(self) -> JAndF:
        """The mean of the objects' means; an object that no frame shows is left out."""
        return _mean([track.means for track in self.objects.values()])

    def as_davis(self) -> JAndF:
        """The same of ``ObjectTrack.as_davis``."""
        return _mean([track.as_davis() for track in self.objects.values()])


def score_sequence(
    frames: Iterable[tuple[Labels, Labels]], prompted: Mapping[int, Collection[int]]
) -> SequenceScore:
    """Score the objects of one clip, one frame in memory at a time.

    Args:
        frames: The answer and the truth of each frame, in their order.
        prompted: Value of each object that was asked for → the frames in which it was prompted.
            Other values are not looked at.

    Raises:
        ValueError: Answer and truth of a frame differ in size.

    Example:
        >>> truth = np.zeros((4, 20, 20), dtype=np.uint8)
        >>> truth[:, 5:15, 5:15] = 1
        >>> score_sequence(zip(truth, truth), {1: [0]}).means
        JAndF(j=1.0, f=1.0)
    """
    found = {value: _Track() for value in prompted}
    for number, (answer, truth) in enumerate(_all_but_last(frames)):
        for value, track in found.items():
            if number not in prompted[value]:
                track.add(answer == value, truth == value)
    return SequenceScore({value: track.finished() for value, track in found.items()})


def score_frame(answer: Mask, truth: Mask, tolerance: float = TOLERANCE) -> FrameScore:
    """J and F of one object in one frame.

    Args:
        answer: (H, W).
        truth: (H, W).
        tolerance: As for ``boundary_measure``.

    Raises:
        ValueError: The masks differ in size.
    """
    return FrameScore(overlap(answer, truth).iou, boundary_measure(answer, truth, tolerance))


@dataclass(slots=True)
class _Track:
    """An ``ObjectTrack`` in the making."""

    scores: list[FrameScore] = field(default_factory=list)
    absent: int = 0
    false_alarms: int = 0

    def add(self, answer: Mask, truth: Mask) -> None:
        if truth.any():
            self.scores.append(score_frame(answer, truth))
        else:
            self.absent += 1
            self.false_alarms += bool(answer.any())

    def finished(self) -> ObjectTrack:
        return ObjectTrack(tuple(self.scores), self.absent, self.false_alarms)


def _all_but_last(
    frames: Iterable[tuple[Labels, Labels]],
) -> Iterator[tuple[Labels, Labels]]:
    previous: tuple[Labels, Labels] | None = None
    for frame in frames:
        if previous is not None:
            yield previous
        previous = frame


def _mean(scores: Iterable[tuple[float, float]]) -> JAndF:
    """The mean of each, NaN left out."""
    values = np.array([pair for pair in scores if not math.isnan(pair[0])], dtype=float)
    if len(values) == 0:
        return JAndF(math.nan, math.nan)
    j, f = values.mean(axis=0)
    return JAndF(float(j), float(f))
