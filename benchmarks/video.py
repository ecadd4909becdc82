"""J and F of following objects through generated clips, beside what needs no propagation.

python benchmarks/video.py --clips 5

Every object is prompted once, with its true box in the first frame that shows it. One table, in one
run: each kind of clip by

* ``samdomains``: ``samdomains.segment`` with the model, as a user calls it;
* ``first end only``: the same without re-identification (``propagation.patience=0``);
* ``box held still``: the model asked about the first box in every frame;
* ``previous box``: the model asked about the box around its own last answer, and nothing else;
* ``true box``: the model asked about the true box in every frame, which no propagation knows.

Frames, means and the convention of DAVIS are those of ``samdomains/evaluation/video.py``; ``kept``
is the share of objects that are still found (IoU above 0.5) in the last frame that shows them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from samdomains_video.demo_scenes import AnnotatedClip, Motion, make_clip

from samdomains import load_model, segment
from samdomains.data.statistics import case_statistics
from samdomains.evaluation.video import SequenceScore, score_sequence
from samdomains.inference import Model
from samdomains.prompts.boxes import box_of
from samdomains.prompts.parsing import ObjectPrompt
from samdomains.types import Box, Mask, ObjectMask, Prompts

SIZE = (192, 256)
FRAMES = 24

KINDS: Mapping[str, Motion] = {
    "plain motion": Motion(SIZE, FRAMES),
    "scale change": Motion(SIZE, FRAMES, growth=2.0),
    "occlusion and return": Motion(SIZE, FRAMES, occlusion=True),
}

FLOORS = ("box held still", "previous box", "true box")


@dataclass(frozen=True)
class Start:
    """The one prompt of an object: its first frame and its box there."""

    frame: int
    box: Box


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=5, help="of each kind")
    parser.add_argument("--model", default="tiny", help="a name, or the directory of a run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    arguments = parser.parse_args()
    model = load_model(arguments.model, "video", settings=arguments.settings)
    systems = {"samdomains": model, "first end only": without_reidentification(model)}
    print(f"{arguments.clips} clips of each kind, {FRAMES} frames of {SIZE[1]} x {SIZE[0]}\n")
    print("| clips | system | J | F | J&F | J&F as DAVIS | kept | false alarms | s a frame |")
    print("|---|---|---|---|---|---|---|---|---|")
    for number, (kind, motion) in enumerate(KINDS.items()):
        clips = [
            make_clip(np.random.default_rng([arguments.seed, number, index]), motion)
            for index in range(arguments.clips)
        ]
        results: dict[str, list[SequenceScore]] = {}
        seconds: dict[str, float] = {}
        for name, system in systems.items():
            started = time.monotonic()
            results[name] = [scored(clip, followed(system, clip)) for clip in clips]
            seconds[name] = time.monotonic() - started
        for clip in clips:
            answers = list(asked_frame_by_frame(model, clip))
            for place, name in enumerate(FLOORS):
                found = scored(clip, (labels[place] for labels in answers))
                results.setdefault(name, []).append(found)
        for name, scores in results.items():
            spent = seconds.get(name)
            pace = "" if spent is None else f"{spent / FRAMES / len(clips):.3f}"
            print(f"| {kind} | {name} | {row(scores)} | {pace} |", flush=True)


def without_reidentification(model: Model) -> Model:
    """The same model, for which the first end of an object is its last."""
    propagation = model.recipe.propagation.model_copy(update={"patience": 0})
    return replace(model, recipe=model.recipe.model_copy(update={"propagation": propagation}))


def starts(clip: AnnotatedClip) -> dict[int, Start]:
    """Value of each object → where it is prompted."""
    found: dict[int, Start] = {}
    for frame, labels in enumerate(clip.labels):
        for value in np.unique(labels[labels > 0]).tolist():
            found.setdefault(value, Start(frame, box_of(labels == value)))
    return found


def scored(clip: AnnotatedClip, answers: Iterator[NDArray[np.uint8]]) -> SequenceScore:
    prompted = {value: [start.frame] for value, start in starts(clip).items()}
    return score_sequence(zip(answers, clip.labels, strict=True), prompted)


def followed(model: Model, clip: AnnotatedClip) -> Iterator[NDArray[np.uint8]]:
    """The masks that ``segment`` writes, of one prompt for each object."""
    begun = sorted(starts(clip).items())
    prompts = [
        ObjectPrompt(Prompts(box=start.box, source="user"), slice_index=start.frame)
        for _, start in begun
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "clip").mkdir()
        for number, picture in enumerate(clip.frames):
            PillowImage.fromarray(picture).save(folder / "clip" / f"{number:05d}.png")
        written = segment(model, folder / "clip", prompts, out=folder / "out")
        for path in sorted(path for path in written if path.suffix == ".png"):
            yield in_values(path, [value for value, _ in begun])


def in_values(path: Path, values: list[int]) -> NDArray[np.uint8]:
    """Masks number the prompts from 1: here they get the values of the truth."""
    with PillowImage.open(path) as image:
        return np.array([0, *values], dtype=np.uint8)[np.asarray(image)]


def asked_frame_by_frame(
    model: Model, clip: AnnotatedClip
) -> Iterator[tuple[NDArray[np.uint8], ...]]:
    """The answers of each of ``FLOORS`` to each frame, all of one look at it."""
    begun = starts(clip)
    last = {value: start.box for value, start in begun.items()}
    for number, (picture, labels) in enumerate(zip(clip.frames, clip.labels, strict=True)):
        boxes: dict[tuple[int, int], Box] = {}
        for value, start in begun.items():
            if number >= start.frame:
                boxes[0, value], boxes[1, value] = start.box, last[value]
            if (labels == value).any():
                boxes[2, value] = box_of(labels == value)
        masks = asked(model, np.moveaxis(picture, 2, 0), boxes)
        last |= {value: box_of(mask) for (place, value), mask in masks.items() if place == 1}
        yield tuple(painted(masks, place) for place in range(len(FLOORS)))


def asked(
    model: Model, pixels: NDArray[np.uint8], boxes: Mapping[tuple[int, int], Box]
) -> dict[tuple[int, int], Mask]:
    """The answers that are not empty, under the same keys."""
    keys = list(boxes)
    prompts = [Prompts(box=box, source="user") for box in boxes.values()]
    return {
        keys[i]: ObjectMask.from_prediction(answer).mask()
        for i, answer in model.answers(pixels, prompts, case_statistics(pixels))
        if (answer.logits > 0).any()
    }


def painted(masks: Mapping[tuple[int, int], Mask], wanted: int) -> NDArray[np.uint8]:
    """One label image of a system's answers, the smaller over the larger as the writer does."""
    labels = np.zeros(SIZE, dtype=np.uint8)
    mine = [(value, mask) for (place, value), mask in masks.items() if place == wanted]
    for value, mask in sorted(mine, key=lambda pair: -np.count_nonzero(pair[1])):
        labels[mask] = value
    return labels


def row(scores: list[SequenceScore]) -> str:
    tracks = [track for score in scores for track in score.objects.values()]
    means = np.array([(*score.means, score.as_davis().mean) for score in scores]).mean(axis=0)
    kept = np.mean([track.scores[-1].j > 0.5 for track in tracks if track.scores])
    alarms, absent = sum(t.false_alarms for t in tracks), sum(t.absent for t in tracks)
    j, f, davis = means
    cells = [f"{value:.3f}" for value in (j, f, (j + f) / 2, davis, kept)]
    return " | ".join([*cells, f"{alarms} of {absent}" if absent else ""])


if __name__ == "__main__":
    main()
