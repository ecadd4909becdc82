from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samdomains_inspection.cases import load_any

from samdomains.plugin import Case, DataError, Recipe

from .conftest import Save, mask, surface

REAL = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "industrial"


def load(source: Path, **data: Any) -> dict[str, Case]:
    recipe = Recipe.model_validate({"data": {"objects": "components", **data}})
    return {case.id: case for case in load_any(source, recipe)}


def defects(case: Case) -> list[tuple[str, int]]:
    """Kind and area of each defect."""
    assert case.read_objects is not None
    return [(case.classes[item.class_id], item.area) for item in case.read_objects()]


def test_mvtec_ad_gives_good_and_defective_images_with_unique_ids(mvtec: Path) -> None:
    cases = load(mvtec)
    assert {name: defects(case) for name, case in cases.items()} == {
        "crack_000": [("crack", 36)],
        "crack_001": [("crack", 36), ("crack", 16)],
        "good_000": [],
        "hole_000": [("hole", 36)],
        "train_good_000": [],
        "train_good_001": [],
    }
    assert list(cases) == sorted(cases)
    assert all(case.group == name for name, case in cases.items())
    assert cases["hole_000"].classes == {1: "crack", 2: "hole"}
    assert [path.name for path in cases["hole_000"].files] == ["000.png", "000_mask.png"]


def test_its_folders_train_and_test_are_no_splits(mvtec: Path) -> None:
    assert {case.split for case in load(mvtec).values()} == {None}


def test_the_flat_layout_reads_images_of_several_formats(flat: Path) -> None:
    cases = load(flat)
    assert {name: defects(case) for name, case in cases.items()} == {
        "OK_a": [],
        "OK_b": [],
        "dent_a": [("dent", 36)],
        "scratch_a": [("scratch", 36)],
    }
    np.testing.assert_array_equal(cases["scratch_a"].read_pixels()[0], surface(2))


def test_splits_groups_and_class_ids_are_honoured(flat: Path) -> None:
    splits = {"train": ["OK_a", "dent_a"], "test": ["OK_b", "scratch_a"]}
    (flat / "splits.json").write_text(json.dumps(splits))
    groups = {name: name[-1] for name in ("OK_a", "OK_b", "dent_a", "scratch_a")}
    (flat / "groups.json").write_text(json.dumps(groups))
    (flat / "labels.json").write_text(json.dumps({"3": "scratch", "7": "dent", "9": "pit"}))
    cases = load(flat)
    assert cases["OK_b"].split == "test"
    assert cases["dent_a"].group == "a"
    assert cases["OK_a"].classes == {3: "scratch", 7: "dent", 9: "pit"}
    assert defects(cases["dent_a"]) == [("dent", 36)]


def test_parts_are_one_defect_where_the_recipe_says_so(mvtec: Path) -> None:
    assert defects(load(mvtec, objects="whole")["crack_001"]) == [("crack", 52)]


def test_every_value_is_one_defect_where_the_recipe_says_so(flat: Path, save: Save) -> None:
    save("masks/dent/a.png", mask((2, 2, 6, 6), value=1) + mask((2, 6, 6, 12), value=2))
    assert defects(load(flat)["dent_a"]) == [("dent", 40)]
    assert defects(load(flat, masks="instances")["dent_a"]) == [("dent", 16), ("dent", 24)]


def test_listing_reads_no_file_and_cases_travel_to_workers(flat: Path) -> None:
    for path in (*flat.rglob("*.png"), *flat.rglob("*.jpg")):
        path.write_bytes(b"damaged")
    cases = load(flat)
    assert len(pickle.loads(pickle.dumps(list(cases.values())))) == 4
    with pytest.raises(DataError, match=r"a\.png"):
        defects(cases["dent_a"])


def test_images_alone_are_read_for_segmenting(mvtec: Path) -> None:
    folder = load(mvtec / "test" / "crack")
    assert list(folder) == ["000", "001"]
    assert folder["000"].read_objects is None
    assert list(load(mvtec / "test" / "crack" / "001.png")) == ["001"]


class TestErrors:
    def refused(self, source: Path) -> str:
        with pytest.raises(DataError) as error:
            load(source)
        assert "\n" not in str(error.value)
        return str(error.value)

    def test_an_image_without_mask(self, mvtec: Path) -> None:
        (mvtec / "ground_truth" / "crack" / "001_mask.png").unlink()
        message = self.refused(mvtec)
        assert message.startswith(f"{mvtec / 'test' / 'crack' / '001.png'}: the image has no mask")
        assert "move the image to good/" in message

    def test_a_mask_without_image(self, mvtec: Path) -> None:
        (mvtec / "test" / "crack" / "001.png").unlink()
        assert "001_mask.png: the mask has no image '001' in" in self.refused(mvtec)

    def test_an_empty_defect_folder(self, mvtec: Path) -> None:
        (mvtec / "test" / "hole" / "000.png").unlink()
        assert "masks of 'hole', but no folder of its images" in self.refused(mvtec)

    def test_labels_that_miss_a_folder(self, flat: Path) -> None:
        (flat / "labels.json").write_text('{"1": "dent"}')
        assert "does not name the defect folders scratch" in self.refused(flat)

    def test_two_images_of_one_id(self, save: Save, tmp_path: Path) -> None:
        for folder, name in (("a", "b_c"), ("a_b", "c")):
            save(f"{folder}/{name}.png", surface())
            save(f"masks/{folder}/{name}.png", mask((1, 1, 5, 5)))
        assert "its id 'a_b_c', made of folder and name, is also that of" in self.refused(tmp_path)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real sets are not here")
class TestRealSets:
    def test_magnetic_tiles_of_which_ten_have_no_defect(self) -> None:
        counts = [len(defects(case)) for case in load(REAL / "magnetic_tile").values()]
        assert (len(counts), sum(counts), counts.count(0)) == (59, 60, 10)

    def test_steel_strip_in_coco(self) -> None:
        cases = load(REAL / "steel_coco")
        kinds = [kind for case in cases.values() for kind, _ in defects(case)]
        assert (len(cases), len(kinds)) == (78, 192)
        assert set(kinds) == {"inclusion", "patches", "scratches"}
