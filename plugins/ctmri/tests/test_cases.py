from __future__ import annotations

import json
import pickle
import tracemalloc
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nibabel.orientations import axcodes2ornt, ornt_transform
from samdomains_ctmri.cases import load_volumes

from samdomains.plugin import Case, DataError, ObjectMask, Recipe

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


@pytest.mark.parametrize(
    ("plane", "spacing"),
    [("axial", (1.5, 2, 1)), ("coronal", (2, 1.5, 1)), ("sagittal", (1, 1.5, 2))],
)
def test_spacing_is_along_slices_rows_and_columns_whatever_the_order_in_the_file(
    tmp_path: Path, plane: str, spacing: tuple[float, float, float]
) -> None:
    """1 mm from left to right, 2 mm from front to back, 1.5 mm from foot to head."""
    write(tmp_path, "a", np.array([[0, 0, -1, 9], [2, 0, 0, 8], [0, -1.5, 0, 7], [0, 0, 0, 1.0]]))
    (case,) = load(tmp_path, volume={"axis": plane})
    assert case.spacing == pytest.approx(spacing)


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


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.permutations("RAS"),
    st.tuples(*[st.booleans()] * 3),
    st.sampled_from(["axial", "coronal", "sagittal"]),
    st.sampled_from([".nii", ".nii.gz"]),
    st.booleans(),
)
def test_slices_read_in_turn_are_those_of_the_whole(
    tmp_path: Path, axes: list[str], flips: tuple[bool, ...], plane: str, suffix: str, turned: bool
) -> None:
    opposite = dict(zip("RAS", "LPI", strict=True))
    letters = [opposite[a] if flip else a for a, flip in zip(axes, flips, strict=True)]
    turn = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(letters))
    voxels = np.arange(LABELS.size, dtype=np.int16).reshape(LABELS.shape)
    for inner, stored in (("images", voxels), ("labels", LABELS)):
        folder = tmp_path / suffix[1:] / inner
        folder.mkdir(parents=True, exist_ok=True)
        image = nibabel.Nifti1Image(stored, np.diag([1.0, 1.5, 2.0, 1.0]))
        if inner == "images" or turned:
            image = image.as_reoriented(turn)
        nibabel.save(image, folder / f"a{suffix}")
    (case,) = load(tmp_path / suffix[1:], volume={"axis": plane}, data={"objects": "components"})
    assert case.slices is not None
    assert case.read_objects is not None
    pixels = dict(case.slices.pixels())
    np.testing.assert_array_equal(
        np.stack([pixels[index] for index in range(len(pixels))], axis=1), case.read_pixels()
    )
    assert len(pixels) == case.depth
    found = dict(case.slices.objects())
    assert sorted(found) == list(range(len(pixels)))
    whole = case.read_objects()
    for index, sections in found.items():
        expected = [item for item in whole if item.slice_index == index]
        assert [described(item) for item in sections] == [described(item) for item in expected]


def described(item: ObjectMask) -> tuple[object, ...]:
    return (item.mask().tobytes(), item.class_id, item.slice_index, item.instance)


def test_one_slice_of_a_nifti_file_is_in_memory_at_a_time(tmp_path: Path) -> None:
    voxels = np.zeros((100, 100, 100), dtype=np.int16)
    for inner in ("images", "labels"):
        (tmp_path / inner).mkdir()
        nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), tmp_path / inner / "a.nii.gz")
    (case,) = load(tmp_path)
    assert case.slices is not None
    tracemalloc.start()
    try:
        for slices in (case.slices.pixels(), case.slices.objects()):
            assert sum(1 for _ in slices) == 100
        assert tracemalloc.get_traced_memory()[1] < voxels.nbytes / 4
    finally:
        tracemalloc.stop()


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


@pytest.mark.parametrize("values", [{}, {"volume": {"axis": "sagittal"}}])
def test_voxels_without_a_number_are_as_dark_as_the_darkest(
    tmp_path: Path, values: dict[str, dict[str, object]]
) -> None:
    write(tmp_path, "a")
    voxels = np.random.default_rng(0).normal(100, 20, LABELS.shape).astype(np.float32)
    voxels[LABELS == 0] = np.nan
    nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), tmp_path / "images" / "a.nii.gz")
    (case,) = load(tmp_path, **values)
    whole = case.read_pixels()
    assert whole.min() == np.nanmin(voxels)
    assert np.count_nonzero(whole == whole.min()) == np.count_nonzero(LABELS == 0) + 1
    assert case.slices is not None
    for index, pixels in case.slices.pixels():
        np.testing.assert_array_equal(pixels, whole[:, index])
