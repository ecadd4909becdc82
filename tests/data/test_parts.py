from __future__ import annotations

import numpy as np

from samdomains.data.parts import in_parts, place_of, statistics_of, whole_of
from samdomains.types import Case
from tests.data.test_scenes import SMALL, scene
from tests.data.test_volumes import volume


def image() -> Case:
    return Case("photo", "photo", lambda: np.arange(12).reshape(1, 3, 4), None, {1: "object"})


def test_wholes_are_taken_apart_in_their_places() -> None:
    parts = in_parts([image(), scene(), volume(1)], SMALL)
    assert [part.id for part in parts[:4]] == ["photo", "town@0_000", "town@0_001", "scan1@00"]
    assert [whole_of(part).id for part in parts[:4]] == ["photo", "town", "town", "scan1"]
    places = ["", "tile at x 0, y 0", "tile at x 100, y 0", "slice 0"]
    assert [place_of(part) for part in parts[:4]] == places


def test_an_image_has_its_own_statistics() -> None:
    case = image()
    assert statistics_of(case, case.read_pixels()).mean.tolist() == [5.5]
