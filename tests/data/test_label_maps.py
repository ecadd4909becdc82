"""Label maps that lose nothing."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from samdomains.data import label_maps
from samdomains.data.images import read_mask
from samdomains.data.label_maps import LabelMapObjects, write_label_maps
from samdomains.errors import DataError
from samdomains.types import ObjectMask

SIZE = (6, 8)
CLASSES = {0: "zero may be a class here", 3: "cell"}


def box(
    y: int, x: int, height: int, width: int, class_id: int = 3, *, crowd: bool = False
) -> ObjectMask:
    return ObjectMask(np.ones((height, width), dtype=bool), (y, x), SIZE, class_id, crowd)


def ring() -> ObjectMask:
    crop = np.ones((5, 5), dtype=bool)
    crop[1:4, 1:4] = False
    return ObjectMask(crop, (1, 2), SIZE, 3)


def write(folder: Path, *objects: ObjectMask) -> tuple[Path, ...]:
    return write_label_maps(folder, "a", objects, size=SIZE, classes=CLASSES)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    Image.new("L", (8, 6)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def read(image: Path, folder: Path) -> tuple[ObjectMask, ...]:
    reader: LabelMapObjects = pickle.loads(
        pickle.dumps(LabelMapObjects(image, folder / "a.json", CLASSES))
    )
    return reader()


def test_objects_that_do_not_overlap_share_one_map(tmp_path: Path, image: Path) -> None:
    folder = tmp_path / "labels"
    objects = [ring(), box(2, 3, 1, 2)]
    assert [path.name for path in write(folder, *objects)] == ["a.png", "a.json"]
    assert np.unique(read_mask(folder / "a.png")).tolist() == [0, 1, 2]
    with Image.open(folder / "a.png") as stored:
        assert stored.mode == "I;16"
    assert len(read(image, folder)) == 2


def test_overlaps_classes_crowds_and_order_are_kept(tmp_path: Path, image: Path) -> None:
    objects = [box(0, 0, 4, 4), ring(), box(0, 0, 4, 4, 0), box(5, 7, 1, 1, 0, crowd=True)]
    files = write(tmp_path / "labels", *objects)
    assert [path.parent.name for path in files] == ["labels", "layer2", "layer3", "labels"]
    for got, expected in zip(read(image, tmp_path / "labels"), objects, strict=True):
        np.testing.assert_array_equal(got.mask(), expected.mask())
        assert (got.class_id, got.crowd) == (expected.class_id, expected.crowd)


def test_no_object_gives_an_empty_map(tmp_path: Path, image: Path) -> None:
    write(tmp_path / "labels")
    assert not read_mask(tmp_path / "labels" / "a.png").any()
    assert read(image, tmp_path / "labels") == ()


def test_more_objects_than_values_take_another_layer(
    tmp_path: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_maps, "MOST_VALUES", 3)
    objects = [box(y, x, 1, 1) for y in range(2) for x in range(4)]
    write(tmp_path / "labels", *objects)
    found = read(image, tmp_path / "labels")
    assert [obj.origin for obj in found] == [obj.origin for obj in objects]


def edited(**changes: Any) -> dict[str, Any]:
    entry = {"layer": 1, "value": 1, "class": 3, "crowd": False}
    document = {
        "schema": 1,
        "classes": {"0": "zero may be a class here", "3": "cell"},
        "layers": 1,
        "objects": [entry],
    }
    return document | changes


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (edited(schema=2), "schema 1"),
        (edited(classes={"3": "other"}), "classes differ"),
        (edited(classes={"x": "cell"}), "mapping from ids to names"),
        (edited(objects=None), "missing or malformed"),
        (edited(objects=[]), "does not list value 1 of layer 1"),
        (edited(objects=[{"layer": 1, "value": 1}]), "has not exactly"),
        (edited(objects=[{"layer": 1, "value": 9, "class": 3, "crowd": False}]), "value 9"),
        (edited(objects=[{"layer": 1, "value": 1, "class": 7, "crowd": False}]), "no class 7"),
        (edited(layers=2), "no such file"),
    ],
)
def test_a_sidecar_that_does_not_fit_is_refused(
    tmp_path: Path, image: Path, document: dict[str, Any], message: str
) -> None:
    folder = tmp_path / "labels"
    write(folder, box(1, 1, 2, 2))
    (folder / "a.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match=message):
        read(image, folder)


def test_a_map_of_another_size_is_refused(tmp_path: Path, image: Path) -> None:
    write(tmp_path / "labels", box(1, 1, 2, 2))
    Image.new("L", (9, 6)).save(image)
    with pytest.raises(DataError, match=r"8 x 6 pixels .* 9 x 6"):
        read(image, tmp_path / "labels")
