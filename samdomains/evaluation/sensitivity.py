"""How a system depends on its prompts: sloppy boxes, few clicks, and prompts that mean nothing.

A prompted model must follow the prompt. One that was tuned without prompts, or on one object an
image, may return that object whatever is pointed at: its Dice is high, and nobody can use it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from scipy import ndimage

from samdomains.data.parts import normalized_image
from samdomains.evaluation.averages import Number, finite_mean
from samdomains.evaluation.drawn_cases import DrawnCase, case_generator
from samdomains.evaluation.metrics import covered_share, object_overlap
from samdomains.prompts.boxes import jitter_box
from samdomains.prompts.points import interior_point, random_point
from samdomains.protocols import Normalizer, PromptedImage, Segmenter
from samdomains.types import Box, Mask, ObjectMask, Points, Prediction, Prompts

JITTERS = (0.0, 0.05, 0.1, 0.2)
"""Standard deviation of the shift of a box's sides, as a share of the box: exact; a careful and a
usual hand (10 percent is what SAM was trained with, arXiv:2304.02643, appendix A); a hasty one."""

CLICKS = (1, 2, 4)
"""Points on the object; the first is in its middle, the others are drawn from its inside."""

INSIDE = 0.5
"""Distance from the border, as a share of the middle's, from which on a pixel is inside: people do
not click on outlines."""

RETURNED = 0.5
"""Share of an object from which on an answer returns it."""

APART = 0.1
"""Largest share of the smaller of two objects that lies in both where they are told apart."""

BACKGROUND_POINTS = 2
"""Points on the background of each image."""

DISTANCE = 0.25
"""Of what means the background from objects: as a share of the side of a square as large as the
median object for points, of the longer side for boxes."""


@dataclass(frozen=True)
class SystemSensitivity:
    """How one system answered.

    Attributes:
        box_jitter: Shift of the box's sides, as a share of them → mean Dice.
        clicks: Number of points on the object → mean Dice.
        background_points: Share of the points on the background whose answer returns an object.
        empty_boxes: The same of boxes of an object's size that hold only background.
        other_objects: Share of the prompts on an object, boxes and points, whose answer returns
            another object, from which it is apart. NaN where no image shows two.
        answer_overlap: Mean IoU of the answers to two objects that are apart, prompted alike; 1
            where the answer does not depend on the prompt at all.
    """

    box_jitter: dict[float, Number]
    clicks: dict[int, Number]
    background_points: Number
    empty_boxes: Number
    other_objects: Number
    answer_overlap: Number


@dataclass(frozen=True)
class PromptSensitivity:
    """How systems depend on their prompts, which were identical for all.

    Attributes:
        images: Number of images.
        objects: Number of objects that were prompted.
        answers: ``background_points``, ``empty_boxes``, ``other_objects``, ``answer_overlap`` → the
            number of answers, or of pairs of them, that it is a mean of.
        systems: Name → how it answered.
    """

    images: int
    objects: int
    answers: dict[str, int]
    systems: dict[str, SystemSensitivity]


@dataclass(frozen=True, slots=True, eq=False)
class Questions:
    """What every system is asked about one image.

    Attributes:
        targets: The objects that are asked for.
        others: All objects that count, these among them: neither crowd regions nor tiny ones.
        boxes: Shift → a box for each target.
        points: Number of points → points on each target.
        background: Points on the background, far from any object.
        empty: Boxes of a target's size on the background.
    """

    targets: Sequence[ObjectMask]
    others: Sequence[ObjectMask]
    boxes: Mapping[float, Sequence[Prompts]]
    points: Mapping[int, Sequence[Prompts]]
    background: Sequence[Prompts]
    empty: Sequence[Prompts]


def prompt_sensitivity(
    systems: Mapping[str, Segmenter],
    cases: Sequence[DrawnCase],
    *,
    normalizer: Normalizer,
    minimum_area: int,
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> PromptSensitivity:
    """Ask systems the same sloppy, sparse and meaningless questions.

    Args:
        systems: Name → system. Each encodes an image once.
        cases: From ``draw_cases``: read one after the other.
        normalizer: Stored pixels → image.
        minimum_area: Objects with fewer pixels do not count.
        seed: Draws the shifts and the points.
        progress: Called after each case with the number of cases done.

    Raises:
        SamDomainsError: A case cannot be read or normalised.
    """
    asked: list[Questions] = []
    answered = {name: _Answered() for name in systems}
    for done, drawn in enumerate(cases, start=1):
        questions = make_questions(drawn, minimum_area, seed)
        asked.append(questions)
        image = normalized_image(drawn.case, normalizer)
        for name, system in systems.items():
            answered[name].ask(system.encode(image), questions)
        if progress is not None:
            progress(done)
    return PromptSensitivity(
        images=len(asked),
        objects=sum(len(questions.targets) for questions in asked),
        answers=next(iter(answered.values())).counts(),
        systems={name: found.summary() for name, found in answered.items()},
    )


def make_questions(drawn: DrawnCase, minimum_area: int, seed: int) -> Questions:
    """Make the prompts for one image; they depend on it and the seed alone.

    Args:
        drawn: The image and its objects.
        minimum_area: Objects with fewer pixels do not count.
        seed: Draws the shifts of boxes and the points.
    """
    targets = drawn.targets
    occupied = _occupied(drawn.objects)
    names = [f"{drawn.case.id}/{index}" for index in drawn.chosen]

    def fresh() -> list[np.random.Generator]:
        return [case_generator(seed, name) for name in names]  # shifts that differ in size alone

    boxes = {
        share: [
            Prompts(box=jitter_box(o.box, o.image_size, rng, share=share, pixels=math.inf))
            for o, rng in zip(targets, fresh(), strict=True)
        ]
        for share in JITTERS
    }
    clicks = [_clicks(o, rng) for o, rng in zip(targets, fresh(), strict=True)]
    points = {number: [_pointed(points[:number]) for points in clicks] for number in CLICKS}
    empty = (_empty_box(occupied, target) for target in targets)
    return Questions(
        targets=targets,
        others=[o for o in drawn.objects if not o.crowd and o.area >= minimum_area],
        boxes=boxes,
        points=points,
        background=[_pointed(point[None]) for point in _background_points(occupied, targets)],
        empty=[Prompts(box=box) for box in empty if box is not None],
    )


@dataclass(slots=True)
class _Answered:
    """What one system answered so far: means of images, and single answers."""

    dice: dict[tuple[str, float], list[float]] = field(default_factory=lambda: defaultdict(list))
    returned: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    overlaps: list[float] = field(default_factory=list)

    def ask(self, image: PromptedImage, questions: Questions) -> None:
        """Ask about one image."""
        targets = questions.targets
        for kind, amount, prompts in _prompted(questions):
            answers = image.predict(prompts, multimask=kind == "clicks" and amount == 1)
            pairs = zip(answers, targets, strict=True)
            dice = finite_mean(object_overlap(answer, truth).dice for answer, truth in pairs)
            self.dice[kind, amount].append(dice)
            if amount == (0 if kind == "box_jitter" else 1):
                self._compare(answers, questions)
        for name, prompts, ambiguous in (
            ("background_points", questions.background, True),
            ("empty_boxes", questions.empty, False),
        ):
            for answer in image.predict(prompts, multimask=ambiguous) if prompts else ():
                self.returned[name].append(_returns_any(answer, questions.others))

    def _compare(self, answers: Sequence[Prediction], questions: Questions) -> None:
        """Look for other objects in each answer, and for what two answers have in common."""
        for answer, target in zip(answers, questions.targets, strict=True):
            others = [other for other in questions.others if _are_apart(other, target)]
            if others:
                self.returned["other_objects"].append(_returns_any(answer, others))
        asked = zip(answers, questions.targets, strict=True)
        for (first, one), (second, another) in combinations(asked, 2):
            if _are_apart(one, another):
                self.overlaps.append(_iou(first, second))

    def counts(self) -> dict[str, int]:
        """Number of answers behind each share; the same for all systems."""
        names = ("background_points", "empty_boxes", "other_objects")
        shares = {name: len(self.returned.get(name, ())) for name in names}
        return shares | {"answer_overlap": len(self.overlaps)}

    def summary(self) -> SystemSensitivity:
        """Means over the images, and shares of all answers."""

        def share(name: str) -> float:
            return finite_mean(map(float, self.returned.get(name, ())))

        return SystemSensitivity(
            box_jitter={jitter: finite_mean(self.dice["box_jitter", jitter]) for jitter in JITTERS},
            clicks={number: finite_mean(self.dice["clicks", number]) for number in CLICKS},
            background_points=share("background_points"),
            empty_boxes=share("empty_boxes"),
            other_objects=share("other_objects"),
            answer_overlap=finite_mean(self.overlaps),
        )


def _prompted(questions: Questions) -> Iterator[tuple[str, float, Sequence[Prompts]]]:
    """All prompts on objects: kind, how much of it, one for each target."""
    for share, boxes in questions.boxes.items():
        yield "box_jitter", share, boxes
    for number, points in questions.points.items():
        yield "clicks", number, points


def _returns_any(answer: Prediction, objects: Sequence[ObjectMask]) -> bool:
    return any(covered_share(answer, item) >= RETURNED for item in objects)


def _are_apart(first: ObjectMask, second: ObjectMask) -> bool:
    if first is second:
        return False
    corners = np.stack([first.box, second.box])
    if (corners[:, :2].max(axis=0) >= corners[:, 2:].min(axis=0)).any():
        return True  # not even their boxes meet
    shared = np.count_nonzero(first.mask() & second.mask())
    return bool(shared <= APART * min(first.area, second.area))


def _iou(first: Prediction, second: Prediction) -> float:
    """Of two answers; 0 where one of them is empty."""
    if not (second.logits > 0).any():
        return 0.0
    return object_overlap(first, ObjectMask.from_prediction(second)).iou


def _occupied(objects: Sequence[ObjectMask]) -> Mask:
    """(H, W): where anything is annotated, crowd regions and tiny objects among it."""
    occupied = np.zeros(objects[0].image_size, dtype=bool)
    for item in objects:
        y, x = item.origin
        height, width = item.crop.shape
        occupied[y : y + height, x : x + width] |= item.crop
    return occupied


def _clicks(target: ObjectMask, rng: np.random.Generator) -> Points:
    """(P, 2): the middle of an object, then pixels well inside of it at random."""
    y, x = target.origin
    depth = ndimage.distance_transform_edt(np.pad(target.crop, 1))[1:-1, 1:-1]
    inside = np.asarray(depth >= INSIDE * depth.max())
    drawn = [random_point(inside, rng) for _ in range(max(CLICKS) - 1)]
    middle = interior_point(target.crop)
    points: Points = np.stack([middle, *drawn]) + np.array([x, y], dtype=np.float32)
    return points


def _pointed(points: Points) -> Prompts:
    return Prompts(points=points, point_labels=np.ones(len(points), dtype=np.int64))


def _background_points(occupied: Mask, targets: Sequence[ObjectMask]) -> Iterator[Points]:
    """(2,) each: in the middle of the widest background, then of the widest that is left."""
    far = DISTANCE * math.sqrt(float(np.median([target.area for target in targets])))
    distance = ndimage.distance_transform_edt(~occupied)
    free = np.asarray(distance > far)
    for _ in range(BACKGROUND_POINTS):
        if not free.any():
            return
        point = interior_point(free)
        yield point
        y, x = np.ogrid[: free.shape[0], : free.shape[1]]
        free &= np.hypot(y - point[1], x - point[0]) > 2 * far


def _empty_box(occupied: Mask, target: ObjectMask) -> Box | None:
    """The box of an object moved to the nearest place where it is well away from all objects.

    None where the image has no such place.
    """
    height, width = target.crop.shape
    margin = math.ceil(DISTANCE * max(height, width))
    # Objects in each window that is wider by the margin, from a table of sums.
    sums = np.pad(np.pad(occupied, margin).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    tall, wide = height + 2 * margin, width + 2 * margin
    inside = sums[tall:, wide:] - sums[:-tall, wide:] - sums[tall:, :-wide] + sums[:-tall, :-wide]
    places = np.argwhere(inside == 0)
    if len(places) == 0:
        return None
    distances = ((places - np.array(target.origin)) ** 2).sum(axis=1)
    nearest = int(distances.argmin())
    y, x = int(places[nearest, 0]), int(places[nearest, 1])
    return np.array([x, y, x + width, y + height], dtype=np.float32)
