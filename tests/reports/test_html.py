"""The report: self-contained, escaped, complete, and written whole or not at all."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from samdomains.audit.findings import Finding
from samdomains.evaluation.card import Card
from samdomains.facts import StrategyChoice
from samdomains.reports.figures import Panel
from samdomains.reports.html import (
    SHOWN_FINDINGS,
    ExplainRow,
    Picture,
    RecipeRow,
    ReportData,
    SplitCount,
    write_report,
)

WEBP = b"RIFF not really"
HOSTILE = "<script>alert('x')</script>\" onerror=\"steal()"
VOID = {"meta", "img", "source", "br", "link", "input"}


class Page(HTMLParser):
    """Collects elements and text, and checks that every element is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def data(metrics: dict[str, Any], card: Card, history: list[dict[str, float]]) -> ReportData:
    return ReportData(
        title=f"Nuclei {HOSTILE}",
        domain="microscopy",
        base="tiny",
        metrics=metrics,
        card=card,
        splits=[SplitCount("train", 30, 15), SplitCount("test", 10, 5)],
        split_rule="Divided by seed 0.",
        findings=[
            Finding(
                "warning",
                HOSTILE,
                "a.png",
                "the image is black",
                "Look at it.",
                check="constant_image",
            )
        ],
        history=history,
        strategy=StrategyChoice("lora", 4, "bf16", ("30 images suit LoRA.",)),
        recipe=[
            RecipeRow("training.epochs", "3", "command line"),
            RecipeRow("seed", "0", "core"),
        ],
        explain=[ExplainRow("load_cases", "core", "samdomains/defaults.py:40")],
        versions={"torch": "2.9.0"},
        hardware={"device": "cpu"},
        seconds={"check": 4.25, "tune": 200.0, "test": 7261.0},
        pictures=[
            Picture(f"{HOSTILE}: Dice 0.9", [Panel("Truth", "true outlines", WEBP)], "best"),
            Picture("c1", [Panel("Truth", "true outlines", WEBP)], "worst"),
        ],
        hashes={"data": "abcdef (3 files, 0.1 MiB)"},
        again="samdomains run microscopy DATA --recipe recipe.yaml --out AGAIN",
    )


@pytest.fixture
def source(data: ReportData, tmp_path: Path) -> str:
    write_report(tmp_path / "report.html", data)
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_nothing_is_fetched_and_nothing_is_run(source: str) -> None:
    page = Page(source)
    assert not re.search(r"https?://", source, flags=re.IGNORECASE)
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "link", "iframe", "object"})
    links = [image["src"] for image in page.attributes("img")]
    links += [image["srcset"] for image in page.attributes("source")]
    assert all(link is not None and link.startswith("data:image/") for link in links)
    assert "url(" not in source
    policy = [meta for meta in page.attributes("meta") if "http-equiv" in meta]
    assert (policy[0]["content"] or "").startswith("default-src 'none'")


def test_hostile_names_are_shown_as_text(source: str) -> None:
    page = Page(source)
    assert "<script>alert('x')</script>" in page.text
    assert not [tag for tag, _ in page.elements if tag == "script"]
    assert not [attributes for _, attributes in page.elements if "onerror" in attributes]


def test_every_section_is_led_to_from_the_top(source: str) -> None:
    page = Page(source)
    sections = [section["id"] for section in page.attributes("section") if "id" in section]
    assert [link["href"] for link in page.attributes("a")] == [f"#{name}" for name in sections]
    assert sections == ["scores", "classes", "pictures", "training", "data", "run"]


def test_pictures_are_embedded_with_a_description_the_worst_first(source: str) -> None:
    pictures = [i for i in Page(source).attributes("img") if "webp" in (i["src"] or "")]
    assert [base64.b64decode((i["src"] or "").split(",")[1]) for i in pictures] == [WEBP, WEBP]
    assert pictures[0]["alt"] == "c1: true outlines"


def test_the_colours_of_errors_are_told_in_words(source: str) -> None:
    assert "Errors: correct missed false alarm outline of the truth" in Page(source).text


