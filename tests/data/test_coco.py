"""Reading and writing COCO JSON."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from pycocotools import mask as coco_mask

from samdomains.data.coco import CocoImage, find_coco, load_coco, write_coco
from samdomains.errors import DataError
from samdomains.types import ObjectMask

SaveImage = Callable[[Path, ArrayLike], Path]

HEIGHT, WIDTH = 6, 8
MASK = np.zeros((HEIGHT, WIDTH), dtype=bool)
MASK[1:5, 2:7] = True
MASK[2, 3] = False
SQUARE = [1.0, 1.0, 5.0, 1.0, 5.0, 4.0, 1.0, 4.0]


def compressed(mask: NDArray[np.bool_] = MASK) -> dict[str, Any]:
    rle = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(rle["size"]), "counts": rle["counts"].decode("ascii")}


def uncompressed(mask: NDArray[np.bool_] = MASK) -> dict[str, Any]:
    flat = mask.T.ravel().astype(int)
    borders = np.flatnonzero(np.diff(flat, prepend=0))
    return {
        "size": list(mask.shape),
        "counts": np.diff(borders, prepend=0, append=flat.size).tolist(),
    }


def annotation(segmentation: Any, **changes: Any) -> dict[str, Any]:
    return {
        "id": 11,
        "image_id": 7,
        "category_id": 3,
        "segmentation": segmentation,
        "iscrowd": 0,
    } | changes


def document(*annotations: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 7, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}],
        "annotations": list(annotations),
        "categories": [{"id": 3, "name": "building"}],
    } | changes


class Folder:
    """A data folder with one image, whose annotations a test writes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.json = root / "annotations.json"

    def load(self, value: Any) -> tuple[ObjectMask, ...]:
        """The objects of the first case, as a worker process would read them."""
        self.json.write_text(json.dumps(value))
        read = load_coco(self.json, self.root / "images")[0].read_objects
        assert read is not None
        found: tuple[ObjectMask, ...] = pickle.loads(pickle.dumps(read))()
        return found


@pytest.fixture
def folder(tmp_path: Path, save_image: SaveImage) -> Folder:
    save_image(tmp_path / "images" / "a.png", np.zeros((HEIGHT, WIDTH), dtype=np.uint8))
    return Folder(tmp_path)


@pytest.mark.parametrize("segmentation", [compressed(), uncompressed()], ids=["text", "list"])
def test_run_lengths_are_decoded(folder: Folder, segmentation: dict[str, Any]) -> None:
    (found,) = folder.load(document(annotation(segmentation)))
    np.testing.assert_array_equal(found.mask(), MASK)
    assert (found.class_id, found.crowd) == (3, False)


def test_polygons_are_decoded_as_pycocotools_does(folder: Folder) -> None:
    second = [6.0, 4.5, 8.5, 4.5, 8.5, 6.2, 6.0, 6.2]  # a little outside, as exporters write
    (found,) = folder.load(document(annotation([SQUARE, second])))
    rles = coco_mask.frPyObjects([SQUARE, second], HEIGHT, WIDTH)
    expected = coco_mask.decode(coco_mask.merge(rles)).astype(bool)
    np.testing.assert_array_equal(found.mask(), expected)
    assert found.mask()[1:4, 1:5].all()


def test_crowds_and_the_order_are_kept(folder: Folder) -> None:
    first, second = annotation(compressed(), iscrowd=1), annotation([SQUARE])
    crowd, square = folder.load(document(first, second))
    assert (crowd.crowd, square.crowd) == (True, False)
    assert square.area < crowd.area


def test_an_image_without_annotations_has_no_objects(folder: Folder) -> None:
    assert folder.load(document()) == ()


def test_cases_are_listed_without_reading_a_pixel(folder: Folder) -> None:
    folder.json.write_text(json.dumps(document()))
    (folder.root / "images" / "a.png").write_bytes(b"")
    (folder.root / "splits.json").write_text('{"val": ["a"]}')
    (case,) = load_coco(folder.json, folder.root / "images")
    assert (case.id, case.group, case.split, case.classes) == ("a", "a", "val", {3: "building"})
    assert case.files == (folder.root / "images" / "a.png", folder.json)


