from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from samdomains_satellite.labels import RasterLabels, files_by_stem

from samdomains.plugin import Case, DataError, DataRecipe, load_images


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three plain pictures with masks of the values 0 and 3."""
    mask = np.zeros((8, 9), np.uint8)
    mask[1:3, 1:3] = mask[5:8, 5:9] = 3
    for folder in ("images", "masks", "labels", "instances"):
        (tmp_path / folder).mkdir()
        for name in "abc":
            PillowImage.fromarray(mask).save(tmp_path / folder / f"{name}.png")
    return tmp_path


def annotated(folder: Path, **values: object) -> list[Case]:
    images = load_images(folder.parent)
    scenes = {case.id: case.files[0] for case in images}
    return RasterLabels.of(folder, DataRecipe.model_validate(values)).annotated(images, scenes)


def areas(case: Case) -> list[int]:
    assert case.read_objects is not None
    return [item.area for item in case.read_objects()]


@pytest.mark.parametrize(
    ("folder", "values", "expected"),
    [
        ("masks", {"objects": "components"}, [4, 12]),
        ("masks", {"objects": "whole"}, [16]),
        ("masks", {"objects": "whole", "threshold": 4}, []),
        ("labels", {"objects": "components"}, [16]),
        ("instances", {"objects": "components"}, [16]),
        ("instances", {"masks": "binary", "objects": "components"}, [4, 12]),
    ],
)
def test_the_folder_says_what_values_mean_unless_the_recipe_does(
    data: Path, folder: str, values: dict[str, object], expected: list[int]
) -> None:
    cases = annotated(data / folder, **values)
    assert [case.id for case in cases] == ["a", "b", "c"]
    assert areas(cases[0]) == expected
    assert cases[0].files == (data / "images" / "a.png", data / folder / "a.png")


def test_labels_json_names_classes_but_not_those_of_instances(data: Path) -> None:
    (data / "labels.json").write_text(json.dumps({"3": "field", "4": "pond"}))
    assert annotated(data / "masks")[0].classes == {3: "field", 4: "pond"}
    assert annotated(data / "instances")[0].classes == {1: "object"}
    (data / "labels.json").write_text(json.dumps({"1": "field"}))
    assert annotated(data / "instances")[0].classes == {1: "field"}


def test_classes_without_names_are_refused(data: Path) -> None:
    with pytest.raises(DataError, match=r"labels\.json.*no labels\.json to name them"):
        annotated(data / "masks", masks="classes")


def test_images_and_labels_come_in_pairs(data: Path) -> None:
    (data / "masks" / "b.png").unlink()
    with pytest.raises(DataError, match="1 of 3 images have no label file of their name: b"):
        annotated(data / "masks")
    (data / "images" / "a.png").unlink()
    with pytest.raises(DataError, match=r"labels.a\.png: the label file has no image"):
        annotated(data / "labels")


def test_two_files_of_one_name_are_refused_and_hidden_ones_left_aside(data: Path) -> None:
    (data / "masks" / ".a.tif").touch()
    (data / "masks" / "a.txt").touch()
    assert len(files_by_stem(data / "masks", (".png", ".tif"))) == 3
    (data / "masks" / "a.tif").touch()
    with pytest.raises(DataError, match=r"named 'a': a\.png and a\.tif"):
        files_by_stem(data / "masks", (".png", ".tif"))
