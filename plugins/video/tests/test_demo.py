from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from samdomains_video.cases import load_any
from samdomains_video.demo import KINDS, write_demo_data

from samdomains.audit.cases import audit_cases
from samdomains.data.parts import in_parts
from samdomains.plugin import Recipe


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_data(tmp_path_factory.mktemp("demo"), 0)


def test_every_clip_has_a_split_and_a_mask_for_each_frame(demo: Path, recipe: Recipe) -> None:
    cases = load_any(demo, recipe)
    splits = json.loads((demo / "splits.json").read_text("utf-8"))
    assert {case.id: case.split for case in cases} == {
        name: part for part, names in splits.items() for name in names
    }
    assert {case.id.partition("_")[0] for case in cases} == set(KINDS)
    audit = audit_cases(in_parts(cases[:2]), minimum_area=recipe.data.minimum_area)
    assert not audit.errors


def test_videos_show_what_the_masks_say(demo: Path, recipe: Recipe) -> None:
    """Objects are coloured, the ground is dull: the mean distance of colours tells."""
    case = load_any(demo, recipe)[-1]
    assert case.read_objects is not None
    first = case.read_objects()[0]
    pixels = case.read_pixels()[:, 0].astype(float)
    inside, outside = pixels[:, first.mask()].mean(axis=1), pixels.mean(axis=(1, 2))
    assert np.abs(inside - outside).max() > 30
