from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samdomains_inspection.table import MILLIMETRE_COLUMNS, PIXEL_COLUMNS, defect_table

from samdomains.plugin import ObjectMask

KINDS = {1: "scratch", 2: "dent, shallow"}


def bar(height: int, width: int, y: int, x: int, class_id: int = 1) -> ObjectMask:
    return ObjectMask(np.ones((height, width), dtype=bool), (y, x), (200, 300), class_id)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_golden_table() -> None:
    table = defect_table("a", [bar(3, 40, 10, 20), bar(1, 1, 0, 0, 2)], KINDS, 0.05)
    assert table == (
        "image,number,class,area_px,length_px,width_px,x_px,y_px,x0_px,y0_px,x1_px,y1_px,score,"
        "area_mm2,length_mm,width_mm,x_mm,y_mm\n"
        "a,1,scratch,120,40.11,3.00,39.50,11.00,20,10,60,13,,0.3,2.00562,0.15,1.975,0.55\n"
        'a,2,"dent, shallow",1,1.41,1.00,0.00,0.00,0,0,1,1,,0.0025,0.0707107,0.05,0,0\n'
    )


def test_an_image_without_defect_has_the_header_alone() -> None:
    assert defect_table("good", [], KINDS) == ",".join(PIXEL_COLUMNS) + "\n"


def test_without_a_pixel_size_there_are_no_millimetres() -> None:
    (row,) = rows(defect_table("a", [bar(3, 4, 0, 0)], KINDS))
    assert not set(MILLIMETRE_COLUMNS) & set(row)


def test_a_class_without_a_name_is_its_number() -> None:
    (row,) = rows(defect_table("a", [bar(3, 4, 0, 0, 7)], KINDS))
    assert row["class"] == "7"


def test_the_score_is_that_of_the_model() -> None:
    found = ObjectMask(np.ones((3, 4), dtype=bool), (0, 0), (9, 9), score=0.87654)
    (row,) = rows(defect_table("a", [found], KINDS))
    assert row["score"] == "0.877"


@given(st.floats(1e-3, 2), st.integers(1, 50), st.integers(1, 50), st.integers(0, 99))
def test_millimetres_are_pixels_times_their_size(size: float, h: int, w: int, y: int) -> None:
    (row,) = rows(defect_table("a", [bar(h, w, y, 5)], KINDS, size))
    for name in ("length", "width", "x", "y"):
        # The table rounds pixels to two digits after the point.
        tolerance = 0.005001 * size
        assert float(row[f"{name}_mm"]) == pytest.approx(
            float(row[f"{name}_px"]) * size, rel=1e-5, abs=tolerance
        )
    assert float(row["area_mm2"]) == pytest.approx(h * w * size**2, rel=1e-5)


def test_tables_of_several_images_can_be_joined() -> None:
    first = defect_table("a", [bar(3, 4, 0, 0)], KINDS)
    second = defect_table("b", [bar(3, 4, 0, 0), bar(2, 2, 50, 50)], KINDS)
    joined = rows(first + second.split("\n", 1)[1])
    assert [(row["image"], row["number"]) for row in joined] == [("a", "1"), ("b", "1"), ("b", "2")]
