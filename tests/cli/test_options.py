from __future__ import annotations

import pytest

from samdomains.cli.options import columns


def test_columns_are_as_wide_as_their_longest_cell() -> None:
    assert columns([("A", "B"), ("long", "x"), ("s", "")]) == "A     B\nlong  x\ns"


def test_rows_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="argument 2"):
        columns([("A", "B"), ("x",)])
