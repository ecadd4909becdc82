"""Telling folders from COCO JSON, and reading the real sets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike

from samdomains.data._coco_lists import CocoAnnotation
from samdomains.data._readers import MaskFile, MaskFileObjects
from samdomains.data.coco import CocoObjects
from samdomains.data.label_maps import LabelMapObjects
from samdomains.data.sources import load_source
from samdomains.errors import DataError
from samdomains.recipe import DataRecipe

SaveImage = Callable[[Path, ArrayLike], Path]
AUTO = DataRecipe()
SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

OBJECTS = {
    "agriculture/crop_weed": (14, 28),
    "ecommerce/clothing": (40, 307),
    "ecommerce/products": (22, 22),
    "industrial/magnetic_tile": (59, 49),
    "industrial/steel_coco": (78, 192),
    "infrared/small_targets": (68, 68),
    "infrared/udder_thermal": (40, 40),
    "microscopy/blood_cells": (50, 100),
    "microscopy/em_membranes": (20, 20),
    "microscopy/em_organelles": (7, 21),
    "microscopy/nuclei_dsb2018": (60, 3081),
    "mri/prostate_png": (6, 6),
    "satellite/buildings_coco": (40, 135),
    "satellite/buildings_geotiff": (28, 28),
    "satellite/fields_sentinel2": (6, 267),
    "satellite/roads_png": (18, 18),
}
"""Set → images and objects, as the sets' own description counts them where it does."""


@pytest.fixture
def folder(tmp_path: Path, save_image: SaveImage) -> Path:
    """One image, no annotation."""
    save_image(tmp_path / "images" / "a.png", np.zeros((4, 5), dtype=np.uint8))
    return tmp_path


def write_coco(path: Path) -> None:
    images = [{"id": 1, "file_name": "a.png", "width": 5, "height": 4}]
    categories = [{"id": 1, "name": "defect"}]
    document = {"images": images, "annotations": [], "categories": categories}
    path.write_text(json.dumps(document))


def test_masks_and_coco_are_told_apart(folder: Path, save_image: SaveImage) -> None:
    write_coco(folder / "instances.json")
    assert load_source(folder, AUTO)[0].classes == {1: "defect"}
    save_image(folder / "masks" / "a.png", np.ones((4, 5), dtype=np.uint8))
    with pytest.raises(DataError, match=r"both masks/ and the COCO JSON instances\.json"):
        load_source(folder, AUTO)
    assert load_source(folder / "instances.json", AUTO)[0].classes == {1: "defect"}
    (folder / "instances.json").unlink()
    assert load_source(folder, AUTO)[0].classes == {1: "object"}


def test_coco_images_may_lie_beside_the_json_file(folder: Path) -> None:
    write_coco(folder / "images" / "coco.json")
    (only,) = load_source(folder / "images" / "coco.json", AUTO)
    assert only.files[0] == folder / "images" / "a.png"


def test_images_alone_are_cases_without_annotation(folder: Path) -> None:
    image = folder / "images" / "a.png"
    for source in (folder, folder / "images", image):
        (only,) = load_source(source, AUTO)
        assert (only.id, only.files, only.read_objects) == ("a", (image,), None)


def test_what_is_neither_says_what_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "img").mkdir()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match=r"no images: it holds img, notes\.txt\. Allowed are"):
        load_source(tmp_path, AUTO)
    with pytest.raises(DataError, match=r"img: .*it is empty.*Allowed are"):
        load_source(tmp_path / "img", AUTO)
    with pytest.raises(DataError, match="there is no such folder"):
        load_source(tmp_path / "nothing", AUTO)
    with pytest.raises(DataError, match="it is no folder and no image"):
        load_source(tmp_path / "notes.txt", AUTO)


@pytest.mark.parametrize("name", OBJECTS)
def test_real_sets_are_read_whole(name: str) -> None:
    source = SHARED_DATA / name
    if not source.is_dir():
        pytest.skip("the shared data sets are not here")
    cases = load_source(source, AUTO)
    assert all(case.split is not None for case in cases)
    objects = 0
    for case in cases:
        pixels = case.read_pixels()
        assert pixels.shape[0] in (1, 3)
        assert case.read_objects is not None
        for found in case.read_objects():
            objects += 1
            assert found.image_size == pixels.shape[1:]
            assert found.class_id in case.classes
    assert (len(cases), objects) == OBJECTS[name]


@pytest.mark.parametrize("kind", ["masks", "label maps", "coco"])
def test_readers_are_told_apart_by_what_they_read(kind: str) -> None:
    """What is kept of a scene is kept by its reader: other labels are another key."""
    image, labels = Path("a.png"), Path("m.json")
    readers: list[object]
    if kind == "masks":
        files = [(MaskFile(labels, {1: name}),) for name in ("cell", "cell", "roof")]
        readers = [MaskFileObjects(image, masks, "binary", "whole", 0) for masks in files]
    elif kind == "label maps":
        readers = [LabelMapObjects(image, labels, {1: name}) for name in ("cell", "cell", "roof")]
    else:
        shapes = ([[0.0, 1.0]], [[0.0, 1.0]], [[0.0, 2.0]])
        entries = [(CocoAnnotation(1, 1, False, shape),) for shape in shapes]
        readers = [CocoObjects(labels, image, (4, 4), entry) for entry in entries]
    assert len(set(readers)) == 2
