from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from samdomains.audit.coco_files import CocoFile
from samdomains.audit.mending import Mended
from samdomains.data.rle import rle_from_object
from samdomains.errors import DataError
from samdomains.types import ObjectMask

SIZE = (8, 10)
SQUARE = [[1, 1, 5, 1, 5, 5, 1, 5]]


def block(side: int) -> ObjectMask:
    mask = np.zeros(SIZE, dtype=bool)
    mask[1 : 1 + side, 1 : 1 + side] = True
    return ObjectMask.from_mask(mask)


def written(folder: Path, *segmentations: object) -> CocoFile:
    """A file with one annotation of ``a.png`` for each segmentation, and one of ``b.png``."""
    annotations = [
        {"id": 10 + i, "image_id": 1, "category_id": 1, "segmentation": one, "mine": i}
        for i, one in enumerate(segmentations)
    ]
    annotations.insert(1, {"id": 5, "image_id": 2, "category_id": 1, "segmentation": SQUARE})
    images = [
        {"id": key, "file_name": name, "height": SIZE[0], "width": SIZE[1]}
        for key, name in ((1, "a.png"), (2, "more/b.png"))
    ]
    document = {"info": {"year": 2020}, "images": images, "annotations": annotations}
    path = folder / "annotations.json"
    path.write_text(json.dumps({**document, "categories": [{"id": 1, "name": "cell"}]}))
    return CocoFile(path)


def read(file: CocoFile) -> dict[str, Any]:
    file.write()
    document: dict[str, Any] = json.loads(file.path.read_text(encoding="utf-8"))
    return document


def test_a_removed_object_takes_its_annotation_along_and_nothing_else(tmp_path: Path) -> None:
    file = written(tmp_path, SQUARE, SQUARE)
    before = read(file)
    file.change("a", [Mended(block(4), block(4)), Mended(block(1), None, specks=1)])
    after = read(file)
    assert [entry["id"] for entry in after["annotations"]] == [10, 5]
    assert {**after, "annotations": 0} == {**before, "annotations": 0}


def test_a_changed_mask_keeps_what_else_is_known_of_it(tmp_path: Path) -> None:
    file = written(tmp_path, rle_from_object(block(3)))
    file.change("a", [Mended(block(3), block(4), holes=1)])
    (entry,) = (one for one in read(file)["annotations"] if one["id"] == 10)
    assert (entry["area"], entry["bbox"], entry["mine"]) == (16, [1, 1, 4, 4], 0)
    assert entry["segmentation"] == rle_from_object(block(4))


def test_a_polygon_is_not_turned_into_a_mask(tmp_path: Path) -> None:
    file = written(tmp_path, SQUARE)
    with pytest.raises(DataError, match="polygon of annotation 10 cannot be changed"):
        file.change("a", [Mended(block(3), replace(block(4)), holes=1)])


def test_a_dropped_image_is_gone_with_its_annotations(tmp_path: Path) -> None:
    file = written(tmp_path, SQUARE)
    file.drop("b")
    after = read(file)
    assert [image["file_name"] for image in after["images"]] == ["a.png"]
    assert [entry["id"] for entry in after["annotations"]] == [10]


def test_json_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"type": "FeatureCollection"}', encoding="utf-8")
    with pytest.raises(DataError, match="JSON of another kind than COCO"):
        CocoFile(path)


def test_objects_that_are_not_the_annotations_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path, SQUARE)
    with pytest.raises(DataError, match="are not its objects"):
        file.change("a", [])
    with pytest.raises(DataError, match="is not there"):
        file.drop("c")
