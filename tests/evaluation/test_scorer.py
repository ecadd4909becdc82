from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from samdomains.errors import DataError
from samdomains.evaluation.baselines import BoxEllipse
from samdomains.evaluation.metrics import overlap
from samdomains.evaluation.scorer import Asked, score
from samdomains.evaluation.scores import Scores
from samdomains.prompts.corrections import correction_click
from samdomains.protocols import Normalizer
from samdomains.types import Case, Mask, PromptName, Prompts

ALL: tuple[PromptName, ...] = ("box", "point", "point+3")
Make = Callable[..., Any]


def squares(count: int = 3) -> np.ndarray[Any, np.dtype[np.int64]]:
    """A 40 x 60 label map with squares of 6 x 6 pixels, numbered from 1."""
    labels = np.zeros((40, 60), dtype=np.int64)
    for index in range(count):
        y, x = divmod(index, 6)
        labels[2 + 9 * y : 8 + 9 * y, 2 + 9 * x : 8 + 9 * x] = index + 1
    return labels


def oracle(truth: Mask, _: Prompts) -> Mask:
    return truth


def one_column_off(truth: Mask, _: Prompts) -> Mask:
    return np.roll(truth, 1, axis=1)


def nothing(truth: Mask, _: Prompts) -> Mask:
    return np.zeros_like(truth)


def noise(truth: Mask, prompt: Prompts) -> Mask:
    """Errors that depend on the clicks, so that every correction differs from the last."""
    seed = int(prompt.points.sum()) + 1000 * len(prompt.points)
    spots = np.random.default_rng(seed).random(truth.shape) < 0.2
    spots[:, 30:] = False
    return np.asarray(truth ^ spots)


def run(
    systems: dict[str, Any], cases: list[Case], normalizer: Normalizer, **changes: Any
) -> tuple[Any, ...]:
    return run_all(systems, cases, normalizer, **changes).objects


def run_all(
    systems: dict[str, Any],
    cases: list[Case],
    normalizer: Normalizer,
    *,
    progress: Callable[[int], None] | None = None,
    **changes: Any,
) -> Scores:
    wishes: dict[str, Any] = {"prompts": ALL, "minimum_area": 1}
    asked = Asked(**wishes | changes)
    return score(systems, cases, normalizer=normalizer, asked=asked, progress=progress)


