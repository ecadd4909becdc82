"""The page of a volume, and the section of the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from samdomains.evaluation.surface import VolumeMeasures
from samdomains.evaluation.volume_results import VolumeScore
from samdomains.reports import volume_page
from samdomains.reports.html import ReportData, write_report
from samdomains.reports.volume_figures import FollowedObject, VolumePicture
from samdomains.reports.volume_page import volume_section, write_volume_page
from samdomains.types import ObjectMask

HOSTILE = "<script>alert('x')</script>"


def sections(first: int, last: int) -> list[ObjectMask]:
    mask = np.zeros((16, 20), dtype=bool)
    mask[4:12, 5:15] = True
    return [replace(ObjectMask.from_mask(mask), slice_index=z) for z in range(first, last)]


def followed(name: str = "liver", **values: Any) -> FollowedObject:
    prediction, truth = sections(2, 6), sections(1, 6)
    measures = VolumeMeasures("found", 0.889, 0.8, 1.0, 5.0, 1.2, 2.0, -0.4, -0.2)
    score = VolumeScore("scan", "patient", name, 0, "tuned", "box@middle", 2.0, measures)
    known = {"prompted": (4,), "confidence": {2: 0.6, 3: 0.9, 4: 0.95}, "score": score}
    return FollowedObject(name, prediction, truth, **{**known, **values})


def picture(*objects: FollowedObject, **values: Any) -> VolumePicture:
    grey = np.random.default_rng(0).random((8, 16, 20), dtype=np.float32)
    return VolumePicture("scan", grey, (16, 20), objects, **{"spacing": (5.0, 1.0, 1.0), **values})


def test_a_page_is_one_file_with_everything_in_it(tmp_path: Path) -> None:
    doubt = np.zeros((8, 16, 20), dtype=np.float32)
    write_volume_page(tmp_path / "scan.html", picture(followed(), doubt=doubt))
    page = (tmp_path / "scan.html").read_text(encoding="utf-8")
    assert "<h1>scan</h1>" in page
    assert "8 slices of 16 &times; 20 pixels &middot; voxels of 5 &times; 1 &times; 1 mm" in page
    slices = page.count('alt="outlines in slice')
    assert slices == page.count('alt="doubt in slice') > 0
    assert page.count('src="data:image/webp') == 2 * slices + 3  # and three planes
    assert page.count("data:image/svg+xml") == 2  # confidence for light and for dark
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page
    assert [path.name for path in tmp_path.iterdir()] == ["scan.html"]


def test_the_scores_of_each_object_stand_in_it() -> None:
    section = volume_section(picture(followed()))
    assert "within 2 mm" in section
    assert ">0.889<" in section
    assert ">5<" in section
    assert ">\N{MINUS SIGN}0.4<" in section


def test_what_was_missed_or_invented_is_said_and_has_no_distance() -> None:
    def scored(measures: VolumeMeasures) -> VolumeScore:
        return VolumeScore("scan", "p", "x", 0, "tuned", "box@middle", 2.0, measures)

    missed = replace(
        followed(), prediction=(), score=scored(VolumeMeasures("missed", 0.0, 0.0, 0.0))
    )
    invented = replace(followed("spleen"), truth=(), score=scored(VolumeMeasures("false_alarm")))
    section = volume_section(picture(missed, invented))
    assert '<span class="error">missed</span>' in section
    assert '<span class="error">false alarm</span>' in section
    assert '<td class="num">&ndash;</td>' in section


def test_what_is_not_known_is_left_out() -> None:
    bare = FollowedObject("thing", sections(2, 6))
    section = volume_section(picture(bare, spacing=None))
    assert "distances unknown" in section
    assert "YZ plane through thing" in section
    for word in ("truth", "<table", "How sure", "doubt"):
        assert word not in section


def test_a_volume_in_which_nothing_was_found_has_a_page() -> None:
    for nothing in (picture(FollowedObject("liver", ())), picture()):
        section = volume_section(nothing)
        assert section.count("<img") == section.count('alt="outlines in slice') == 8


def test_of_many_objects_the_largest_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volume_page, "MOST_OBJECTS", 2)
    objects = [FollowedObject(f"cell {n}", sections(1, 1 + n)) for n in (1, 2, 3)]
    section = volume_section(picture(*objects))
    assert "<h4>cell 3</h4>" in section
    assert "<h4>cell 1</h4>" not in section
    assert "The 2 largest objects are shown, and 1 more" in section


def test_names_are_text(tmp_path: Path) -> None:
    hostile = replace(picture(followed(HOSTILE)), case=HOSTILE)
    write_volume_page(tmp_path / "a.html", hostile)
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_report_of_a_run_shows_its_volumes(tmp_path: Path) -> None:
    section = volume_section(picture(followed()))
    data = ReportData("Organs", "ct", "tiny", {"test": {}}, volumes=[section])
    write_report(tmp_path / "report.html", data)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<h2>Volumes</h2>" in page
    assert "<h3>scan</h3>" in page
    assert str(section) in page
