from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from samdomains_inspection.defects import DefectObjects, no_defect

from samdomains.plugin import DataError

from .conftest import Save, mask, surface


@pytest.fixture
def reader(save: Save) -> DefectObjects:
    image = save("a.png", surface())
    annotation = save("a_mask.png", mask((2, 2, 4, 20), (10, 10, 14, 14)))
    return DefectObjects(image, annotation, 5, "crack", "binary", "components", 0)


def test_every_connected_part_is_a_defect_of_its_kind(reader: DefectObjects) -> None:
    found = pickle.loads(pickle.dumps(reader))()
    assert [item.area for item in found] == [36, 16]
    assert {item.class_id for item in found} == {5}
    np.testing.assert_array_equal(
        found[0].mask() | found[1].mask(), mask((2, 2, 4, 20), (10, 10, 14, 14)) > 0
    )


def test_an_image_of_a_good_surface_has_none() -> None:
    assert pickle.loads(pickle.dumps(no_defect))() == ()


def test_a_threshold_says_what_counts(reader: DefectObjects, save: Save) -> None:
    save("a_mask.png", mask((2, 2, 4, 20), value=60) + mask((10, 10, 14, 14), value=200))
    assert [item.area for item in replace(reader, threshold=128)()] == [16]


def test_a_mask_of_another_size_is_refused(reader: DefectObjects, save: Save) -> None:
    save("a_mask.png", np.full((10, 12), 255, dtype=np.uint8))
    with pytest.raises(DataError, match=r"the mask is 12 x 10 .* is 32 x 24"):
        reader()


def test_a_mask_that_marks_nothing_contradicts_its_folder(
    reader: DefectObjects, save: Save, tmp_path: Path
) -> None:
    save("a_mask.png", mask())
    with pytest.raises(DataError, match=r"marks no pixel.*the defect 'crack'.*Move the image to"):
        reader()
