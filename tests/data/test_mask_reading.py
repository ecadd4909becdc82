from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from samdomains.data.mask_reading import MaskReading, mask_meaning
from samdomains.errors import DataError
from samdomains.recipe import DataRecipe

TWO = {1: "roof", 2: "road"}


@pytest.mark.parametrize(
    ("folder", "names", "meaning"),
    [
        ("masks", {}, "binary"),
        ("labels", {}, "instances"),
        ("masks", TWO, "classes"),
        ("labels", TWO, "classes"),
        ("instances", TWO, "instances"),
    ],
)
def test_folder_and_names_decide_what_auto_means(
    folder: str, names: dict[int, str], meaning: str
) -> None:
    assert mask_meaning(Path("data") / folder, names, DataRecipe()) == meaning
    assert mask_meaning(Path("data") / folder, names, DataRecipe(masks="binary")) == "binary"


def test_classes_without_names_say_where_to_write_them() -> None:
    with pytest.raises(DataError, match=r"labels\.json: data\.masks is 'classes', and there is no"):
        MaskReading.of(Path("data/masks"), {}, DataRecipe(masks="classes"))


def test_a_single_name_is_that_of_every_object() -> None:
    reading = MaskReading.of(Path("data/masks"), {4: "crack"}, DataRecipe(masks="binary"))
    assert reading.classes == {4: "crack"}
    found = reading.objects_of(np.array([[0, 9], [0, 9]]))
    assert [item.class_id for item in found] == [4]
    assert MaskReading.of(Path("data/labels"), TWO, DataRecipe(masks="instances")).classes == {
        1: "object"
    }


def test_it_travels_and_is_hashable() -> None:
    reading = MaskReading.of(Path("data/masks"), {}, DataRecipe())
    assert {pickle.loads(pickle.dumps(reading)): 1}[reading] == 1
