"""A hook's signature changes neither without a changelog entry nor so that it breaks plugins."""

from __future__ import annotations

from typing import Any

import pytest

from samdomains import plugin
from samdomains.hookspecs import HOOK_API_VERSION
from tests.hook_api import CHANGELOG, digest, problems, read_record, signatures

OLD = {"write_masks": "(self, recipe: Recipe) -> MaskWriter"}
MORE = {"write_masks": "(self, recipe: Recipe, cases: int) -> MaskWriter"}


def version(found: dict[str, str], *names: str) -> dict[str, Any]:
    return {"digest": digest(found), "signatures": found, "names": list(names)}


def told(
    record: dict[str, Any], now: dict[str, str], changelog: str = "", api: int = 1
) -> list[str]:
    return problems(record, now, ["hookimpl"], api=api, changelog=changelog)


def test_the_hooks_are_as_they_were_recorded_and_every_change_is_in_the_changelog() -> None:
    record, changelog = read_record(), CHANGELOG.read_text("utf-8")
    names, now = plugin.__all__, signatures()
    assert problems(record, now, names, api=HOOK_API_VERSION, changelog=changelog) == []


def test_nothing_changed_is_no_problem() -> None:
    assert told({"1.0": version(OLD, "hookimpl")}, OLD) == []


def test_a_changed_signature_must_be_recorded() -> None:
    (problem,) = told({"1.0": version(OLD)}, MORE)
    assert "run `python tests/hook_api.py VERSION`" in problem


def test_what_is_recorded_is_not_edited() -> None:
    edited = version(OLD) | {"signatures": MORE}
    assert told({"1.0": edited}, MORE) == [
        "version 1.0 was edited: what is recorded stays, record a new one"
    ]


def test_a_recorded_change_must_be_in_the_changelog() -> None:
    record = {"1.0": version(OLD), "1.1": version(MORE)}
    (problem,) = told(record, MORE)
    assert "does not say what is new in `hook API 1.1`" in problem
    assert told(record, MORE, "- hook API 1.1: `write_masks` gets `cases`.") == []


@pytest.mark.parametrize(
    ("now", "broken"),
    [
        ({}, "write_masks is gone"),
        ({"write_masks": "(self) -> MaskWriter"}, r"takes (self), no longer (self, recipe"),
        ({"write_masks": "(self, recipe: Recipe) -> Path"}, "returns Path, no longer MaskWriter"),
        (
            {"write_masks": "(self, cases: int, recipe: Recipe) -> MaskWriter"},
            "takes (self, cases: int, recipe",
        ),
    ],
)
def test_what_breaks_plugins_raises_the_version(now: dict[str, str], broken: str) -> None:
    changelog = "hook API 1.1, hook API 2.0"
    (problem,) = told({"1.0": version(OLD), "1.1": version(now)}, now, changelog)
    assert broken in problem
    assert "raise HOOK_API_VERSION" in problem
    raised = {"1.0": version(OLD), "2.0": version(now)}
    assert told(raised, now, changelog, api=2) == []
    assert told(raised, now, changelog) == ["HOOK_API_VERSION is 1, and 2.0 was recorded last"]


def test_what_plugins_give_back_is_called_as_before() -> None:
    # The core calls these: an old normaliser would be called with an argument that it lacks.
    old = {"Normalizer": "(self, pixels: RawImage) -> Image"}
    more = {"Normalizer": "(self, pixels: RawImage, case: Case) -> Image"}
    (problem,) = told({"1.0": version(old), "1.1": version(more)}, more, "hook API 1.1")
    assert "Normalizer takes" in problem


def test_a_name_that_authors_import_is_not_lost() -> None:
    (problem,) = told({"1.0": version(OLD, "hookimpl", "read_pixels")}, OLD)
    assert "lost ['read_pixels']" in problem
