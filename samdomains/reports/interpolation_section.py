"""The report's part about mixes of original and tuned weights: a table and one curve."""

from __future__ import annotations

import math
from typing import TypeAlias

from markupsafe import Markup

from samdomains.evaluation.interpolation import Interpolation
from samdomains.reports.curves import gain_curve
from samdomains.reports.pages import data_uri, figure, rendered, signed

Row: TypeAlias = tuple[str, ...]
"""Share of the tuned weights, then its figures."""


def interpolation_section(interpolation: Interpolation | None) -> Markup:
    """Lay out which mix was saved, and the curve if it was measured; nothing where none was."""
    if interpolation is None:
        return Markup()
    curve = interpolation.curve
    return rendered(
        "interpolation.html.j2",
        interpolation=interpolation,
        rows=mix_rows(interpolation),
        left_out={} if curve is None else curve.left_out,
        pictures=_pictures(interpolation),
    )


def mix_rows(interpolation: Interpolation) -> list[Row]:
    """Share, validation Dice, gain and change on other domains of every mix."""
    if interpolation.curve is None:
        return []
    return [
        (
            f"{point.share:g}" + (" (saved)" if point.share == interpolation.share else ""),
            figure(point.dice),
            _signed(point.gain),
            _signed(point.retention),
        )
        for point in interpolation.curve.points
    ]


def _signed(value: float) -> str:
    return signed(value) if math.isfinite(value) else "\N{EN DASH}"


def _pictures(interpolation: Interpolation) -> list[str]:
    """The curve for light and for dark pages; none where nothing was forgotten that is known."""
    curve = interpolation.curve
    points = [] if curve is None else [(p.share, p.retention, p.gain) for p in curve.points]
    if not any(math.isfinite(retention) for _, retention, _ in points):
        return []
    drawn = (
        gain_curve(points, interpolation.share, interpolation.limit, dark=dark)
        for dark in (False, True)
    )
    return [data_uri("svg+xml", picture) for picture in drawn]
