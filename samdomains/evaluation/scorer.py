"""The one scorer: every system answers identical prompts for the same objects."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from samdomains.data.naming import named_case
from samdomains.data.parts import normalized_image
from samdomains.errors import DataError
from samdomains.evaluation.baselines import BoxEllipse
from samdomains.evaluation.boundaries import object_boundaries
from samdomains.evaluation.clicks import ClickScore
from samdomains.evaluation.drawn_cases import case_generator, draw_objects
from samdomains.evaluation.instances import Found, image_score
from samdomains.evaluation.matching import one_to_one, overlapping_pairs
from samdomains.evaluation.metrics import object_overlap
from samdomains.evaluation.results import ObjectScore
from samdomains.evaluation.scores import Score, Scores
from samdomains.processes import ALONE, Processes
from samdomains.prompts.corrections import add_click, correction_click
from samdomains.prompts.points import interior_point
from samdomains.protocols import FindsObjects, Normalizer, ObjectFinder, PromptedImage, Segmenter
from samdomains.recipe import Recipe
from samdomains.types import (
    Case,
    Image,
    Mask,
    ObjectMask,
    Points,
    Prediction,
    PromptName,
    Prompts,
)

CORRECTIONS = 3
"""Clicks after the first point in ``point+3``."""

OBJECTS_AT_ONCE = 32
"""Objects whose answers are in memory together, at most."""

PIXELS_AT_ONCE = 2**27
"""Largest number of logits in memory together (4 bytes each); very large images take turns."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """One object to score and the prompts that every system gets first.

    Attributes:
        index: Place among the case's objects.
        truth: The annotated object.
        box: Its exact bounding box.
        point: The pixel farthest from its border.
    """

    index: int
    truth: ObjectMask
    box: Prompts
    point: Prompts


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What every system is asked about every case.

    Attributes:
        prompts: The ways of prompting.
        minimum_area: Objects with fewer pixels are skipped.
        objects_per_case: Ask for at most as many objects of a case; None asks for all. The subset
            depends on the seed and the case's id alone.
        seed: Draws the subset.
        tolerance_px: Deviation of a boundary in pixels that counts as correct in ``nsd``; None
            leaves boundaries out, as in training, which looks at Dice alone.
        clicks: Score the answers after each of so many clicks too, the first as in ``point``, the
            others as in ``point+3``; 0 does not.
        find: Finds objects with systems that do not find them by themselves.
    """

    prompts: Sequence[PromptName]
    minimum_area: int
    objects_per_case: int | None = None
    seed: int = 0
    tolerance_px: float | None = None
    clicks: int = 0
    find: ObjectFinder | None = None

    @classmethod
    def of(cls, recipe: Recipe, find: ObjectFinder | None = None) -> Asked:
        """What a test asks: all objects, as the recipe's ``evaluation`` says."""
        return cls(
            recipe.evaluation.prompts,
            recipe.data.minimum_area,
            seed=recipe.seed,
            tolerance_px=recipe.evaluation.tolerance_px,
            clicks=recipe.evaluation.clicks,
            find=find,
        )


def score(
    systems: Mapping[str, Segmenter],
    cases: Sequence[Case],
    *,
    normalizer: Normalizer,
    asked: Asked,
    processes: Processes = ALONE,
    progress: Callable[[int], None] | None = None,
) -> Scores:
    """Score systems on the objects of cases, with prompts made from the ground truth or without.

    ``box`` is the exact bounding box and takes the single mask. ``point`` is the pixel farthest
    from the object's border, and takes the best of three masks by predicted IoU. ``point+3`` goes
    on with three clicks in the middle of the largest error, each with the last answer as a mask;
    an answer without error stays. ``auto`` tells a system nothing: it finds objects by itself
    (``FindsObjects``), or ``asked.find`` finds them with it. Each object gets the answer that it is
    matched with, one to one; one without any is missed and scores 0. ``BoxEllipse`` is scored with
    ``box`` only.

    Crowd regions and objects below ``asked.minimum_area`` are skipped; a case without any other
    object has no score, and its pixels are not read. With ``auto`` they are: an answer there is
    wrong.

    Args:
        systems: Name → system. Each encodes an image once.
        cases: Read one after the other.
        normalizer: Stored pixels → image, with the statistics of the whole case.
        asked: Ways of prompting, and which objects.
        processes: Take a share of the cases each, and all get the scores of all.
        progress: Called after each case with the number of this process's cases done.

    Raises:
        DataError: A case has no annotation, or its pixels or objects cannot be read.
        TypeError: With ``auto`` a system does not find objects, and ``asked.find`` is None.
    """

    def own() -> list[tuple[Score, ...]]:
        scores: list[tuple[Score, ...]] = []
        for done, case in enumerate(processes.share(cases), start=1):
            objects = _objects(case)
            targets = _targets(case, objects, asked)
            needed = bool(targets) or "auto" in asked.prompts
            answered = _score_case(systems, case, objects, targets, normalizer, asked)
            scores.append(tuple(answered) if needed else ())
            if progress is not None:
                progress(done)
        return scores

    return Scores.of(score for case in processes.gather_shares(own) for score in case)


