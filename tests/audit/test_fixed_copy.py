from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage

from samdomains.audit.cases import audit_cases
from samdomains.audit.findings import Finding, SafeFix
from samdomains.audit.fixed_copy import FIXES_FILE, Fixes, copy_with_fixes
from samdomains.data.coco import CocoImage, write_coco
from samdomains.data.label_maps import write_label_maps
from samdomains.data.sources import load_source
from samdomains.errors import DataError
from samdomains.recipe import DataRecipe
from samdomains.types import Case, ObjectMask, SliceOf

RECIPE = DataRecipe(masks="binary", objects="components")


def load(folder: Path) -> Sequence[Case]:
    return load_source(folder, RECIPE)


def mask_values(*, specks: int = 0, holes: int = 0) -> NDArray[np.uint8]:
    """A square of 255, with single pixels beside it and missing in it."""
    values = np.zeros((24, 32), dtype=np.uint8)
    values[4:16, 4:16] = 255
    for index in range(specks):
        values[20, 2 + 4 * index] = 255
    for index in range(holes):
        values[8, 6 + 3 * index] = 0
    return values


def save(folder: Path, name: str, mask: NDArray[Any], *, seed: int, suffix: str = ".png") -> None:
    picture = np.random.default_rng(seed).integers(0, 255, (24, 32), dtype=np.uint8)
    for part, pixels, ending in (("images", picture, ".png"), ("masks", mask, suffix)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        PillowImage.fromarray(pixels).save(folder / part / f"{name}{ending}")


def wish(case: str, fix: SafeFix, other: str = "") -> Finding:
    return Finding("warning", case, "", "bad", "Mend it.", check="x", fix=fix, other=other)


def fixed(data: Path, copy: Path, *findings: Finding) -> Fixes:
    return copy_with_fixes(data, copy, load(data), findings, load, minimum_area=4)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    save(folder, "a", mask_values(specks=2, holes=1), seed=1)
    save(folder, "b", mask_values(), seed=2)
    (folder / "notes.txt").write_text("kept", encoding="utf-8")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_what_the_audit_finds_is_mended_in_the_copy_alone(data: Path, tmp_path: Path) -> None:
    before, copy = contents(data), tmp_path / "copy"
    fixes = fixed(data, copy, *audit_cases(load(data), minimum_area=4).findings)
    assert [(change.fix, change.case, change.files) for change in fixes.made] == [
        ("remove_specks", "a", ("masks/a.png",)),
        ("fill_holes", "a", ("masks/a.png",)),
    ]
    assert contents(data) == before
    after = contents(copy)
    changed = {name for name in before if after[name] != before[name]}
    assert (changed, after.keys() - before.keys()) == ({"masks/a.png"}, {FIXES_FILE})
    with PillowImage.open(copy / "masks/a.png") as picture:
        assert (np.asarray(picture) == mask_values()).all()
    written = json.loads(after[FIXES_FILE])
    assert written["source"] == "data"
    assert [change["fix"] for change in written["made"]] == ["remove_specks", "fill_holes"]


def test_the_audit_of_the_copy_finds_nothing_to_fix(data: Path, tmp_path: Path) -> None:
    fixed(data, tmp_path / "copy", *audit_cases(load(data), minimum_area=4).findings)
    assert not audit_cases(load(tmp_path / "copy"), minimum_area=4).findings


def test_a_second_equal_image_is_dropped_with_its_mask_and_its_place_in_a_split(
    data: Path, tmp_path: Path
) -> None:
    save(data, "c", mask_values(), seed=2)
    (data / "splits.json").write_text('{"train": ["b", "c"], "val": ["a"], "test": []}')
    (data / "groups.json").write_text('{"a": "g", "b": "h", "c": "h"}')
    copy = tmp_path / "copy"
    fixed(data, copy, *audit_cases(load(data), minimum_area=4).findings)
    assert [case.id for case in load(copy)] == ["a", "b"]
    assert not (copy / "masks" / "c.png").exists()
    assert json.loads((copy / "splits.json").read_text())["train"] == ["b"]


def test_of_equal_images_with_other_masks_both_stay(data: Path, tmp_path: Path) -> None:
    save(data, "c", mask_values(holes=2), seed=2)
    fixes = fixed(data, tmp_path / "copy", wish("c", "drop_duplicate", "b"))
    assert not fixes.made
    assert "only a human can tell" in fixes.left[0].what
    assert len(load(tmp_path / "copy")) == 3


def test_a_mask_that_would_lose_something_is_left_and_named(data: Path, tmp_path: Path) -> None:
    save(data, "j", mask_values(specks=1), seed=3, suffix=".jpg")
    fixes = fixed(data, tmp_path / "copy", wish("j", "fill_holes"), wish("j", "remove_specks"))
    assert {change.case for change in fixes.left} == {"j"}
    assert contents(data)["masks/j.jpg"] == contents(tmp_path / "copy")["masks/j.jpg"]


def test_a_change_that_reads_back_otherwise_is_taken_back(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"

    def other_than_written(folder: Path) -> Sequence[Case]:
        return load(data if folder != data else folder)  # as if the masks were cached

    findings = [wish("a", "remove_specks")]
    fixes = copy_with_fixes(data, copy, load(data), findings, other_than_written, minimum_area=4)
    assert (len(fixes.made), len(fixes.left)) == (0, 1)
    assert contents(copy)["masks/a.png"] == contents(data)["masks/a.png"]


def test_coco_json_is_mended_too(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    save(data, "a", mask_values(), seed=1)
    save(data, "b", mask_values(), seed=1)
    shutil.rmtree(data / "masks")
    square, speck = mask_values() > 0, np.zeros((24, 32), dtype=bool)
    speck[20, 2] = True
    objects = [ObjectMask.from_mask(square), ObjectMask.from_mask(speck)]
    images = [CocoImage(f"{name}.png", (24, 32), objects) for name in ("a", "b")]
    write_coco(data / "annotations.json", images, {1: "cell"})
    fixed(data, copy, *audit_cases(load(data), minimum_area=4).findings)
    (case,) = load(copy)
    assert case.read_objects is not None
    assert [item.area for item in case.read_objects()] == [144]


def test_label_maps_with_a_sidecar_are_mended_and_dropped_whole(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    square, speck = mask_values() > 0, np.zeros((24, 32), dtype=bool)
    speck[20, 2] = True
    objects = [ObjectMask.from_mask(mask) for mask in (square, speck, square)]  # in two layers
    for name in ("a", "b"):
        save(data, name, mask_values(), seed=1)
        write_label_maps(data / "labels", name, objects, size=(24, 32), classes={1: "cell"})
    shutil.rmtree(data / "masks")
    fixed(data, copy, *audit_cases(load(data), minimum_area=4).findings)
    assert sorted(path.name for path in (copy / "labels").rglob("*.*")) == ["a.json"] + 2 * [
        "a.png"
    ]
    (case,) = load(copy)
    assert case.read_objects is not None
    assert [item.area for item in case.read_objects()] == [144, 144]


@pytest.mark.parametrize("inside", [True, False])
def test_a_copy_in_use_or_inside_the_data_is_refused(
    data: Path, tmp_path: Path, *, inside: bool
) -> None:
    copy = data / "copy" if inside else tmp_path
    with pytest.raises(DataError, match="itself" if inside else "exists already"):
        fixed(data, copy)


def test_volumes_are_refused_before_anything_is_copied(data: Path, tmp_path: Path) -> None:
    volume = load(data)[0]
    part = Case("a@0", "a", volume.read_pixels, None, {}, slice_of=SliceOf(volume, 0))
    with pytest.raises(DataError, match="volumes and scenes cannot be written back without loss"):
        copy_with_fixes(data, tmp_path / "copy", [part], [], load, minimum_area=4)
    assert not (tmp_path / "copy").exists()
