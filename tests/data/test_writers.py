"""Writing the segmentation of one case."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike

from samdomains.data._readers import PixelFile
from samdomains.data.coco import load_coco
from samdomains.data.folders import load_folder
from samdomains.data.writers import CocoJsonWriter, LabelPngWriter, case_size, chosen_writer
from samdomains.errors import DataError, RecipeError
from samdomains.protocols import MaskWriter
from samdomains.recipe import DataRecipe
from samdomains.types import Case, ObjectMask
from tests.data.test_scenes import scene

SaveImage = Callable[[Path, ArrayLike], Path]

MASK = np.eye(4, 5, dtype=bool)
OBJECTS = (ObjectMask.from_mask(MASK, class_id=2), ObjectMask.from_mask(~MASK, class_id=5))


@pytest.fixture
def case(tmp_path: Path, save_image: SaveImage) -> Case:
    path = save_image(tmp_path / "images" / "a.png", np.zeros((4, 5), dtype=np.uint8))
    return Case("a", "a", PixelFile(path), None, {2: "cell", 5: "rest"}, files=(path,))


def test_label_maps_are_a_folder_of_labels(case: Case, tmp_path: Path) -> None:
    writer: MaskWriter = pickle.loads(pickle.dumps(LabelPngWriter()))
    files = writer(case, OBJECTS, tmp_path / "labels")
    assert [path.name for path in files] == ["a.png", "a.json"]
    (read,) = load_folder(tmp_path, DataRecipe())
    assert read.classes == case.classes
    assert read.read_objects is not None
    assert [obj.class_id for obj in read.read_objects()] == [2, 5]


def test_coco_holds_one_image(case: Case, tmp_path: Path) -> None:
    writer: MaskWriter = pickle.loads(pickle.dumps(CocoJsonWriter()))
    (path,) = writer(case, OBJECTS, tmp_path / "out")
    (read,) = load_coco(path, tmp_path / "images")
    assert read.read_objects is not None
    np.testing.assert_array_equal(read.read_objects()[1].mask(), ~MASK)


def test_the_size_of_an_empty_answer_is_that_of_the_image(case: Case) -> None:
    assert case_size(case, ()) == (4, 5)


@pytest.mark.parametrize("name", ["../a", "x/a", "x\\a", "..", ""])
@pytest.mark.parametrize("writer", [LabelPngWriter(), CocoJsonWriter()])
def test_an_id_never_leads_out_of_the_folder(
    case: Case, tmp_path: Path, name: str, writer: MaskWriter
) -> None:
    with pytest.raises(DataError, match="is no file name"):
        writer(replace(case, id=name), OBJECTS, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("writer", [LabelPngWriter(), CocoJsonWriter()])
def test_a_volume_does_not_fit_into_a_picture(
    case: Case, tmp_path: Path, writer: MaskWriter
) -> None:
    with pytest.raises(DataError, match=r"a volume of 3 slices.*data\.output=native"):
        writer(replace(case, depth=3), OBJECTS, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_size_of_a_scene_without_objects_is_that_of_its_header() -> None:
    empty = scene((300, 200))
    unread = replace(empty, read_pixels=lambda: pytest.fail("read as a whole"))
    assert case_size(unread, ()) == (300, 200)


def test_a_format_that_a_domain_does_not_write_is_refused_with_those_that_it_does() -> None:
    png = LabelPngWriter()
    assert chosen_writer("png", {"native": png, "png": png}, "PNG label maps") is png
    with pytest.raises(RecipeError, match=r"mha, which .* allowed: native \(PNG label maps\), png"):
        chosen_writer("mha", {"native": png, "png": png}, "PNG label maps")