def test_file_names_may_be_relative_to_the_json_file(folder: Folder) -> None:
    images = [{"id": 7, "file_name": "images/a.png", "width": WIDTH, "height": HEIGHT}]
    assert len(folder.load(document(annotation([SQUARE]), images=images))) == 1


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([], "annotation 11 has an empty segmentation"),
        ({}, "annotation 11 has an empty segmentation"),
        (None, "annotation 11 has an empty segmentation"),
        ([[]], "polygon"),
        ([[1, 1, 2, 2]], "polygon"),
        ([1, 1, 2, 2, 3, 3], "polygon"),
        ([[1, 1, 2, 2, 3, "3"]], "polygon"),
        ([[1, 1, 2, 2, 3, float("nan")]], "polygon"),
        ([[1, 1, 1e9, 2, 3, 3]], "polygon"),
        ({"size": [HEIGHT, WIDTH]}, "without 'counts'"),
        ({"size": [HEIGHT, WIDTH], "counts": 5}, "neither a text nor a list"),
        ({"size": [WIDTH, HEIGHT], "counts": "abc"}, r"size \[8, 6\].*its image \[6, 8\]"),
        ({"size": [HEIGHT, WIDTH], "counts": "abc"}, "annotation 11 is damaged"),
        ({"size": [HEIGHT, WIDTH], "counts": [3, 2]}, "annotation 11 is damaged"),
        ({"size": [HEIGHT, WIDTH], "counts": [47.5, 0.5]}, "annotation 11 is damaged"),
        ({"size": [HEIGHT, WIDTH], "counts": [[48]]}, "annotation 11 is damaged"),
        ({"size": [HEIGHT, WIDTH], "counts": ["a"]}, "annotation 11 is damaged"),
        (uncompressed(np.zeros_like(MASK)), "annotation 11 covers no pixel"),
    ],
)
def test_damaged_segmentations_are_named(folder: Folder, segmentation: Any, message: str) -> None:
    with pytest.raises(DataError, match=rf"annotations\.json: .*{message}"):
        folder.load(document(annotation(segmentation)))


def image(name: Any, **changes: Any) -> list[dict[str, Any]]:
    return [{"id": 7, "file_name": name, "width": WIDTH, "height": HEIGHT} | changes]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "expected a JSON object"),
        ({"images": []}, "no list 'annotations'"),
        (document(annotation([SQUARE], image_id=8)), "unknown image id 8"),
        (document(annotation([SQUARE], category_id=4)), "unknown category id 4; known are 3"),
        (document(annotation([SQUARE], category_id=None)), "'category_id' is missing"),
        (document(annotation([SQUARE], iscrowd=2)), "iscrowd 2"),
        (document(annotations=[3]), "annotation 0 is not an object"),
        (document(categories=[]), "names no category"),
        (document(categories=[{"id": "3", "name": "a"}]), "'id' is '3'.*type int"),
        (document(categories=[{"id": 3, "name": "a"}, {"id": 3, "name": "b"}]), "have the id 3"),
        (document(categories=[{"id": 3, "name": "a"}, {"id": 4, "name": "a"}]), "both named 'a'"),
        (document(images=[]), "lists no image"),
        (document(images=image("a.png") + image("a.png")), "two images have the id 7"),
        (document(images=image("a.png") + image("images/a.png", id=8)), "two images are named 'a'"),
        (document(images=image("a.png", height=0)), r"size \(0, 8\)"),
        (document(images=image("a.png", height=True)), "'height' is True"),
        (document(images=image("b.png")), r"'b\.png' is not in"),
        (document(images=image("../a.png")), "leads out of the data folder"),
        (document(images=image("x/../../a.png")), "leads out of the data folder"),
        (document(images=image("/etc/a.png")), "leads out of the data folder"),
        (document(images=image("..\\a.png")), "leads out of the data folder"),
        (document(images=image("C:\\a.png")), "leads out of the data folder"),
        (document(images=image("a.png", height=7)), r"8 x 7 pixels .*a\.png, which is 8 x 6"),
    ],
)
def test_inconsistent_files_are_refused(folder: Folder, value: Any, message: str) -> None:
    with pytest.raises(DataError, match=rf"annotations\.json: .*{message}"):
        folder.load(value)


def test_the_coco_file_of_a_folder_is_found(tmp_path: Path) -> None:
    assert find_coco(tmp_path) is None
    for name in ("splits.json", "labels.json", "notes.json"):
        (tmp_path / name).write_text("{}")
    assert find_coco(tmp_path) is None
    (tmp_path / "instances.json").write_text(json.dumps(document()))
    assert find_coco(tmp_path) == tmp_path / "instances.json"
    (tmp_path / "other.json").write_text(json.dumps(document()))
    with pytest.raises(
        DataError, match=r"several files are COCO JSON: instances\.json, other\.json"
    ):
        find_coco(tmp_path)
    (tmp_path / "annotations.json").write_text("the usual name wins")
    assert find_coco(tmp_path) == tmp_path / "annotations.json"


def test_what_is_written_is_plain_coco(folder: Folder) -> None:
    objects = [
        ObjectMask.from_mask(MASK, class_id=3),
        ObjectMask.from_mask(MASK, class_id=0, crowd=True),
    ]
    classes = {0: "other", 3: "building"}
    write_coco(folder.json, [CocoImage("a.png", MASK.shape, objects)], classes)
    written = json.loads(folder.json.read_text())
    first, second = written["annotations"]
    assert first["bbox"] == [2, 1, 5, 4]
    assert first["area"] == MASK.sum()
    assert (first["id"], second["id"], second["iscrowd"]) == (1, 2, 1)
    decoded = coco_mask.decode(first["segmentation"])
    np.testing.assert_array_equal(decoded, MASK)
    (case,) = load_coco(folder.json, folder.root / "images")
    assert case.classes == classes
    assert case.read_objects is not None
    for got, expected in zip(case.read_objects(), objects, strict=True):
        np.testing.assert_array_equal(got.mask(), expected.mask())
        assert (got.class_id, got.crowd) == (expected.class_id, expected.crowd)
