"""What the pages share: escaping, style, pictures."""

from __future__ import annotations

import base64
from pathlib import Path

import jinja2
import pytest
from markupsafe import Markup

from samdomains.reports.pages import data_uri, rendered, write_page


def page(title: str, section: str = "") -> str:
    return rendered("volume_page.html.j2", title=title, section=section)


def test_values_are_text_and_markup_stays() -> None:
    found = page("<b>scan</b>", Markup("<p>found</p>"))
    assert "<h1>&lt;b&gt;scan&lt;/b&gt;</h1>" in found
    assert "<p>found</p>" in found


def test_a_page_has_its_style_in_itself_and_allows_no_script() -> None:
    found = page("scan")
    assert "--paper:" in found
    assert "default-src 'none'" in found
    assert "&" not in found[found.index("<style>") : found.index("</style>")]


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="title"):
        rendered("volume_page.html.j2", section="")


def test_a_picture_becomes_a_part_of_the_page() -> None:
    head, body = data_uri("png", b"pixels").split(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(body) == b"pixels"


def test_names_that_are_no_text_are_written_by_their_numbers(tmp_path: Path) -> None:
    write_page(tmp_path / "a.html", "scan\udcff")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == "scan\\udcff"
