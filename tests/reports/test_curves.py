"""The training curve."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from samdomains.reports.curves import (
    DARK,
    LIGHT,
    confidence_curve,
    gain_curve,
    jitter_curve,
    loss_curve,
)


def test_the_curve_is_an_svg_with_a_line_for_each_quantity(
    history: list[dict[str, float]],
) -> None:
    root = ET.fromstring(loss_curve(history))
    assert root.tag.endswith("svg")
    assert [f"axes_{number}" for number in (1, 2, 3)] == [
        group.attrib["id"] for group in root.iter() if group.attrib.get("id", "")[:5] == "axes_"
    ]


def test_the_same_history_gives_the_same_bytes(history: list[dict[str, float]]) -> None:
    assert loss_curve(history) == loss_curve(history)


def test_light_and_dark_differ_in_their_colours(history: list[dict[str, float]]) -> None:
    light, dark = loss_curve(history).decode(), loss_curve(history, dark=True).decode()
    assert LIGHT["line"] in light
    assert LIGHT["line"] not in dark
    assert DARK["line"] in dark


def test_a_single_epoch_and_missing_values_are_drawn() -> None:
    epoch = {"epoch": 1, "train_loss": float("nan"), "val_dice": float("nan")}
    assert loss_curve([epoch | {"learning_rate": 1e-4}]).startswith(b"<?xml")


def test_an_empty_history_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one epoch"):
        loss_curve([])


class TestConfidence:
    def test_the_curve_is_an_svg_in_the_colours_of_the_page(self) -> None:
        values = {3: 0.9, 4: 0.8, 6: 0.4}
        light, dark = (confidence_curve(values, [4], dark=dark) for dark in (False, True))
        assert ET.fromstring(light).tag.endswith("svg")
        assert LIGHT["best"] in light.decode()
        assert DARK["best"] in dark.decode()
        assert light == confidence_curve(values, [4])

    def test_only_prompted_slices_are_marked(self) -> None:
        assert LIGHT["best"] not in confidence_curve({3: 0.9}).decode()

    def test_no_slice_at_all_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at least one slice"):
            confidence_curve({})


def test_the_curve_of_worse_boxes_is_an_svg_that_bears_a_gap() -> None:
    lines = {"Zero-shot": [0.9, 0.8, float("nan")], "Tuned": [0.95, 0.9, 0.7]}
    light, dark = (jitter_curve([0.0, 0.1, 0.2], lines, dark=dark) for dark in (False, True))
    assert ET.fromstring(light).tag.endswith("svg")
    assert LIGHT["line"] in light.decode()
    assert DARK["line"] in dark.decode()
    assert light == jitter_curve([0.0, 0.1, 0.2], lines)


class TestGain:
    POINTS = ((0.0, 0.0, 0.0), (0.5, -0.01, 0.1), (1.0, -0.2, 0.12))

    def test_the_curve_rings_what_was_saved_and_shows_the_limit_where_it_is_near(self) -> None:
        light, dark = (gain_curve(self.POINTS, 0.5, -0.05, dark=dark) for dark in (False, True))
        assert ET.fromstring(light).tag.endswith("svg")
        assert light.decode().count(LIGHT["best"]) > 1
        assert DARK["best"] in dark.decode()
        assert light == gain_curve(self.POINTS, 0.5, -0.05)
        assert LIGHT["best"] not in gain_curve(self.POINTS, 0.3, -0.9).decode()

    def test_what_was_not_measured_is_left_out(self) -> None:
        gap = (0.7, float("nan"), 0.1)
        assert gain_curve([*self.POINTS, gap], 0.5, -0.05) == gain_curve(self.POINTS, 0.5, -0.05)
        with pytest.raises(ValueError, match="at least one point"):
            gain_curve([gap], 0.7, -0.05)
