from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from samdomains.evaluation.calibration import calibrations
from samdomains.evaluation.results import ObjectScore
from samdomains.types import PromptName


def scored(
    pairs: Sequence[tuple[float, float]], system: str = "tuned", prompt: PromptName = "box"
) -> list[ObjectScore]:
    """Answers by their predicted and true IoU."""
    return [
        ObjectScore("a", "a", "cell", index, system, prompt, true, true, predicted, 9)
        for index, (predicted, true) in enumerate(pairs)
    ]


def test_who_predicts_what_is_true_has_no_error() -> None:
    found = calibrations(scored([(0.15, 0.15), (0.55, 0.55), (1.0, 1.0)]))["tuned"]
    assert (found.error, found.bias) == pytest.approx((0, 0))
    assert found.correlation == pytest.approx(1)
    assert [own.answers for own in found.bins] == [1, 1, 1]


def test_the_error_has_the_closed_form_of_two_bins() -> None:
    """Three answers 0.2 too high, one 0.4 too low."""
    found = calibrations(scored([(0.9, 0.7), (0.95, 0.75), (0.92, 0.72), (0.5, 0.9)]))["tuned"]
    assert found.error == pytest.approx((3 * 0.2 + 0.4) / 4)
    assert found.bias == pytest.approx((3 * 0.2 - 0.4) / 4)
    assert found.correlation < 0


def test_errors_of_opposite_sign_in_one_bin_cancel_as_calibration_has_it() -> None:
    found = calibrations(scored([(0.52, 0.42), (0.52, 0.62)]))["tuned"]
    assert found.error == pytest.approx(0)
    assert math.isnan(found.correlation)


def test_what_was_chosen_by_its_prediction_or_has_none_does_not_count() -> None:
    scores = scored([(0.9, 0.1)], prompt="auto") + scored([(math.nan, 0.5)], "box_ellipse")
    assert calibrations(scores) == {}
    assert set(calibrations([*scores, *scored([(1.2, 0.5)], "zero_shot")])) == {"zero_shot"}
