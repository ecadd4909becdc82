from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from samdomains.descriptions import LONGEST, describe
from samdomains.recipe import IntensityRecipe
from samdomains.types import Case, CaseStatistics, ObjectMask, Prompts

CASE = Case("leaf", "field", lambda: np.zeros((1, 2, 2)), None, {1: "leaf"}, notes=("turned",))
MASK = np.pad(np.ones((2, 3), dtype=bool), 1)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.arange(6, dtype=np.uint16).reshape(1, 2, 3), "uint16 (1, 2, 3), 0 to 5"),
        (np.array([1.5, np.nan, np.inf]), "float64 (3,), 1.5 to 1.5, 2 not finite"),
        (np.full(2, np.nan), "float64 (2,), nothing finite, 2 not finite"),
        (MASK, "bool (4, 5), true in 6 pixels"),
        (Prompts(box=np.array([1, 2, 3.25, 4], dtype=np.float32)), "box [1.0, 2.0, 3.2, 4.0]"),
        (
            Prompts(points=np.ones((1, 2), dtype=np.float32), point_labels=np.zeros(1, dtype=int)),
            "point [1.0, 1.0] labelled 0",
        ),
        (
            Prompts(prior=np.zeros((2, 2), dtype=np.float32)),
            "coarse mask float32 (2, 2), 0 to 0",
        ),
        (CASE, "'leaf', an image, group 'field', classes {'1': 'leaf'}; turned"),
        (
            [ObjectMask.from_mask(MASK)] * 2,
            "2 objects in an image of (4, 5), 6 to 6 pixels, of class {'1': 2}",
        ),
        (
            CaseStatistics("uint8", np.array([[0, 9.0]]), np.array([4.0]), np.array([1.0])),
            "channel 0: 0 to 9, mean 4, deviation 1",
        ),
        ({"b": 1, "a": 2}, "a, b"),
        (Path("a/b"), str(Path("a/b"))),
        (None, "None"),
        ((), "none"),
        (["cells", "default"], "cells, default"),
        ([CASE], f"1 case, the first {describe(CASE).words}"),
    ],
)
def test_a_value_is_described_in_words_and_as_json(value: object, words: str) -> None:
    described = describe(value)
    assert described.words == words
    assert json.loads(json.dumps(dict(described.facts)))


def test_files_are_shown_with_their_sizes(tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_bytes(b"0" * 1234)
    described = describe([tmp_path / "mask.png"])
    assert described.words == "mask.png (1,234 bytes)"
    assert described.facts == {"files": {str(tmp_path / "mask.png"): 1234}}


def test_values_of_a_recipe_are_named_and_what_is_long_is_cut() -> None:
    assert describe(IntensityRecipe()).words.startswith("method percentile, lower")
    assert len(describe("x" * 1000).words) == LONGEST
    assert describe(print).words == repr(print)
