"""Answers to prompts made of a neighbouring slice, of models tuned with such prompts and without.

python benchmarks/propagation_training.py DATA RUN [RUN ...] --json

Each run (of ``samdomains run`` on DATA) is asked in each slice for the objects of the slices beside
it, as ``propagation`` of its recipe does, with their true masks. Of those that go on, the table has
the mean Dice beside that of the exact box and of the neighbour's mask as it is, and the IoU that
the model predicts; of those that ended one to three slices before, the share of empty answers, the
IoU that it predicts, and how often a random one of these predictions is below a random one of those
that go on (the area under the ROC curve). The slices are those that the run has not trained on;
``--all`` takes every one.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from samdomains.data.parts import in_parts, normalized_image
from samdomains.evaluation.metrics import overlap
from samdomains.inference import Model, load_model
from samdomains.prompts.boxes import box_of
from samdomains.prompts.propagated import propagated_prompt
from samdomains.training.neighbours import Followed, Neighbours, objects_of
from samdomains.types import Case, Mask, Prompts

THRESHOLDS = (0.4, 0.5, 0.6, 0.7)
"""Predicted IoU below which the table counts an answer as an end."""

LOST = 0.05
"""Share of the objects that go on which a threshold may take for ends."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One answer to a propagated prompt.

    Attributes:
        ended: Whether the object has ended before the slice.
        dice: With the object; NaN of one that has ended.
        boxed: Dice of the answer to the exact box; NaN of one that has ended.
        copied: Dice of the mask that the prompt is made of; NaN of one that has ended.
        predicted: IoU that the model predicts.
        share: Pixels of the answer over those of the mask that the prompt is made of.
    """

    ended: bool
    dice: float
    boxed: float
    copied: float
    predicted: float
    share: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--all", action="store_true", help="slices that were trained on, too")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = {}
    for run in arguments.runs:
        model = load_model(run)
        trained = json.loads((run / "split.json").read_text(encoding="utf-8"))["train"]
        answers = list(ask(model, arguments.data, set() if arguments.all else set(trained)))
        results[run.name] = summary(answers)
        print(run.name)
        for name, value in results[run.name].items():
            print(f"  {name:36} {value:.3f}")
    if arguments.json:
        print(json.dumps(results))


def ask(model: Model, data: Path, left_out: set[str]) -> Iterator[Asked]:
    """The answers in every slice but those left out."""
    cases = in_parts(model.domain.load_cases(data, model.recipe))
    margin = model.recipe.propagation.margin
    neighbours = Neighbours(cases, model.recipe.data.minimum_area, margin)
    for number, case in enumerate(cases):
        followed = neighbours.followed(number)
        if followed and case.id not in left_out:
            yield from answers_in(model, cases, case, followed)


def answers_in(
    model: Model, cases: Sequence[Case], case: Case, followed: Sequence[Followed]
) -> Iterator[Asked]:
    """The answers in one slice."""
    image = next(iter(model.systems.values())).encode(normalized_image(case, model.normalizer))
    before = [_union(cases[item.case], item.before) for item in followed]
    after = [_union(case, item.after) for item in followed]
    asked = [propagated_prompt(mask, model.recipe.propagation) for mask in before]
    answers = image.predict(asked, multimask=False)
    going_on = [i for i, item in enumerate(followed) if item.after]
    exact = [Prompts(box=box_of(after[i])) for i in going_on]
    boxed = dict(zip(going_on, image.predict(exact, multimask=False), strict=True))
    for i, answer in enumerate(answers):
        found = answer.mask()
        yield Asked(
            ended=i not in boxed,
            dice=overlap(found, after[i]).dice,
            boxed=overlap(boxed[i].mask(), after[i]).dice if i in boxed else float("nan"),
            copied=overlap(before[i], after[i]).dice,
            predicted=answer.predicted_iou,
            share=np.count_nonzero(found) / np.count_nonzero(before[i]),
        )


def summary(answers: Sequence[Asked]) -> dict[str, float]:
    """The figures of one run."""
    groups = defaultdict[bool, list[Asked]](list)
    for answer in answers:
        groups[answer.ended].append(answer)
    on, ended = groups[False], groups[True]
    sure, unsure = (np.array([a.predicted for a in group]) for group in (on, ended))
    figures: dict[str, float] = {
        "go on: number": len(on),
        "go on: Dice of exact boxes": float(np.mean([a.boxed for a in on])),
        "go on: Dice of the neighbour's mask": float(np.mean([a.copied for a in on])),
        "go on: Dice": float(np.mean([a.dice for a in on])),
        "go on: empty answers": float(np.mean([a.share == 0 for a in on])),
        "go on: predicted IoU": float(sure.mean()),
        "go on: answer over neighbour's area": float(np.mean([a.share for a in on])),
        "ended: number": len(ended),
    }
    if ended:
        figures |= {
            "ended: empty answers": float(np.mean([a.share == 0 for a in ended])),
            "ended: answers below a quarter": float(np.mean([a.share < 0.25 for a in ended])),
            "ended: predicted IoU": float(unsure.mean()),
            "ended: answer over neighbour's area": float(np.mean([a.share for a in ended])),
            "area under the ROC curve": _area_under_curve(unsure, sure),
            f"ends found where {LOST:.0%} are lost": float(
                np.mean(unsure < np.quantile(sure, LOST))
            ),
        }
        for limit in THRESHOLDS:
            figures[f"below {limit}: ended"] = float(np.mean(unsure < limit))
            figures[f"below {limit}: go on"] = float(np.mean(sure < limit))
    return figures


def _area_under_curve(low: np.ndarray, high: np.ndarray) -> float:
    """How often a random one of ``low`` is below one of ``high`` (Mann and Whitney's U)."""
    ranks = rankdata(np.concatenate([low, high]))[len(low) :]
    return float((ranks.sum() - len(high) * (len(high) + 1) / 2) / (len(low) * len(high)))


def _union(case: Case, indices: Sequence[int]) -> Mask:
    """(H, W): some objects of a case together."""
    objects = objects_of(case)
    mask = np.zeros(objects[0].image_size if objects else (1, 1), dtype=bool)
    for index in indices:
        mask |= objects[index].mask()
    return mask


if __name__ == "__main__":
    main()
