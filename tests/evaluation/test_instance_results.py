from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from samdomains.data.rle import rle_from_object
from samdomains.evaluation.instance_results import (
    semantic_overlaps,
    summarize_instances,
    summarize_semantic,
)
from samdomains.evaluation.instances import ImageScore
from samdomains.types import ObjectMask
from tests.object_making import SIZE, by_score, compared, random_answers, random_truths, rectangle

Scene = tuple[list[ObjectMask], list[ObjectMask]]
SEEDS = st.integers(0, 2**32 - 1)


def summary(scores: Sequence[ImageScore], resamples: int = 10) -> dict[str, Any]:
    return summarize_instances(scores, resamples=resamples, seed=0)["tuned"]


def random_scenes(seed: int, images: int = 4) -> list[Scene]:
    """Images with crowd regions, specks and, the last one, without an object."""
    rng = np.random.default_rng(seed)
    scenes = []
    for number in range(images):
        truths = random_truths(rng, 6 if number < images - 1 else 0)
        truths = [replace(item, crowd=bool(rng.random() < 0.2)) for item in truths]
        scenes.append((truths, random_answers(rng, truths)))
    return scenes


def scored(scenes: Sequence[Scene], minimum_area: int = 1) -> list[ImageScore]:
    return [
        compared(str(number), truths, answers, minimum_area=minimum_area)
        for number, (truths, answers) in enumerate(scenes)
    ]