def _score_case(
    systems: Mapping[str, Segmenter],
    case: Case,
    objects: Sequence[ObjectMask],
    targets: Sequence[Target],
    normalizer: Normalizer,
    asked: Asked,
) -> Iterator[Score]:
    image = normalized_image(case, normalizer)
    step = max(1, min(OBJECTS_AT_ONCE, PIXELS_AT_ONCE // (image.shape[1] * image.shape[2])))
    for name, system in systems.items():
        boxes_only = isinstance(system, BoxEllipse)
        wanted = [p for p in asked.prompts if p == "box" or not boxes_only]
        clicks = 0 if boxes_only else asked.clicks
        encoded = system.encode(image)
        for start in range(0, len(targets), step):
            part = targets[start : start + step]
            curves: list[list[float]] = [[] for _ in part]
            for prompt, answers in _answers(encoded, part, wanted, clicks, curves).items():
                for target, answer in zip(part, answers, strict=True):
                    yield _object_score(case, target, name, prompt, answer, asked.tolerance_px)
            if clicks:
                for target, ious in zip(part, curves, strict=True):
                    yield _click_score(case, target, name, ious)
        if "auto" in wanted:
            with named_case(case.id):
                found = _found(name, encoded, image, asked.find)
            yield from _automatic(case, name, objects, targets, found, asked)


def _object_score(
    case: Case,
    target: Target,
    system: str,
    prompt: PromptName,
    answer: Prediction,
    tolerance_px: float | None,
) -> ObjectScore:
    result = object_overlap(answer, target.truth)
    boundaries = (
        {}
        if tolerance_px is None
        else object_boundaries(answer, target.truth, tolerance_px=tolerance_px)._asdict()
    )
    return ObjectScore(
        case=case.id,
        group=case.group,
        class_name=case.classes[target.truth.class_id],
        object_index=target.index,
        system=system,
        prompt=prompt,
        dice=result.dice,
        iou=result.iou,
        predicted_iou=answer.predicted_iou,
        area=target.truth.area,
        **boundaries,
    )


def _click_score(case: Case, target: Target, system: str, ious: Sequence[float]) -> ClickScore:
    name = case.classes[target.truth.class_id]
    return ClickScore(case.id, case.group, name, target.index, system, tuple(ious))


def _found(name: str, encoded: PromptedImage, image: Image, find: ObjectFinder | None) -> Found:
    """What a system finds without prompts."""
    if isinstance(encoded, FindsObjects):
        answers = (answer for answer in encoded.objects() if (answer.logits > 0).any())
        objects = [ObjectMask.from_prediction(answer) for answer in answers]
    elif find is None:
        raise TypeError(
            f"{name} does not find objects by itself: 'auto' needs FindsObjects or find"
        )
    else:
        objects = list(find(encoded, image))
    objects.sort(key=lambda item: -(item.score or 0.0))
    return Found(objects, (image.shape[1], image.shape[2]))


def _automatic(
    case: Case,
    system: str,
    objects: Sequence[ObjectMask],
    targets: Sequence[Target],
    found: Found,
    asked: Asked,
) -> Iterator[Score]:
    """Scores of what was found in an image, against all objects and against each."""
    pairs = overlapping_pairs(found.objects, objects)
    yield image_score(case, system, found, objects, pairs, asked.minimum_area)
    eligible = [not item.crowd and item.area >= asked.minimum_area for item in objects]
    partner = one_to_one(pairs.only(np.array(eligible, dtype=bool)))
    for target in targets:
        answer = found.objects[partner[target.index]] if target.index in partner else None
        answered = _as_answer(answer, target.truth)
        yield _object_score(case, target, system, "auto", answered, asked.tolerance_px)


def _as_answer(found: ObjectMask | None, truth: ObjectMask) -> Prediction:
    """An object that was found in place of an answer; for a missed one an empty answer."""
    crop = np.zeros((1, 1), dtype=bool) if found is None else found.crop
    return Prediction(
        logits=np.where(crop, 1, -1).astype(np.float32),
        origin=truth.origin if found is None else found.origin,
        image_size=truth.image_size,
        low_resolution=np.zeros((0, 0), dtype=np.float32),
        predicted_iou=math.nan if found is None or found.score is None else found.score,
    )


def _objects(case: Case) -> tuple[ObjectMask, ...]:
    """All annotated objects of a case."""
    if case.read_objects is None:
        where = case.files[0] if case.files else case.id
        raise DataError(where, "no annotation to score against", "Add a mask or leave it out.")
    return case.read_objects()


def _targets(case: Case, objects: Sequence[ObjectMask], asked: Asked) -> list[Target]:
    """The objects of a case that are scored, in the order of the case."""
    rng = case_generator(asked.seed, case.id)
    chosen = draw_objects(objects, asked.minimum_area, asked.objects_per_case, rng)
    return [_target(index, objects[index]) for index in chosen]


def _target(index: int, truth: ObjectMask) -> Target:
    y, x = truth.origin
    point = interior_point(truth.crop) + np.array([x, y], dtype=np.float32)
    clicked = Prompts(points=point[None], point_labels=np.ones(1, dtype=np.int64))
    return Target(index, truth, Prompts(box=truth.box), clicked)


def _answers(
    image: PromptedImage,
    targets: Sequence[Target],
    prompts: Collection[PromptName],
    clicks: int,
    curves: Sequence[list[float]],
) -> dict[PromptName, list[Prediction]]:
    """Answers for each way of prompting; ``point+3`` goes on from the answers of ``point``.

    The IoU after each of so many ``clicks`` is added to the curve of each target.
    """
    answers: dict[PromptName, list[Prediction]] = {}
    if "box" in prompts:
        answers["box"] = image.predict([target.box for target in targets], multimask=False)
    after: Mapping[int, PromptName] = {1: "point", 1 + CORRECTIONS: "point+3"}
    last = max([clicks, *(number for number, name in after.items() if name in prompts)])
    for number, clicked in enumerate(_clicked(image, targets, last), start=1):
        if after.get(number) in prompts:
            answers[after[number]] = clicked
        for target, answer, ious in zip(targets, clicked, curves, strict=True):
            if number <= clicks:
                ious.append(object_overlap(answer, target.truth).iou)
    return answers


def _clicked(
    image: PromptedImage, targets: Sequence[Target], clicks: int
) -> Iterator[list[Prediction]]:
    """The answers to one point, then after each correction; an answer without error stays."""
    if not clicks:
        return
    prompts = [target.point for target in targets]
    answers = image.predict(prompts, multimask=True)
    yield list(answers)
    wrong = list(range(len(targets)))
    for _ in range(clicks - 1):
        asked, wrong = wrong, []
        for index in asked:
            click = _click(answers[index], targets[index].truth)
            if click is not None:
                clicked = add_click(prompts[index], *click)
                prompts[index] = replace(clicked, mask_logits=answers[index].low_resolution)
                wrong.append(index)
        if wrong:
            improved = image.predict([prompts[index] for index in wrong], multimask=False)
            for index, answer in zip(wrong, improved, strict=True):
                answers[index] = answer
        yield list(answers)


def _click(answer: Prediction, truth: ObjectMask) -> tuple[Points, int] | None:
    """The correction in image pixels, looked for where the answer or the object can be."""
    y = min(answer.origin[0], truth.origin[0])
    x = min(answer.origin[1], truth.origin[1])
    parts = ((answer.origin, answer.logits > 0), (truth.origin, truth.crop))
    height = max(origin[0] + part.shape[0] for origin, part in parts) - y
    width = max(origin[1] + part.shape[1] for origin, part in parts) - x
    placed: list[Mask] = []
    for (top, left), part in parts:
        whole = np.zeros((height, width), dtype=bool)
        whole[top - y : top - y + part.shape[0], left - x : left - x + part.shape[1]] = part
        placed.append(whole)
    click = correction_click(placed[1], placed[0], None)
    if click is None:
        return None
    return click[0] + np.array([x, y], dtype=np.float32), click[1]
