"""The one scorer: every system answers identical prompts for the same objects."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from samdomains.data.parts import normalized_image
from samdomains.errors import DataError
from samdomains.evaluation.baselines import BoxEllipse
from samdomains.evaluation.boundaries import object_boundaries
from samdomains.evaluation.metrics import object_overlap
from samdomains.evaluation.results import ObjectScore
from samdomains.processes import ALONE, Processes
from samdomains.prompts.corrections import add_click, correction_click
from samdomains.prompts.points import interior_point
from samdomains.protocols import Normalizer, PromptedImage, Segmenter
from samdomains.types import Case, Mask, ObjectMask, Points, Prediction, PromptName, Prompts

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


def score(
    systems: Mapping[str, Segmenter],
    cases: Sequence[Case],
    *,
    normalizer: Normalizer,
    prompts: Sequence[PromptName],
    minimum_area: int,
    seed: int,
    objects_per_case: int | None = None,
    tolerance_px: float | None = None,
    processes: Processes = ALONE,
    progress: Callable[[int], None] | None = None,
) -> tuple[ObjectScore, ...]:
    """Score systems on the objects of cases, with prompts made from the ground truth.

    ``box`` is the exact bounding box and takes the single mask. ``point`` is the pixel farthest
    from the object's border, and takes the best of three masks by predicted IoU. ``point+3`` goes
    on with three clicks in the middle of the largest error, each with the last answer as a mask;
    an answer without error stays. ``BoxEllipse`` is scored with ``box`` only.

    Crowd regions and objects below ``minimum_area`` are skipped; a case without any other object
    has no score, and its pixels are not read.

    Args:
        systems: Name → system. Each encodes an image once.
        cases: Read one after the other.
        normalizer: Stored pixels → image, with the statistics of the whole case.
        prompts: The ways of prompting.
        minimum_area: In pixels.
        seed: Draws the subset of ``objects_per_case``.
        objects_per_case: Score at most as many objects of a case; None scores all. The subset
            depends on the seed and the case's id alone.
        tolerance_px: Deviation of a boundary in pixels that counts as correct in ``nsd``; None
            leaves boundaries out, as in training, which looks at Dice alone.
        processes: Take a share of the cases each, and all get the scores of all.
        progress: Called after each case with the number of this process's cases done.

    Raises:
        DataError: A case has no annotation, or its pixels or objects cannot be read.
    """

    def own() -> list[tuple[ObjectScore, ...]]:
        scores: list[tuple[ObjectScore, ...]] = []
        for done, case in enumerate(processes.share(cases), start=1):
            targets = _targets(case, minimum_area, seed, objects_per_case)
            if targets:
                answered = _score_case(systems, case, targets, normalizer, prompts, tolerance_px)
                scores.append(tuple(answered))
            else:
                scores.append(())
            if progress is not None:
                progress(done)
        return scores

    return tuple(score for case in processes.gather_shares(own) for score in case)


def case_generator(seed: int, name: str) -> np.random.Generator:
    """Draws from one case, whatever other cases there are; ``name`` is its id."""
    # Python's own hash of a string differs between two runs.
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _score_case(
    systems: Mapping[str, Segmenter],
    case: Case,
    targets: Sequence[Target],
    normalizer: Normalizer,
    prompts: Sequence[PromptName],
    tolerance_px: float | None,
) -> Iterator[ObjectScore]:
    image = normalized_image(case, normalizer)
    step = max(1, min(OBJECTS_AT_ONCE, PIXELS_AT_ONCE // (image.shape[1] * image.shape[2])))
    for name, system in systems.items():
        wanted = [p for p in prompts if p == "box" or not isinstance(system, BoxEllipse)]
        encoded = system.encode(image)
        for start in range(0, len(targets), step):
            part = targets[start : start + step]
            for prompt, answers in _answers(encoded, part, wanted).items():
                for target, answer in zip(part, answers, strict=True):
                    yield _object_score(case, target, name, prompt, answer, tolerance_px)


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


def _targets(
    case: Case, minimum_area: int, seed: int, objects_per_case: int | None
) -> list[Target]:
    """The objects of a case that are scored, in the order of the case."""
    if case.read_objects is None:
        where = case.files[0] if case.files else case.id
        raise DataError(where, "no annotation to score against", "Add a mask or leave it out.")
    objects = case.read_objects()
    eligible = [index for index, o in enumerate(objects) if not o.crowd and o.area >= minimum_area]
    if objects_per_case is not None and len(eligible) > objects_per_case:
        rng = case_generator(seed, case.id)
        eligible = sorted(rng.choice(eligible, objects_per_case, replace=False).tolist())
    return [_target(index, objects[index]) for index in eligible]


def _target(index: int, truth: ObjectMask) -> Target:
    y, x = truth.origin
    point = interior_point(truth.crop) + np.array([x, y], dtype=np.float32)
    clicked = Prompts(points=point[None], point_labels=np.ones(1, dtype=np.int64))
    return Target(index, truth, Prompts(box=truth.box), clicked)


def _answers(
    image: PromptedImage, targets: Sequence[Target], prompts: Collection[PromptName]
) -> dict[PromptName, list[Prediction]]:
    """Answers for each way of prompting; ``point+3`` goes on from the answers of ``point``."""
    answers: dict[PromptName, list[Prediction]] = {}
    if "box" in prompts:
        answers["box"] = image.predict([target.box for target in targets], multimask=False)
    if "point" in prompts or "point+3" in prompts:
        first = image.predict([target.point for target in targets], multimask=True)
        if "point" in prompts:
            answers["point"] = first
        if "point+3" in prompts:
            answers["point+3"] = _corrected(image, targets, first)
    return answers


def _corrected(
    image: PromptedImage, targets: Sequence[Target], first: Sequence[Prediction]
) -> list[Prediction]:
    """The answers after all corrections."""
    answers = list(first)
    prompts = [target.point for target in targets]
    for _ in range(CORRECTIONS):
        wrong = []
        for index, target in enumerate(targets):
            click = _click(answers[index], target.truth)
            if click is not None:
                clicked = add_click(prompts[index], *click)
                prompts[index] = replace(clicked, mask_logits=answers[index].low_resolution)
                wrong.append(index)
        if not wrong:
            break
        improved = image.predict([prompts[index] for index in wrong], multimask=False)
        for index, answer in zip(wrong, improved, strict=True):
            answers[index] = answer
    return answers


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
