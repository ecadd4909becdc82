from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from samdomains_inspection.layouts import find_image_folders, is_good, mask_files

from samdomains.plugin import DataError

from .conftest import Save, mask, surface


def found(source: Path) -> list[tuple[str, str | None, str]]:
    folders = find_image_folders(source)
    assert folders is not None
    return [(f.path.relative_to(source).as_posix(), f.defect, f.prefix) for f in folders]


def test_mvtec_ad_has_parts_and_a_folder_for_each_defect(mvtec: Path) -> None:
    assert found(mvtec) == [
        ("train/good", None, "train_good_"),
        ("test/crack", "crack", "crack_"),
        ("test/good", None, "good_"),
        ("test/hole", "hole", "hole_"),
    ]


def test_a_flat_folder_has_no_parts(flat: Path) -> None:
    assert found(flat) == [
        ("OK", None, "OK_"),
        ("dent", "dent", "dent_"),
        ("scratch", "scratch", "scratch_"),
    ]


def test_defects_without_any_good_image_are_a_layout_too(flat: Path) -> None:
    shutil.rmtree(flat / "OK")
    assert [defect for _, defect, _ in found(flat)] == ["dent", "scratch"]


def test_folders_without_images_are_none_of_it(flat: Path) -> None:
    (flat / "run" / "state").mkdir(parents=True)
    assert "run" not in [defect for _, defect, _ in found(flat)]


def test_good_has_three_names_in_any_case() -> None:
    assert all(is_good(name) for name in ("good", "Good", "OK", "normal"))
    assert not is_good("scratch")


def test_what_the_core_reads_is_left_to_it(save: Save, tmp_path: Path) -> None:
    assert find_image_folders(tmp_path / "absent") is None
    image = save("pictures/a.png", surface())
    assert find_image_folders(image) is None
    assert find_image_folders(tmp_path / "pictures") is None
    save("pictures/crack/a.png", surface())
    assert find_image_folders(tmp_path / "pictures") is None  # images right in it
    save("data/images/a.png", surface())
    save("data/masks/a.png", mask())
    assert find_image_folders(tmp_path / "data") is None
    save("only/masks/a.png", mask())
    assert find_image_folders(tmp_path / "only") is None
    save("coco/good/a.png", surface())
    empty: dict[str, list[object]] = {"images": [], "annotations": [], "categories": []}
    (tmp_path / "coco" / "annotations.json").write_text(json.dumps(empty))
    assert find_image_folders(tmp_path / "coco") is None


class TestErrors:
    def refused(self, source: Path) -> str:
        with pytest.raises(DataError) as error:
            find_image_folders(source)
        assert "\n" not in str(error.value)
        return str(error.value)

    def test_no_defect_at_all(self, mvtec: Path) -> None:
        for folder in ("test/crack", "test/hole", "ground_truth"):
            shutil.rmtree(mvtec / folder)
        message = self.refused(mvtec)
        assert (
            "there is no defect at all, only train/good, test/good: nothing can be lear" in message
        )
        assert "To segment images without masks, name the folder that holds them." in message

    def test_a_defect_folder_without_masks(self, mvtec: Path) -> None:
        shutil.rmtree(mvtec / "ground_truth" / "hole")
        message = self.refused(mvtec)
        assert message.startswith(f"{mvtec / 'test' / 'hole'}: the defect folder has no masks")
        assert str(mvtec / "ground_truth" / "hole") in message

    def test_no_folder_of_masks(self, flat: Path) -> None:
        shutil.rmtree(flat / "masks")
        assert "there is neither ground_truth/ nor masks/" in self.refused(flat)

    def test_masks_without_a_folder_of_images(self, flat: Path) -> None:
        shutil.rmtree(flat / "dent")
        assert "masks of 'dent', but no folder of its images" in self.refused(flat)

    def test_masks_of_good_images(self, flat: Path, save: Save) -> None:
        save("masks/OK/a.png", mask())
        assert "there are masks for good images" in self.refused(flat)

    def test_two_folders_of_masks(self, flat: Path) -> None:
        (flat / "ground_truth").mkdir()
        assert "both ground_truth/ and masks/" in self.refused(flat)

    def test_a_defect_among_the_training_images(self, mvtec: Path) -> None:
        (mvtec / "test" / "crack").rename(mvtec / "train" / "crack")
        assert "train/ holds good images alone" in self.refused(mvtec)

    def test_folders_beside_train_and_test(self, mvtec: Path) -> None:
        (mvtec / "test" / "crack").rename(mvtec / "crack")
        assert "there are train/ or test/ and also crack" in self.refused(mvtec)

    def test_several_products(self, mvtec: Path, tmp_path: Path) -> None:
        inside = list(mvtec.iterdir())
        (tmp_path / "bottle").mkdir()
        for path in inside:
            path.rename(tmp_path / "bottle" / path.name)
        message = self.refused(tmp_path)
        assert "it holds several products: bottle" in message
        assert message.endswith(f"Name one of them: {tmp_path / 'bottle'}.")

    def test_two_masks_of_one_name(self, save: Save, tmp_path: Path) -> None:
        save("000.png", np.zeros((2, 2), dtype=np.uint8))
        save("000_mask.png", np.zeros((2, 2), dtype=np.uint8))
        with pytest.raises(DataError, match=r"two files are the mask of '000': 000.* and 000"):
            mask_files(tmp_path)