def coco_precisions(scenes: Sequence[Scene], minimum_area: int) -> list[float]:
    """AP at each threshold by pycocotools, without a limit to the number of answers."""
    truths: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    for image, (objects, found) in enumerate(scenes, start=1):
        for item in objects:
            entry: dict[str, Any] = {
                "id": len(truths) + 1,
                "image_id": image,
                "category_id": 1,
                "area": item.area,
            }
            truths.append(
                entry | {"iscrowd": int(item.crowd), "segmentation": rle_from_object(item)}
            )
        for item in found:
            entry = {"image_id": image, "category_id": 1, "segmentation": rle_from_object(item)}
            answers.append(entry | {"score": item.score})
    sizes = [
        {"id": image, "height": SIZE[0], "width": SIZE[1]} for image in range(1, len(scenes) + 1)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {"images": sizes, "annotations": truths, "categories": [{"id": 1}]}
        coco.createIndex()
        run = COCOeval(coco, coco.loadRes(answers), "segm")
        run.params.maxDets = [10**6]
        run.params.areaRng, run.params.areaRngLbl = [[minimum_area, 1e10]], ["all"]
        run.evaluate()
        run.accumulate()
    return np.asarray(run.eval["precision"])[:, :, 0, 0, 0].mean(axis=1).tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("minimum_area", [1, 12])
@pytest.mark.parametrize("seed", range(8))
def test_average_precision_is_that_of_pycocotools(seed: int, minimum_area: int) -> None:
    scenes = random_scenes(seed)
    entry = summary(scored(scenes, minimum_area))
    expected = coco_precisions(scenes, minimum_area)
    assert list(entry["per_threshold"].values()) == pytest.approx(expected, abs=1e-9)
    assert entry["ap"]["mean"] == pytest.approx(np.mean(expected), abs=1e-9)
    assert entry["ap50"]["mean"] == pytest.approx(expected[0], abs=1e-9)
    assert entry["ap75"]["mean"] == pytest.approx(expected[5], abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_a_perfect_answer_scores_one_in_everything(seed: int) -> None:
    rng = np.random.default_rng(seed)
    squares = [rectangle(12 * y, 16 * x, 9, 9) for y in range(4) for x in range(4)]
    truths = [squares[i] for i in rng.permutation(16)[: rng.integers(1, 16)]]
    answers = by_score([replace(item, score=float(rng.random())) for item in truths])
    entry = summary(scored([(truths, answers)]))
    for name in ("ap", "ap50", "ap75", "pq", "sq", "rq", "precision50", "recall50", "f1_50"):
        assert entry[name]["mean"] == pytest.approx(1.0)
    assert entry["dsb_ap"]["mean"] == 1.0


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_the_order_of_images_and_of_answers_does_not_matter(seed: int) -> None:
    scenes = random_scenes(seed)
    rng = np.random.default_rng(seed)
    # Without ties, whose order is that of the answers.
    distinct = iter(rng.permutation(1000) / 1000)
    scenes = [
        (truths, by_score([replace(a, score=float(next(distinct))) for a in answers]))
        for truths, answers in scenes
    ]
    shuffled = [(truths, by_score(answers[::-1])) for truths, answers in scenes[::-1]]
    first, second = summary(scored(scenes)), summary(scored(shuffled))
    for name in ("ap", "ap50", "f1_50", "pq", "dsb_ap"):
        assert first[name]["mean"] == pytest.approx(second[name]["mean"], nan_ok=True)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_duplicates_never_raise_the_average_precision(seed: int) -> None:
    truths = [rectangle(12 * y, 16 * x, 9, 9) for y in range(2) for x in range(2)]
    rng = np.random.default_rng(seed)
    once = by_score([replace(item, score=float(rng.uniform(0.2, 0.9))) for item in truths])
    twice = by_score([*once, replace(once[0], score=float(rng.uniform(0.3, 1.0)))])
    sure = by_score([*once, replace(once[0], score=0.95)])
    plain = summary(scored([(truths, once)]))["ap"]["mean"]
    assert summary(scored([(truths, twice)]))["ap"]["mean"] <= plain
    assert summary(scored([(truths, sure)]))["ap"]["mean"] < plain


def test_two_right_of_three_have_the_closed_form() -> None:
    truths = [rectangle(0, 20 * i, 10, 10) for i in range(3)]
    wrong = rectangle(30, 30, 10, 10)
    answers = [
        replace(item, score=score)
        for item, score in ((truths[0], 0.9), (wrong, 0.8), (truths[1], 0.7))
    ]
    entry = summary(scored([(truths, answers)]))
    # Recall 1/3 at precision 1 (34 of the 101 recalls), 2/3 at precision 2/3 (33 of them).
    assert entry["ap50"]["mean"] == pytest.approx((34 + 33 * 2 / 3) / 101)
    assert entry["precision50"]["mean"] == entry["recall50"]["mean"] == pytest.approx(2 / 3)
    assert entry["f1_50"]["mean"] == entry["rq"]["mean"] == pytest.approx(2 / 3)
    assert entry["pq"]["mean"] == pytest.approx(2 / 3)
    assert entry["dsb_ap"]["mean"] == pytest.approx(2 / 4)
    assert (entry["objects"], entry["answers"], entry["n"]) == (3, 3, 1)


def test_the_challenge_of_2018_averages_thresholds_within_an_image() -> None:
    truth = rectangle(0, 0, 10, 10)
    eight_tenths = replace(rectangle(0, 0, 10, 8), score=0.5)
    entry = summary(scored([([truth], [eight_tenths]), ([truth], []), ([], [eight_tenths])]))
    # Right at 0.50 to 0.75: the IoU must be larger than the threshold. An image without an object
    # is left out.
    assert entry["dsb_ap"] == {"mean": pytest.approx(0.6 / 2), "ci95": [0, 0.6], "n": 2}


def test_false_alarms_are_counted_on_images_without_an_object() -> None:
    alarm = replace(rectangle(0, 0, 6, 8), score=0.5)
    truth = rectangle(20, 20, 8, 8)
    scenes: list[Scene] = [([], [alarm]), ([], []), ([truth], [alarm])]
    entry = summary(scored(scenes))
    assert entry["empty"] == {
        "images": 2,
        "with_false_alarms": 0.5,
        "false_alarms_per_image": 0.5,
        "false_pixels": pytest.approx(24 / (SIZE[0] * SIZE[1])),
    }
    assert entry["precision50"]["mean"] == 0.0


def test_without_empty_images_nothing_is_said_of_them() -> None:
    empty = summary(scored([([rectangle(0, 0, 9, 9)], [])]))["empty"]
    assert empty.pop("images") == 0
    assert all(math.isnan(value) for value in empty.values())


def test_without_any_object_there_is_no_precision() -> None:
    entry = summary(scored([([], []), ([], [])]))
    for name in ("ap", "pq", "recall50", "dsb_ap"):
        assert math.isnan(entry[name]["mean"])
        assert all(math.isnan(end) for end in entry[name]["ci95"])


def test_resamples_pool_whole_groups() -> None:
    truth = rectangle(0, 0, 10, 10)
    right = replace(truth, score=0.5)
    good = [compared(f"a{i}", [truth], [right], group="a") for i in range(3)]
    bad = [compared(f"b{i}", [truth], [], group="b") for i in range(3)]
    entry = summary([*good, *bad], resamples=100)
    assert entry["recall50"] == {"mean": 0.5, "ci95": [0.0, 1.0], "n": 6}
    alone = summary(good, resamples=100)
    assert all(math.isnan(end) for end in alone["ap"]["ci95"])


def test_the_semantic_overlap_is_a_mean_over_images_with_an_object() -> None:
    truth = rectangle(0, 0, 10, 10)
    half = replace(rectangle(0, 0, 10, 5), score=0.5)
    scores = scored([([truth], [half]), ([truth], []), ([], [half])])
    entry = summarize_semantic(scores, resamples=10, seed=0)["tuned"]
    assert entry["dice"]["mean"] == pytest.approx((2 / 3 + 0) / 2)
    assert entry["iou"]["mean"] == pytest.approx(0.25)
    assert entry["iou"]["n"] == 2


def test_slices_of_a_volume_are_one_score_and_those_without_an_object_count_in_it() -> None:
    truth = rectangle(0, 0, 10, 10)
    right, wrong = replace(truth, score=0.5), replace(rectangle(0, 0, 10, 5), score=0.5)
    slices = scored([([truth], [right]), ([], [wrong]), ([truth], [])])
    volume = [replace(image, whole="scan", group="patient") for image in slices]
    (whole,) = semantic_overlaps(volume)
    assert (whole.whole, whole.group) == ("scan", "patient")
    assert whole.dice == pytest.approx(2 * 100 / (150 + 200))
    assert whole.iou == pytest.approx(100 / 250)
    entry = summarize_semantic(volume, resamples=10, seed=0)["tuned"]
    assert entry["dice"]["mean"] == whole.dice
    assert entry["dice"]["n"] == 1
