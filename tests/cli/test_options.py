from __future__ import annotations

from pathlib import Path

import pytest

from samdomains.cli.options import columns, model_settings


def test_columns_are_as_wide_as_their_longest_cell() -> None:
    assert columns([("A", "B"), ("long", "x"), ("s", "")]) == "A     B\nlong  x\ns"


def test_rows_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="argument 2"):
        columns([("A", "B"), ("x",)])


def test_short_options_stand_for_settings_of_the_recipe() -> None:
    assert model_settings(None, None, None, None) == []
    assert model_settings("tiny", Path("w.pth"), "lora", 0) == [
        "model.name=tiny",
        "model.checkpoint=w.pth",
        "strategy.name=lora",
        "seed=0",
    ]
