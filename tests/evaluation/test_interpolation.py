from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samdomains.evaluation.interpolation import Curve, CurvePoint, Interpolation, interpolate, pick
from samdomains.files import write_json

LIMIT = -0.05
NAN = math.nan


def points(*measured: tuple[float, float]) -> tuple[CurvePoint, ...]:
    """Evenly spaced mixes with this validation Dice and change on other domains."""
    last, first = len(measured) - 1, measured[0][0]
    return tuple(
        CurvePoint(i / last, dice, dice - first, retention, {"ct": retention})
        for i, (dice, retention) in enumerate(measured)
    )


@pytest.mark.parametrize(
    ("measured", "share"),
    [
        ([(0.7, 0.0), (0.8, -0.01), (0.9, -0.02)], 1.0),  # nothing is forgotten
        ([(0.7, 0.0), (0.8, -0.01), (0.9, -0.2)], 0.5),  # the best forgets too much
        ([(0.7, 0.0), (0.8, -0.01), (0.9, -0.05)], 0.5),  # the limit itself is too much
        ([(0.7, 0.0), (0.9, -0.2), (0.9, -0.3)], 0.0),  # all others forget too much
        ([(0.7, 0.0), (0.6, 0.01), (0.5, 0.02)], 0.0),  # tuning did harm
        ([(0.7, 0.0), (0.9, -0.01), (0.9004, -0.04)], 0.5),  # as good, and forgets less
        ([(0.7, 0.0), (0.9, -0.04), (0.9004, -0.01)], 1.0),  # the same the other way round
        ([(0.9, 0.0), (0.9, 0.0), (0.9, 0.0)], 0.0),  # nothing tells them apart
        ([(0.7, NAN), (0.9, NAN), (0.8, NAN)], 0.5),  # only the gain is known
        ([(NAN, 0.0), (0.9, 0.0), (NAN, 0.0)], 0.5),
    ],
)
def test_the_best_on_validation_that_forgets_less_than_the_limit_is_picked(
    measured: list[tuple[float, float]], share: float
) -> None:
    assert pick(points(*measured), LIMIT).share == share


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(-1, 1)), min_size=1, max_size=6),
    st.floats(0, 1),
)
def test_what_is_picked_never_forgets_too_much_nor_is_clearly_worse_than_the_original(
    tuned: list[tuple[float, float]], original: float
) -> None:
    picked = pick(points((original, 0.0), *tuned), LIMIT)
    assert picked.retention > LIMIT
    assert picked.dice >= original - 0.001


def test_the_reason_holds_the_numbers_that_it_rests_on() -> None:
    curve = Curve(points((0.7, 0.0), (0.8, -0.01), (0.9, -0.2)), {})
    found = interpolate("auto", curve, LIMIT)
    assert found.share == 0.5
    assert found.reason == (
        "0.5 of the tuned weights: the best validation Dice (0.800; original 0.700, tuned 0.900) "
        "of the 2 of 3 mixes that lose less than 0.05 Dice on other domains "
        "(this one -0.010, tuned -0.200)"
    )
    unknown = interpolate("auto", Curve(points((0.7, NAN), (0.9, NAN)), {}), LIMIT)
    assert unknown.reason.endswith("of 2 mixes; what they forgot could not be measured")


def test_a_number_is_saved_as_it_is_asked_for() -> None:
    found = interpolate(0.6, None, LIMIT)
    assert (found.share, found.curve) == (0.6, None)
    assert found.reason == "0.6 of the tuned weights, as model.interpolate says"
    with pytest.raises(ValueError, match="needs a curve"):
        interpolate("auto", None, LIMIT)


@pytest.mark.parametrize("asked", ["auto", 0.5, 1.0])
def test_it_is_read_back_as_it_was_written(asked: float, tmp_path: Path) -> None:
    curve = Curve(points((0.7, 0.0), (0.8, NAN)), {"mri": "broken"})
    found = interpolate(asked, curve, LIMIT)
    write_json(tmp_path / "found.json", found.to_json())
    content = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert repr(Interpolation.from_json(content)) == repr(found)
    write_json(tmp_path / "curve.json", curve.to_json())
    assert repr(Curve.from_json(json.loads((tmp_path / "curve.json").read_text()))) == repr(curve)
