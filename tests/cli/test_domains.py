from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from tests.cli.conftest import CallCli
    from tests.conftest import InstallPlugin


def test_a_domain_is_listed_with_distribution_version_and_status(
    call: CallCli, install_plugin: InstallPlugin
) -> None:
    install_plugin("slides", "raise SystemError", version="1.5")
    lines = [line.split() for line in call("domains").output.splitlines()]
    assert lines[0] == ["DOMAIN", "DISTRIBUTION", "VERSION", "STATUS"]
    assert ["slides", "samdomains-slides", "1.5", "ok"] in lines


def test_json_is_for_scripts(call: CallCli, install_plugin: InstallPlugin) -> None:
    install_plugin("slides", "", requires="samdomains>=0.1,<99")
    (domain,) = [d for d in json.loads(call("domains", "--json").output) if d["name"] == "slides"]
    assert domain == {
        "name": "slides",
        "distribution": "samdomains-slides",
        "version": "1.0",
        "target": "samdomains_slides_slides",
        "status": "ok",
        "requires": "<99,>=0.1",
    }


def test_a_plugin_for_another_samdomains_is_shown_and_stops_nothing(
    call: CallCli, install_plugin: InstallPlugin
) -> None:
    install_plugin("slides", "raise SystemError", requires="samdomains<0.0.5")
    result = call("domains")
    assert result.exit_code == 0
    assert "supports samdomains <0.0.5, and " in result.output
    refused = call("explain", "slides")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("error: the domain 'slides' cannot be used: samdomains-sl")


def test_a_conflict_is_shown_and_stops_nothing(
    call: CallCli, install_plugin: InstallPlugin
) -> None:
    install_plugin("slides", "", distribution="one")
    install_plugin("slides", "", distribution="two")
    result = call("domains")
    assert result.exit_code == 0
    assert "conflict: also claimed by two 1.0" in result.output


def test_without_any_domain_it_says_how_to_add_one(
    call: CallCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samdomains.cli.domains.installed_domains", list)
    assert "pip install" in call("domains").output
