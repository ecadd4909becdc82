"""Mixes of original and tuned weights: what each gains and forgets, and which one to save.

WiSE-FT (Wortsman et al. 2022, doi:10.1109/CVPR52688.2022.00780): on the line between the weights
of a model and those of the model that was tuned from it, much of the gain comes before much is
forgotten.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from samdomains.evaluation.averages import Number

AS_GOOD = 0.001
"""Of mean validation Dice: mixes that are no farther below the best are as good as it, and what
they forgot decides. As in ``card.SMALLEST_DIFFERENCE``, less is rounding."""


@dataclass(frozen=True)
class CurvePoint:
    """One mix, as it was measured.

    Attributes:
        share: Of the tuned weights: 0 is the original model, 1 what training kept.
        dice: Mean Dice on the validation images, as in training.
        gain: Of it, over the original model.
        retention: Change of Dice on other domains, the mean over ``domains``; NaN where nothing
            was measured.
        domains: Other domain → change of Dice there, the mean over boxes and points.
    """

    share: float
    dice: Number
    gain: Number
    retention: Number
    domains: dict[str, Number]


@dataclass(frozen=True)
class Curve:
    """What a run's mixes gain and forget.

    Attributes:
        points: By share, from the original model to the tuned one.
        left_out: Other domain → why it was not measured.
    """

    points: tuple[CurvePoint, ...]
    left_out: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """What is kept in a run's state."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Curve:
        """Read back what ``write_json(curve.to_json())`` wrote.

        Raises:
            pydantic.ValidationError: It is no curve.
        """
        return _CURVE.validate_python(content)


@dataclass(frozen=True)
class Interpolation:
    """The mix that was saved, and why.

    Attributes:
        asked: ``model.interpolate`` of the recipe.
        share: Of the tuned weights in the saved model.
        reason: Why this one, in words.
        limit: Change of Dice on other domains from which on the health card says that they were
            forgotten.
        curve: What the mixes gain and forget; None where it was never measured in this run.
    """

    asked: Literal["auto"] | float
    share: float
    reason: str
    limit: float
    curve: Curve | None

    def to_json(self) -> dict[str, Any]:
        """The part ``interpolation`` of ``card.json`` and ``metrics.json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Interpolation:
        """Read back what ``write_json(interpolation.to_json())`` wrote."""
        return _INTERPOLATION.validate_python(content)


def pick(points: Sequence[CurvePoint], limit: float) -> CurvePoint:
    """The mix to save: the best validation Dice of those that forget less than the limit.

    Mixes whose Dice is less than ``AS_GOOD`` below the best are told apart by what they forgot,
    then by the smaller share of tuned weights. A retention that was not measured forbids nothing.

    Args:
        points: With the original model, which forgets nothing.
        limit: Change of Dice on other domains that is too much.

    Example:
        >>> points = [CurvePoint(0.0, 0.7, 0.0, 0.0, {}), CurvePoint(1.0, 0.9, 0.2, -0.3, {})]
        >>> pick(points, -0.05).share, pick(points, -0.5).share
        (0.0, 1.0)
    """
    allowed = [point for point in points if not point.retention <= limit]
    best = max(map(_dice, allowed))
    as_good = [point for point in allowed if _dice(point) >= best - AS_GOOD]
    return max(as_good, key=lambda point: (_known(point.retention), -point.share))


def interpolate(asked: Literal["auto"] | float, curve: Curve | None, limit: float) -> Interpolation:
    """Decide which mix is saved.

    Args:
        asked: ``model.interpolate`` of the recipe; ``auto`` needs a curve.
        curve: What was measured, if it was.
        limit: Change of Dice on other domains that is too much.
    """
    if asked != "auto":
        reason = f"{asked:g} of the tuned weights, as model.interpolate says"
        return Interpolation(asked, asked, reason, limit, curve)
    if curve is None:
        raise ValueError("model.interpolate=auto needs a curve to pick from")
    picked = pick(curve.points, limit)
    reason = f"{picked.share:g} of the tuned weights: {_why(picked, curve.points, limit)}"
    return Interpolation(asked, picked.share, reason, limit, curve)


def _why(picked: CurvePoint, points: Sequence[CurvePoint], limit: float) -> str:
    original, tuned = points[0], points[-1]
    dice = f"{picked.dice:.3f}; original {original.dice:.3f}, tuned {tuned.dice:.3f}"
    if math.isnan(tuned.retention):
        return (
            f"the best validation Dice ({dice}) of {len(points)} mixes; "
            "what they forgot could not be measured"
        )
    allowed = sum(not point.retention <= limit for point in points)
    of = f"{allowed} of {len(points)}" if allowed < len(points) else f"{allowed}"
    return (
        f"the best validation Dice ({dice}) of the {of} mixes that lose less than {-limit:g} Dice "
        f"on other domains (this one {picked.retention:+.3f}, tuned {tuned.retention:+.3f})"
    )


def _dice(point: CurvePoint) -> float:
    return -math.inf if math.isnan(point.dice) else point.dice


def _known(retention: float) -> float:
    return 0.0 if math.isnan(retention) else retention


_CURVE = TypeAdapter(Curve)
_INTERPOLATION = TypeAdapter(Interpolation)
