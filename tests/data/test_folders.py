"""Data folders in their layouts."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from samdomains.data.folders import list_images, load_folder, load_images
from samdomains.errors import DataError
from samdomains.recipe import DataRecipe
from samdomains.types import ObjectMask

SaveImage = Callable[[Path, ArrayLike], Path]
Grey = NDArray[np.uint8]
AUTO = DataRecipe()

LABELS = np.array([[1, 1, 0, 255], [2, 2, 0, 255], [0, 0, 0, 0]], dtype=np.uint8)
IMAGE = np.full(LABELS.shape, 90, dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path, save_image: SaveImage) -> Path:
    """Two images, no masks."""
    for name in ("a.png", "b.tif"):
        save_image(tmp_path / "images" / name, IMAGE)
    return tmp_path


@pytest.fixture
def masked(folder: Path, save_image: SaveImage) -> Path:
    """Two images with masks of another suffix."""
    for name in ("a.bmp", "b.png"):
        save_image(folder / "masks" / name, LABELS)
    return folder


def objects(folder: Path, data: DataRecipe = AUTO, position: int = 0) -> tuple[ObjectMask, ...]:
    """The objects of one case, as a worker process would read them."""
    read = load_folder(folder, data)[position].read_objects
    assert read is not None
    found: tuple[ObjectMask, ...] = pickle.loads(pickle.dumps(read))()
    return found


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))


def test_cases_are_listed_without_reading_a_pixel(masked: Path) -> None:
    for path in masked.rglob("*.*"):
        path.write_bytes(b"")
    first, second = load_folder(masked, AUTO)
    assert (first.id, first.group, first.split, first.classes) == ("a", "a", None, {1: "object"})
    assert second.files == (masked / "images" / "b.tif", masked / "masks" / "b.png")
    with pytest.raises(DataError, match="empty"):
        first.read_pixels()
    with pytest.raises(DataError, match="empty"):
        objects(masked)


def test_masks_are_binary_unless_something_else_is_said(masked: Path) -> None:
    (whole,) = objects(masked)
    assert whole.area == 6
    assert len(objects(masked, DataRecipe(objects="components"))) == 2
    assert [obj.area for obj in objects(masked, DataRecipe(threshold=255))] == [2]
    assert len(objects(masked, DataRecipe(masks="instances"))) == 3


def test_labels_are_instances(masked: Path) -> None:
    (masked / "masks").rename(masked / "labels")
    assert [obj.area for obj in objects(masked)] == [2, 2, 2]


def test_a_labels_file_makes_them_classes(masked: Path) -> None:
    write_json(masked / "labels.json", {"0": "soil", "2": "crop", "255": "weed"})
    assert [(obj.class_id, obj.area) for obj in objects(masked)] == [(2, 2), (255, 2)]
    assert load_folder(masked, AUTO)[0].classes == {2: "crop", 255: "weed"}
    assert len(objects(masked, DataRecipe(masks="binary"))) == 1
    assert load_folder(masked, DataRecipe(masks="binary"))[0].classes == {1: "object"}


def test_one_named_class_names_binary_objects(masked: Path) -> None:
    write_json(masked / "labels.json", {"255": "prostate"})
    (found,) = objects(masked, DataRecipe(masks="binary"))
    assert (found.class_id, found.area) == (255, 6)


def test_classes_without_names_are_refused(masked: Path) -> None:
    with pytest.raises(DataError, match=r"labels\.json: data\.masks is 'classes'"):
        load_folder(masked, DataRecipe(masks="classes"))


def test_a_folder_for_each_image_holds_a_file_for_each_object(
    folder: Path, save_image: SaveImage
) -> None:
    half = np.zeros_like(LABELS)
    half[:, :2] = 255
    save_image(folder / "masks" / "a" / "1.png", LABELS)
    save_image(folder / "masks" / "a" / "2.png", half)
    (folder / "masks" / "b").mkdir()
    first, second = objects(folder)
    np.testing.assert_array_equal(first.mask(), LABELS > 0)
    np.testing.assert_array_equal(second.mask(), half > 0)
    assert (first.mask() & second.mask()).any()
    assert objects(folder, position=1) == ()
    write_json(folder / "labels.json", {"7": "cell"})
    assert {obj.class_id for obj in objects(folder)} == {7}
    write_json(folder / "labels.json", {"7": "cell", "8": "debris"})
    with pytest.raises(DataError, match="names 2 classes"):
        load_folder(folder, AUTO)


def test_a_folder_for_each_class_may_overlap_and_miss_images(
    folder: Path, save_image: SaveImage
) -> None:
    save_image(folder / "masks" / "vesicle" / "a.png", LABELS)
    save_image(folder / "masks" / "membrane" / "a.png", LABELS)
    save_image(folder / "masks" / "membrane" / "b.png", LABELS)
    assert load_folder(folder, AUTO)[0].classes == {1: "membrane", 2: "vesicle"}
    assert [(obj.class_id, obj.area) for obj in objects(folder)] == [(1, 6), (2, 6)]
    assert [obj.class_id for obj in objects(folder, position=1)] == [1]
    assert len(objects(folder, DataRecipe(masks="instances"))) == 6
    assert len(objects(folder, DataRecipe(masks="classes", objects="components"))) == 4


def test_class_folders_take_their_ids_from_the_labels_file(
    folder: Path, save_image: SaveImage
) -> None:
    for stem in "ab":
        save_image(folder / "masks" / "vesicle" / f"{stem}.png", LABELS)
    write_json(folder / "labels.json", {"4": "membrane", "9": "vesicle"})
    assert load_folder(folder, AUTO)[0].classes == {4: "membrane", 9: "vesicle"}
    assert [obj.class_id for obj in objects(folder)] == [9]
    write_json(folder / "labels.json", {"9": "vesicles"})
    with pytest.raises(DataError, match=r"no class 'vesicle'.*Did you mean 'vesicles'"):
        load_folder(folder, AUTO)


def test_splits_and_groups_are_honoured(masked: Path) -> None:
    write_json(masked / "splits.json", {"train": ["a"], "test": ["b"]})
    write_json(masked / "groups.json", {"a": "p1", "b": "p1"})
    cases = load_folder(masked, AUTO)
    assert [(case.split, case.group) for case in cases] == [("train", "p1"), ("test", "p1")]


def test_an_image_without_mask_and_a_mask_without_image_are_named(
    masked: Path, save_image: SaveImage
) -> None:
    save_image(masked / "images" / "c.png", IMAGE)
    with pytest.raises(DataError, match=r"c\.png: the image has no mask of its name"):
        load_folder(masked, AUTO)
    (masked / "images" / "c.png").unlink()
    save_image(masked / "masks" / "b2.png", LABELS)
    with pytest.raises(DataError, match=r"b2\.png: the mask has no image of its name"):
        load_folder(masked, AUTO)


def test_two_files_of_one_name_are_refused(masked: Path, save_image: SaveImage) -> None:
    save_image(masked / "masks" / "a.png", LABELS)
    with pytest.raises(DataError, match=r"'a': a\.bmp and a\.png"):
        load_folder(masked, AUTO)
    save_image(masked / "images" / "b.png", IMAGE)
    with pytest.raises(DataError, match=r"'b': b\.png and b\.tif"):
        load_folder(masked, AUTO)


def test_a_mask_of_another_size_names_both_files(masked: Path, save_image: SaveImage) -> None:
    save_image(masked / "masks" / "a.bmp", LABELS[:2])
    with pytest.raises(DataError, match=r"a\.bmp: the mask is 4 x 2 .*a\.png is 4 x 3"):
        objects(masked)


def test_folders_that_fit_no_layout_are_refused(folder: Path, save_image: SaveImage) -> None:
    with pytest.raises(DataError, match=r"no masks/ or labels/.*Allowed are"):
        load_folder(folder, AUTO)
    (folder / "masks").mkdir()
    with pytest.raises(DataError, match="holds no mask"):
        load_folder(folder, AUTO)
    save_image(folder / "masks" / "a.png", LABELS)
    (folder / "masks" / "b").mkdir()
    with pytest.raises(DataError, match="mask files and folders"):
        load_folder(folder, AUTO)
    (folder / "labels").mkdir()
    with pytest.raises(DataError, match="both masks/ and labels/"):
        load_folder(folder, AUTO)


def test_missing_and_empty_image_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="images: there is no such folder"):
        load_folder(tmp_path, AUTO)
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="images: no image found: it is empty"):
        load_folder(tmp_path, AUTO)
    (tmp_path / "images" / "scan.nii.gz").touch()
    with pytest.raises(DataError, match=r"it holds scan\.nii\.gz.*\.png"):
        load_folder(tmp_path, AUTO)


def test_hidden_and_other_files_are_left_aside(folder: Path) -> None:
    for name in (".DS_Store", "._a.png", "a.tfw", "notes.txt"):
        (folder / "images" / name).write_text("x")
    assert list(list_images(folder / "images")) == ["a", "b"]


def test_images_alone_are_cases_without_annotation(folder: Path) -> None:
    images = folder / "images"
    for source in (images, folder):
        first, second = load_images(source, classes={5: "nucleus"})
        assert (first.id, second.id) == ("a", "b")
        assert first.read_objects is None
        assert first.classes == {5: "nucleus"}
        assert first.read_pixels().shape == (1, 3, 4)
    (only,) = load_images(images / "b.tif")
    assert only.files == (images / "b.tif",)
    with pytest.raises(DataError, match="no such folder"):
        load_images(folder / "nothing")