def test_an_oracle_scores_one_with_every_prompt(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    scores = run({"oracle": make_reader(oracle)}, [make_case("a", squares())], normalizer)
    assert len(scores) == 3 * len(ALL)
    assert {s.dice for s in scores} == {s.iou for s in scores} == {1.0}
    assert {s.prompt for s in scores} == set(ALL)
    assert [s.object_index for s in scores if s.prompt == "box"] == [0, 1, 2]
    assert {(s.area, s.group, s.predicted_iou) for s in scores} == {(36, "a", 0.5)}
    assert [s.class_name for s in scores if s.prompt == "box"] == ["odd", "even", "odd"]


def test_a_mask_one_column_off_has_the_closed_form(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    scores = run({"off": make_reader(one_column_off)}, [make_case("a", squares())], normalizer)
    assert all(s.dice == pytest.approx(30 / 36) for s in scores)
    assert all(s.iou == pytest.approx(30 / 42) for s in scores)


def test_boundaries_are_measured_where_a_tolerance_is_given(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    systems = {"off": make_reader(one_column_off), "none": make_reader(nothing)}
    cases = [make_case("a", squares())]
    for found in run(systems, cases, normalizer, tolerance_px=1.0):
        measured = (found.boundary_f, found.nsd, found.hd95_px, found.missed)
        assert measured == pytest.approx(
            (1.0, 1.0, 1.0, False) if found.system == "off" else (0.0, 0.0, math.nan, True),
            nan_ok=True,
        )
    plain = run(systems, cases, normalizer)
    assert all(math.isnan(score.nsd) and not score.missed for score in plain)


def test_empty_answers_score_zero(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    scores = run({"none": make_reader(nothing)}, [make_case("a", squares())], normalizer)
    assert {s.dice for s in scores} == {0.0}


def test_the_first_prompts_are_the_exact_box_and_the_middle(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    reader = make_reader(oracle)
    run({"oracle": reader}, [make_case("a", squares(1))], normalizer)
    (box, box_multimask), (point, point_multimask) = reader.asked
    assert box.box.tolist() == [2, 2, 8, 8]
    assert not box_multimask
    assert point.points.tolist() == [[4, 4]]
    assert point.point_labels.tolist() == [1]
    assert point_multimask


def test_all_systems_get_identical_first_prompts_and_one_image(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    first, second = make_reader(oracle), make_reader(nothing)
    cases = [make_case("a", squares(40 // 9 * 6))]
    run({"first": first, "second": second}, cases, normalizer, prompts=("box", "point"))
    assert len(first.asked) == 48
    assert all(a[0] is b[0] for a, b in zip(first.asked, second.asked, strict=True))
    assert len(first.encoded) == len(second.encoded) == 1


def test_three_corrections_follow_the_point_where_the_answer_is_wrong(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    reader = make_reader(noise)
    labels = squares(1)
    scores = run({"noise": reader}, [make_case("a", labels)], normalizer, prompts=("point+3",))
    assert [len(prompt.points) for prompt, _ in reader.asked] == [1, 2, 3, 4]
    assert [multimask for _, multimask in reader.asked] == [True, False, False, False]
    truth = np.asarray(labels == 1)
    for number in range(3):
        before, after = reader.asked[number][0], reader.asked[number + 1][0]
        click = correction_click(truth, noise(truth, before), None)
        assert click is not None
        assert np.array_equal(after.points, np.vstack([before.points, click[0]]))
        assert after.point_labels[-1] == click[1]
        assert after.mask_logits[0, 0] == number + 1  # of the answer before
    final = noise(truth, reader.asked[-1][0])
    assert scores[0].dice == overlap(final, truth).dice


def test_a_perfect_answer_is_not_asked_again(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    def right_after_one_click(truth: Mask, prompt: Prompts) -> Mask:
        return truth if len(prompt.points) > 1 else np.zeros_like(truth)

    reader = make_reader(right_after_one_click)
    cases = [make_case("a", squares(2))]
    scores = run({"s": reader}, cases, normalizer, prompts=("point", "point+3"))
    assert len(reader.asked) == 4
    assert [s.dice for s in scores] == [0.0, 0.0, 1.0, 1.0]


def test_windowed_answers_score_as_full_size_ones(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    full, windowed = make_reader(noise), make_reader(noise, windowed=True)
    cases = [make_case("a", squares(20))]
    first = run({"s": full}, cases, normalizer)
    assert first == run({"s": windowed}, cases, normalizer)
    for (one, _), (other, _) in zip(full.asked, windowed.asked, strict=True):
        assert np.array_equal(one.points, other.points)
        assert np.array_equal(one.point_labels, other.point_labels)


def test_the_ellipse_is_scored_with_boxes_only(make_case: Make, normalizer: Normalizer) -> None:
    scores = run({"box_ellipse": BoxEllipse()}, [make_case("a", squares())], normalizer)
    assert [s.prompt for s in scores] == ["box"] * 3
    assert all(s.dice == pytest.approx(2 * 32 / (32 + 36)) for s in scores)
    assert all(math.isnan(s.predicted_iou) for s in scores)


def test_crowds_and_specks_are_skipped(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    labels = squares(2)
    labels[39, 59] = 3
    case = make_case("a", labels)
    first, *rest = case.read_objects()
    with_crowd = replace(case, read_objects=lambda: (replace(first, crowd=True), *rest))
    scores = run({"s": make_reader(oracle)}, [with_crowd], normalizer, minimum_area=4)
    assert {s.object_index for s in scores} == {1}


def test_an_empty_case_gives_no_score_and_is_not_read(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    def unreadable() -> None:
        raise AssertionError("pixels of an empty case are not needed")

    empty = replace(make_case("a", squares(0)), read_pixels=unreadable)
    assert run({"s": make_reader(oracle)}, [empty], normalizer) == ()


def test_a_case_without_annotation_is_an_error_that_names_it(
    make_case: Make, normalizer: Normalizer
) -> None:
    with pytest.raises(DataError, match="slide-7: no annotation"):
        run({}, [replace(make_case("slide-7", squares()), read_objects=None)], normalizer)


def test_the_subset_depends_on_seed_and_case_alone(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    def chosen(seed: int, *names: str) -> dict[str, list[int]]:
        cases = [make_case(name, squares(20)) for name in names]
        scores = run(
            {"s": make_reader(oracle)},
            cases,
            normalizer,
            prompts=("box",),
            seed=seed,
            objects_per_case=5,
        )
        return {n: [s.object_index for s in scores if s.case == n] for n in names}

    both = chosen(0, "a", "b")
    assert len(both["a"]) == len(set(both["a"])) == 5
    assert both["a"] == sorted(both["a"])
    assert chosen(0, "b")["b"] == both["b"] != both["a"]
    assert chosen(1, "a")["a"] != both["a"]


def test_progress_counts_every_case(
    make_case: Make, make_reader: Make, normalizer: Normalizer
) -> None:
    cases = [make_case("a", squares()), make_case("b", squares(0)), make_case("c", squares())]
    done: list[int] = []
    run({"s": make_reader(oracle)}, cases, normalizer, progress=done.append)
    assert done == [1, 2, 3]


def test_scoring_imports_no_torch() -> None:
    code = "import sys, samdomains.evaluation.scorer; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
