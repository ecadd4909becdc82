from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from samdomains.discovery import InstalledDomain, installed_domains
from samdomains.retention import (
    DemoImages,
    demo_dice,
    demo_images,
    measure_retention,
    other_domains,
)
from samdomains.sam.segmenter import SamSegmenter
from tests.conftest import InstallPlugin

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

FINE = '''
    """Whatever the core does."""
'''
BROKEN = """
    from samdomains.plugin import hookimpl

    @hookimpl
    def make_demo_data(directory, seed):
        raise RuntimeError("no demo today")
"""
TORN = "import a_library_that_is_not_there"

ShowOnly = Callable[..., None]


@pytest.fixture
def show_only(monkeypatch: pytest.MonkeyPatch) -> ShowOnly:
    """Hide all installed domains but the named ones."""

    def show(*names: str) -> None:
        def shown() -> list[InstalledDomain]:
            return [domain for domain in installed_domains() if domain.name in names]

        monkeypatch.setattr("samdomains.retention.installed_domains", shown)

    return show


def test_both_models_are_scored_on_other_domains_and_broken_ones_are_named(
    install_plugin: InstallPlugin, show_only: ShowOnly, miniature: Sam
) -> None:
    for name, source in (("fine", FINE), ("broken", BROKEN), ("torn", TORN)):
        install_plugin(name, source)
    install_plugin("twice", FINE, distribution="one")
    install_plugin("twice", FINE, distribution="two")
    show_only("home", "fine", "broken", "torn", "twice")
    system = SamSegmenter(miniature)
    done: list[int] = []
    systems = {"tuned": system, "zero_shot": system}
    found = measure_retention(systems, "home", images=2, progress=done.append)
    (fine,) = found.domains
    assert (fine.domain, fine.images, fine.objects) == ("fine", 2, 4)
    assert set(fine.prompts) == {"box", "point"}
    assert fine.prompts["box"].tuned == fine.prompts["box"].zero_shot > 0
    assert (found.change, found.note) == (0, "")
    assert set(found.left_out) == {"broken", "torn", "twice"}
    assert "no demo today" in found.left_out["broken"]
    assert "a_library_that_is_not_there" in found.left_out["torn"]
    assert "also claimed by" in found.left_out["twice"]
    assert done == [1, 2, 3, 4]
    assert repr(found) == repr(measure_retention(systems, "home", images=2))


def test_a_system_alone_is_asked_as_two_are_compared(
    install_plugin: InstallPlugin, show_only: ShowOnly, miniature: Sam
) -> None:
    install_plugin("fine", FINE)
    install_plugin("broken", BROKEN)
    show_only("home", "fine", "broken")
    assert other_domains("home") == {"fine": "ok", "broken": "ok"}
    system = SamSegmenter(miniature)
    found = dict(demo_images("home", 1))
    assert isinstance(found["fine"], DemoImages)
    assert "no demo today" in str(found["broken"])
    (fine,) = measure_retention({"tuned": system, "zero_shot": system}, "home", images=1).domains
    expected = {prompt: dice.tuned for prompt, dice in fine.prompts.items()}
    assert demo_dice(system, found["fine"]) == expected


def test_without_another_domain_it_is_said_why_nothing_is_measured(
    show_only: ShowOnly, miniature: Sam
) -> None:
    show_only("images")
    system = SamSegmenter(miniature)
    systems = {"tuned": system, "zero_shot": system}
    found = measure_retention(systems, "images", images=2)
    assert found.domains == ()
    assert found.note == "no other domain is installed that has demo images"
    assert math.isnan(found.change)
    assert measure_retention(systems, "ct", images=0).note == "evaluation.retention_images is 0"
