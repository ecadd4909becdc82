from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from samdomains_inspection.writers import DefectWriter

from samdomains.plugin import Case, DataError, ObjectMask


def pixels() -> np.ndarray:
    return np.zeros((1, 20, 30), dtype=np.uint8)


def case(name: str = "a") -> Case:
    return Case(name, name, pixels, None, {1: "scratch", 2: "dent"}, files=(Path("a.png"),))


def bar(y: int, x: int, height: int, width: int, class_id: int = 1) -> ObjectMask:
    return ObjectMask(np.ones((height, width), dtype=bool), (y, x), (20, 30), class_id)


def test_a_label_map_and_a_table_whose_numbers_are_its_values(tmp_path: Path) -> None:
    defects = [bar(2, 3, 2, 9), bar(10, 10, 4, 4, 2)]
    written = DefectWriter(0.1)(case(), defects, tmp_path)
    assert [path.name for path in written] == ["a.png", "a.json", "a_defects.csv"]
    labels = np.asarray(PillowImage.open(tmp_path / "a.png"))
    rows = (tmp_path / "a_defects.csv").read_text("utf-8").splitlines()[1:]
    assert len(rows) == 2
    for row, kind in zip(rows, ("scratch", "dent"), strict=True):
        image, number, name, area = row.split(",")[:4]
        assert (image, name) == ("a", kind)
        assert np.count_nonzero(labels == int(number)) == int(area)


def test_an_image_without_defect_has_an_empty_map_and_a_header(tmp_path: Path) -> None:
    DefectWriter()(case(), [], tmp_path)
    assert np.asarray(PillowImage.open(tmp_path / "a.png")).tolist() == np.zeros((20, 30)).tolist()
    assert len((tmp_path / "a_defects.csv").read_text("utf-8").splitlines()) == 1


def test_defects_that_overlap_keep_their_rows(tmp_path: Path) -> None:
    written = DefectWriter()(case(), [bar(2, 2, 6, 6), bar(4, 4, 6, 6)], tmp_path)
    assert (tmp_path / "layer2" / "a.png") in written
    rows = (tmp_path / "a_defects.csv").read_text("utf-8").splitlines()[1:]
    assert [row.split(",")[3] for row in rows] == ["36", "36"]


def test_an_id_that_leads_elsewhere_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no file name"):
        DefectWriter()(case("../a"), [bar(0, 0, 3, 3)], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_it_pickles() -> None:
    assert pickle.loads(pickle.dumps(DefectWriter(0.2))) == DefectWriter(0.2)
