from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from samdomains.discovery import core_version, find_domain, installed_domains, supported_range
from samdomains.errors import PluginError

if TYPE_CHECKING:
    from tests.conftest import InstallPlugin


def test_listing_imports_nothing_so_a_broken_plugin_cannot_stop_it(
    install_plugin: InstallPlugin,
) -> None:
    install_plugin("brokenfield", "raise SystemError('no GPU driver')", version="2.3")
    (domain,) = [d for d in installed_domains() if d.name == "brokenfield"]
    assert (domain.distribution, domain.version) == ("samdomains-brokenfield", "2.3")
    assert domain.status == "ok"
    assert domain.target not in sys.modules


def test_two_distributions_with_one_domain_are_both_listed_and_neither_is_found(
    install_plugin: InstallPlugin,
) -> None:
    # importlib.metadata and pluggy would silently take the first one on sys.path.
    install_plugin("twice", "", distribution="one", version="1.0")
    install_plugin("twice", "", distribution="two", version="2.0")
    listed = [domain for domain in installed_domains() if domain.name == "twice"]
    assert [domain.status for domain in listed] == [
        "conflict: also claimed by two 2.0",
        "conflict: also claimed by one 1.0",
    ]
    with pytest.raises(PluginError, match=r"(one 1\.0 and two 2\.0|two 2\.0 and one 1\.0)"):
        find_domain("twice")


def test_a_distribution_seen_twice_on_the_path_is_one(install_plugin: InstallPlugin) -> None:
    install_plugin("seen", "")
    sys.path.append(sys.path[0])
    try:
        assert [domain.status for domain in installed_domains() if domain.name == "seen"] == ["ok"]
    finally:
        sys.path.pop()


def test_an_unknown_domain_lists_the_installed_and_how_to_add_it(
    install_plugin: InstallPlugin,
) -> None:
    install_plugin("thermography", "")
    with pytest.raises(PluginError) as caught:
        find_domain("thermografy")
    message = str(caught.value)
    assert "Did you mean 'thermography'?" in message
    assert "Installed: " in message
    assert "pip install samdomains-thermografy" in message


@pytest.mark.parametrize(
    ("requires", "fits"),
    [
        ("", True),
        ("samdomains>=0.1,<0.3", True),
        ("samdomains[dev] (>=0.1)", True),
        ("Samdomains>=0.2,<0.4", True),
        ("samdomains-video>=9", True),
        ("samdomains>=0.3,<0.5", False),
        ("samdomains<0.2", False),
        ("samdomains>=0.2.1", False),
    ],
)
def test_a_plugin_outside_of_its_range_is_listed_and_refused_with_what_to_do(
    install_plugin: InstallPlugin, monkeypatch: pytest.MonkeyPatch, requires: str, fits: bool
) -> None:
    monkeypatch.setattr("samdomains.discovery.core_version", lambda: "0.2.0.dev3")
    install_plugin("slides", "raise SystemError", requires=requires, version="1.5")
    (listed,) = [domain for domain in installed_domains() if domain.name == "slides"]
    if fits:
        assert find_domain("slides").status == listed.status == "ok"
        return
    assert listed.status == f"supports samdomains {listed.requires}, and 0.2.0.dev3 is installed"
    with pytest.raises(PluginError) as caught:
        find_domain("slides")
    told = str(caught.value)
    assert f"samdomains-slides 1.5 supports samdomains {listed.requires}" in told
    assert "pip install --upgrade samdomains-slides" in told
    assert f"pip install 'samdomains{listed.requires}'" in told


def test_a_core_that_runs_from_its_sources_supports_all(
    install_plugin: InstallPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samdomains.discovery.core_version", lambda: "not installed")
    install_plugin("slides", "", requires="samdomains<0.0.1")
    assert find_domain("slides").status == "ok"


def test_the_core_knows_its_version() -> None:
    assert core_version()[0].isdigit()


@pytest.mark.parametrize(
    ("version", "supported"),
    [
        ("0.1.0", ">=0.1,<0.3"),
        ("0.9.3.dev1", ">=0.9,<0.11"),
        ("1.0.0", ">=1.0,<2"),
        ("2.4", ">=2.4,<3"),
    ],
)
def test_a_plugin_supports_the_version_it_was_tested_with_and_the_next(
    version: str, supported: str
) -> None:
    assert supported_range(version) == supported


def test_a_core_that_is_not_installed_has_no_range() -> None:
    with pytest.raises(PluginError, match="pip install samdomains"):
        supported_range("not installed")
