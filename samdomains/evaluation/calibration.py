"""Calibration: whether the IoU that a system predicts of its answers is the one that they have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from samdomains.evaluation.averages import Number, grouped
from samdomains.evaluation.results import ObjectScore

BINS = 10
"""Of equal width between 0 and 1, as usual for the expected calibration error."""


@dataclass(frozen=True)
class CalibrationBin:
    """The answers whose predicted IoU is about the same.

    Attributes:
        predicted: Mean predicted IoU.
        true: Mean true IoU.
        answers: Their number, at least 1.
    """

    predicted: Number
    true: Number
    answers: int


@dataclass(frozen=True)
class Calibration:
    """How far the predicted IoU of one system can be trusted.

    Attributes:
        error: Expected calibration error: mean of ``|predicted - true|`` over the bins, weighted by
            their answers. 0 is perfect; NaN without an answer.
        bias: Mean predicted minus mean true IoU; above 0 the system thinks too well of itself.
        correlation: Of predicted and true IoU (Pearson); NaN where one of the two is constant.
        answers: Number of answers.
        bins: Those that hold an answer, the lowest first.
    """

    error: Number
    bias: Number
    correlation: Number
    answers: int
    bins: tuple[CalibrationBin, ...]


def calibrations(scores: Sequence[ObjectScore]) -> dict[str, Calibration]:
    """Compare predicted with true IoU, over all prompted answers of each system.

    Args:
        scores: From ``samdomains.evaluation.scorer.score``. Answers without a prompt are left out:
            they were chosen by their predicted IoU; so is what has no prediction.

    Returns:
        System → calibration, for systems that predict at all.

    Reference:
        Guo et al. 2017, On Calibration of Modern Neural Networks, arXiv:1706.04599, equation 5.
    """
    asked = [s for s in scores if s.prompt != "auto" and math.isfinite(s.predicted_iou - s.iou)]
    return {system: _calibration(own) for system, own in grouped(asked, lambda s: s.system).items()}


def _calibration(scores: Sequence[ObjectScore]) -> Calibration:
    predicted = np.clip([score.predicted_iou for score in scores], 0.0, 1.0)
    true = np.array([score.iou for score in scores])
    place = np.minimum((predicted * BINS).astype(int), BINS - 1)
    bins = tuple(
        CalibrationBin(
            float(predicted[place == index].mean()),
            float(true[place == index].mean()),
            int(np.count_nonzero(place == index)),
        )
        for index in range(BINS)
        if (place == index).any()
    )
    error = math.fsum(abs(b.predicted - b.true) * b.answers for b in bins) / len(scores)
    varied = len(scores) > 1 and np.ptp(predicted) > 0 and np.ptp(true) > 0
    return Calibration(
        error,
        float(predicted.mean() - true.mean()),
        float(np.corrcoef(predicted, true)[0, 1]) if varied else math.nan,
        len(scores),
        bins,
    )
