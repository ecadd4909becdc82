from __future__ import annotations

import json
import pickle
from pathlib import Path

import nibabel
import numpy as np
import pytest
from samdomains_ctmri.cases import load_volumes

from samdomains.plugin import Case, DataError, Recipe

LABELS = np.zeros((6, 7, 4), dtype=np.uint8)
LABELS[1:3, 1:3, 1:3] = 1
LABELS[4:6, 4:6, 2] = 1
LABELS[1:3, 4:6, 3] = 5


def write(folder: Path, name: str, affine: np.ndarray | None = None) -> None:
    for inner, voxels in (("images", LABELS.astype(np.int16) * 100), ("labels", LABELS)):
        (folder / inner).mkdir(exist_ok=True)
        image = nibabel.Nifti1Image(voxels, np.eye(4) if affine is None else affine)
        nibabel.save(image, folder / inner / f"{name}.nii.gz")


def load(folder: Path, **values: dict[str, object]) -> list[Case]:
    return list(load_volumes(folder, Recipe.model_validate(values)))


def test_structures_become_cross_sections_with_slice_and_class(tmp_path: Path) -> None:
    write(tmp_path, "a")
    (tmp_path / "labels.json").write_text('{"0": "background", "1": "liver", "5": "spleen"}')
    (case,) = load(tmp_path, data={"objects": "components"})
    assert case.classes == {1: "liver", 5: "spleen"}
    assert case.depth == 4
    assert case.read_objects is not None
    found = [(item.slice_index, item.class_id, item.area) for item in case.read_objects()]
    assert found == [(1, 1, 4), (2, 1, 4), (2, 1, 4), (3, 5, 4)]
    (case,) = load(tmp_path, data={"objects": "whole"})
    assert case.read_objects is not None
    assert [item.area for item in case.read_objects()] == [4, 8, 4]


def test_masks_lie_where_the_pixels_are_bright(tmp_path: Path) -> None:
    write(tmp_path, "a", np.array([[0, 0, -2, 9], [1.5, 0, 0, 8], [0, -1, 0, 7], [0, 0, 0, 1.0]]))
    for axis in ("axial", "coronal", "sagittal"):
        (case,) = load(tmp_path, volume={"axis": axis})
        pixels = case.read_pixels()
        assert pixels.shape[1] == case.depth
        drawn = np.zeros(pixels.shape[1:], dtype=bool)
        assert case.read_objects is not None
        for item in case.read_objects():
            assert item.slice_index is not None
            drawn[item.slice_index] |= item.mask()
        np.testing.assert_array_equal(drawn, pixels[0] > 0)


def test_names_that_differ_between_volumes_get_ids_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, "a")
    write(tmp_path, "b")
    names = {"a": {"0": "background", "1": "cord", "5": "disc"}, "b": {"1": "grey matter"}}
    (tmp_path / "labels.json").write_text(json.dumps(names))
    first, second = load(tmp_path)
    assert first.classes == second.classes == {1: "cord", 2: "disc", 3: "grey matter"}
    assert first.read_objects is not None
    assert second.read_objects is not None
    assert {item.class_id for item in first.read_objects()} == {1, 2}
    assert {item.class_id for item in second.read_objects()} == {3}
    (tmp_path / "labels.json").write_text(json.dumps({"a": names["a"]}))
    with pytest.raises(DataError, match="other volumes, not those of 'b'"):
        load(tmp_path)


def test_without_names_every_value_is_an_object_of_one_class(tmp_path: Path) -> None:
    write(tmp_path, "a")
    (case,) = load(tmp_path)
    assert case.classes == {1: "object"}
    assert case.read_objects is not None
    assert {(item.class_id, item.instance) for item in case.read_objects()} == {(1, 1), (1, 5)}


def test_splits_and_groups_are_honoured(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write(tmp_path, name)
    (tmp_path / "splits.json").write_text('{"train": ["a"], "val": ["b"], "test": ["c"]}')
    (tmp_path / "groups.json").write_text('{"a": "anna", "b": "berta", "c": "clara"}')
    assert [(case.split, case.group) for case in load(tmp_path)] == [
        ("train", "anna"),
        ("val", "berta"),
        ("test", "clara"),
    ]


def test_readers_travel_and_are_known_again(tmp_path: Path) -> None:
    write(tmp_path, "a")
    (case,) = load(tmp_path)
    again = pickle.loads(pickle.dumps(case))
    assert hash(again.read_pixels) == hash(case.read_pixels)
    assert again.read_objects == case.read_objects
