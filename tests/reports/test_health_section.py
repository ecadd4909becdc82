from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from samdomains.evaluation.card import Card
from samdomains.evaluation.diagnosis import diagnose
from samdomains.evaluation.health import Findings
from samdomains.evaluation.interpolation import interpolate
from samdomains.reports.health_section import (
    calibration_rows,
    domain_rows,
    fit_rows,
    health_section,
    ignored_rows,
    prompt_rows,
)
from samdomains.reports.html import ReportData, write_report
from tests.health_making import healthy, retention


def with_health(card: Card, findings: Findings) -> Card:
    return replace(card, health=diagnose(card, findings))


def test_there_is_no_section_without_measurements(card: Card) -> None:
    assert health_section(None) == health_section(card) == ""


def test_rows_have_zero_shot_before_tuned() -> None:
    found = healthy()
    assert prompt_rows(found.prompt_sensitivity)[0] == ("exact box", "0.900", "0.900")
    assert prompt_rows(found.prompt_sensitivity)[-1] == ("4 points", "0.800", "0.800")
    assert [row[1:] for row in ignored_rows(found.prompt_sensitivity)] == [
        ("0.000", "0.000"),
        ("0.000", "0.000"),
        ("\N{EN DASH}", "\N{EN DASH}"),
        ("0.010", "0.010"),
    ]
    assert domain_rows(found.retention) == [
        ("ct", "0.80 → 0.79", "0.80 → 0.79", "\N{MINUS SIGN}0.010")
    ]
    assert fit_rows(found.overfitting)[0] == ("training (6)", "0.500", "0.800", "+0.300")
    assert calibration_rows({})[0] == ("Error", "\N{EN DASH}", "\N{EN DASH}")


def test_problems_are_told_first_with_their_numbers(card: Card, tmp_path: Path) -> None:
    spoilt = with_health(card, replace(healthy(), retention=retention(-0.2)))
    write_report(tmp_path / "report.html", ReportData("T", "ct", "tiny", {"test": {}}, card=spoilt))
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "Better than zero-shot; forgot other domains" in page
    assert '<section class="card verdict no"' in page  # no green light
    assert '<a href="#health">Health</a>' in page
    section = page[page.index('<section id="health">') :]
    assert section.index("Forgot other domains") < section.index("Prompts that are not exact")
    assert "\N{MINUS SIGN}0.2, where \N{MINUS SIGN}0.05 is the limit" in section
    assert "mri was left out: PluginError: broken" in section
    assert page.index('<section id="health">') > page.index('aria-label="Verdict"')


def test_how_the_weights_were_mixed_is_told_with_and_without_health(card: Card) -> None:
    mixed = replace(card, interpolation=interpolate(0.6, None, -0.05))
    alone, within = health_section(mixed), health_section(with_health(mixed, healthy()))
    for section in (alone, within):
        assert section.count('<section id="health">') == section.count("</section>") == 1
        assert "0.6 of the tuned weights, as model.interpolate says" in section
    assert within.index("Other domains") < within.index("Gain against retention")


def test_a_healthy_model_is_praised_in_words(card: Card) -> None:
    section = health_section(with_health(card, healthy()))
    assert "Nothing that was measured speaks against using the tuned model." in section
