from __future__ import annotations

import math
from dataclasses import replace

from samdomains.evaluation.interpolation import Curve, CurvePoint, Interpolation, interpolate
from samdomains.reports.interpolation_section import interpolation_section, mix_rows

POINTS = (
    CurvePoint(0.0, 0.7, 0.0, 0.0, {"ct": 0.0}),
    CurvePoint(0.5, 0.8, 0.1, -0.01, {"ct": -0.01}),
    CurvePoint(1.0, 0.9, 0.2, -0.2, {"ct": -0.2}),
)


def found(*points: CurvePoint) -> Interpolation:
    return interpolate("auto", Curve(points, {"mri": "PluginError: broken"}), -0.05)


def test_every_mix_has_a_row_and_the_saved_one_is_marked() -> None:
    assert mix_rows(found(*POINTS)) == [
        ("0", "0.700", "+0.000", "+0.000"),
        ("0.5 (saved)", "0.800", "+0.100", "\N{MINUS SIGN}0.010"),
        ("1", "0.900", "+0.200", "\N{MINUS SIGN}0.200"),
    ]


def test_the_section_holds_reason_table_curve_and_what_was_left_out() -> None:
    section = interpolation_section(found(*POINTS))
    assert "0.5 of the tuned weights: the best validation Dice" in section
    assert section.count("data:image/svg+xml") == 2
    assert "left of \N{MINUS SIGN}0.05 (dashed" in section
    assert "mri was left out: PluginError: broken" in section
    assert "--set model.interpolate=" in section


def test_without_retention_there_is_no_curve_and_without_a_mix_no_section() -> None:
    unknown = [replace(point, retention=math.nan, domains={}) for point in POINTS]
    section = interpolation_section(found(*unknown))
    assert "data:image" not in section
    assert mix_rows(found(*unknown))[1][3] == "\N{EN DASH}"
    assert "<table>" not in interpolation_section(interpolate(0.6, None, -0.05))
    assert interpolation_section(None) == ""