def test_the_verdict_comes_before_the_scores(source: str) -> None:
    text = Page(source).text
    assert text.index("Better than zero-shot") < text.index("Scores on the test images")
    assert "0.710 → 0.910" in text
    assert "Dice +0.200 (+0.200 to +0.200), p = 0.002" in text


def test_the_prompts_are_said_to_come_from_the_ground_truth(source: str) -> None:
    assert "The prompts were made from the ground truth" in Page(source).text


def test_scores_have_intervals_and_the_best_is_bold(source: str) -> None:
    bold = re.findall(r"<strong>([\d.]+)</strong>", source)
    assert bold[:4] == ["0.910", "0.810", "0.620", "0.520"]
    assert "0.890\N{EN DASH}0.940" in Page(source).text
    assert "2 cases without an object are not scored" in Page(source).text


def test_classes_training_data_and_provenance_are_shown(source: str) -> None:
    text = Page(source).text
    for expected in (
        "membrane 40",
        "30 images suit LoRA.",
        "Divided by seed 0.",
        "train 30 15",
        ", constant image in",
        "the image is black. Look at it.",
        "training.epochs 3 command line",
        "samdomains/defaults.py:40",
        "torch 2.9.0",
        "check 4.2 s",
        "tune 3 min 20 s",
        "test 2 h 01 min",
        "data abcdef (3 files, 0.1 MiB)",
        "samdomains run microscopy DATA --recipe recipe.yaml --out AGAIN",
    ):
        assert expected in text


def test_the_time_that_training_waited_for_images_is_told(source: str) -> None:
    assert "waited for images in 4 % of the epochs' time" in Page(source).text


def test_only_values_that_differ_from_the_core_are_unfolded(source: str) -> None:
    unfolded, folded = source.split("All 2 values")
    assert "<code>seed</code>" not in unfolded
    assert "<code>seed</code>" in folded


def test_outlines_are_shown_with_what_their_measures_mean(
    tmp_path: Path, metrics: dict[str, Any]
) -> None:
    metrics["tolerance_px"] = 2.0
    share = {"mean": 0.75, "ci95": [0.7, 0.8], "n": 3}
    metrics["test"]["tuned"]["box"] |= {
        "boundary_f": share,
        "nsd": share,
        "hd95_px": {"mean": 3.14, "ci95": [None, None], "n": 2},
        "objects": 9,
        "missed": 1,
    }
    write_report(tmp_path / "report.html", ReportData("Base", "generic", "tiny", metrics))
    text = Page((tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert "lies within 2 pixels of the other one" in text
    assert "Box · 9 objects Tuned 0.750 0.700 to 0.800 0.750 0.700 to 0.800 3.14 1" in text


def test_a_report_of_an_untuned_model_leaves_out_what_it_has_not(tmp_path: Path) -> None:
    dice = {"mean": 0.5, "ci95": [None, None], "n": 1}
    metrics = {"test": {"zero_shot": {"box": {"dice": dice}}}}
    write_report(tmp_path / "report.html", ReportData("Base", "generic", "tiny", metrics))
    text = Page((tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert "Zero-shot 0.500" in text
    for heading in ("Training", "Pictures", "By class", "What was run", "Data", "Gain"):
        assert f" {heading} " not in text


def test_a_long_audit_is_cut_and_says_so(tmp_path: Path) -> None:
    findings = [
        Finding("error", f"c{index}", "", "bad", "Mend it.", check="bad") for index in range(60)
    ]
    data = ReportData("Base", "generic", "tiny", {"test": {}}, findings=findings)
    write_report(tmp_path / "report.html", data)
    text = Page((tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert text.count("Mend it.") == SHOWN_FINDINGS
    assert "And 10 more" in text


def test_a_file_name_that_is_not_utf8_can_be_written(tmp_path: Path) -> None:
    finding = Finding("error", "case\udcff", "", "bad", "Mend it.", check="bad")
    data = ReportData("Base", "generic", "tiny", {"test": {}}, findings=[finding])
    write_report(tmp_path / "report.html", data)
    assert "case\\udcff" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_same_data_gives_the_same_bytes(data: ReportData, tmp_path: Path) -> None:
    write_report(tmp_path / "one.html", data)
    write_report(tmp_path / "two.html", data)
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.html", "two.html"]
