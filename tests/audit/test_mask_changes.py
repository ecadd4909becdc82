from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from samdomains.audit.mask_changes import change_masks
from samdomains.audit.mending import mended
from samdomains.data.images import read_mask
from samdomains.errors import DataError
from samdomains.types import Mask, ObjectMask

CLASSES = {1: "cell", 2: "nucleus"}


def block(x0: int, y0: int, side: int) -> Mask:
    mask = np.zeros((12, 16), dtype=bool)
    mask[y0 : y0 + side, x0 : x0 + side] = True
    return mask


def save(path: Path, mask: Mask, value: int = 255) -> Path:
    path.parent.mkdir(exist_ok=True)
    PillowImage.fromarray(mask.astype(np.uint8) * np.uint8(value)).save(path)
    return path


def test_of_overlapping_classes_the_file_in_the_folder_of_the_class_changes(tmp_path: Path) -> None:
    speck = block(14, 10, 1)
    cells, nuclei = block(1, 1, 8) | speck, block(3, 3, 3) | speck
    files = [
        save(tmp_path / name / "a.png", m) for name, m in (("cell", cells), ("nucleus", nuclei))
    ]
    objects = [ObjectMask.from_mask(block(1, 1, 8)), ObjectMask.from_mask(nuclei, class_id=2)]
    changed = change_masks(files, mended(objects, {"remove_specks"}, 4), CLASSES)
    assert changed == (files[1],)
    assert (read_mask(files[0]) > 0).sum() == 65
    assert (read_mask(files[1]) > 0).sum() == 9


def test_a_hole_gets_the_value_that_is_around_it(tmp_path: Path) -> None:
    mask = block(1, 1, 8)
    mask[4, 4] = False
    path = save(tmp_path / "a.png", mask, value=7)
    change_masks([path], mended([ObjectMask.from_mask(mask)], {"fill_holes"}, 4), CLASSES)
    assert (read_mask(path) == 7 * block(1, 1, 8)).all()


def test_an_object_that_several_files_may_show_is_refused(tmp_path: Path) -> None:
    speck = block(14, 10, 1)
    files = [save(tmp_path / name, speck) for name in ("0.png", "1.png")]
    with pytest.raises(DataError, match="2 of the image's 2 mask files may show an object"):
        change_masks(files, mended([ObjectMask.from_mask(speck)], {"remove_specks"}, 4), CLASSES)


def test_a_hole_between_several_values_is_refused(tmp_path: Path) -> None:
    mask = block(1, 1, 8)
    mask[4, 4] = False
    values = mask.astype(np.uint8)
    values[1] *= 2
    PillowImage.fromarray(values).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="has 2 values"):
        change_masks(
            [tmp_path / "a.png"], mended([ObjectMask.from_mask(mask)], {"fill_holes"}, 4), CLASSES
        )
