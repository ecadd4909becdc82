from __future__ import annotations

import json
import platform
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    import pytest

    from tests.cli.conftest import CallCli
    from tests.conftest import InstallPlugin


def test_it_shows_versions_device_checkpoints_and_domains(
    call: CallCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAMDOMAINS_CACHE", str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    present = tmp_path / "checkpoints" / "sam_vit_b_01ec64.pth"
    present.touch()
    facts = json.loads(call("doctor", "--json").output)
    assert facts["python"] == platform.python_version()
    assert facts["torch"] == metadata.version("torch")
    assert facts["device"] in ("cpu", "mps", "cuda:0")
    assert facts["free memory"].endswith(" GiB")
    assert facts["cache"] == str(tmp_path)
    assert facts["vit_b"] == str(present)
    assert facts["vit_h"] == "not downloaded yet"
    assert facts["tiny"].endswith("tiny.safetensors")
    assert facts["domain images"].startswith("samdomains ")
    lines = call("doctor").output.splitlines()
    assert [line.split("  ")[0] for line in lines] == list(facts)


def test_a_plugin_for_another_samdomains_is_told(
    call: CallCli, install_plugin: InstallPlugin
) -> None:
    install_plugin("slides", "", requires="samdomains<0.0.5")
    told = json.loads(call("doctor", "--json").output)["domain slides"]
    assert told.startswith("samdomains-slides 1.0 supports samdomains <0.0.5, and ")


def test_a_missing_library_is_what_it_is_there_to_show(
    call: CallCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> NoReturn:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr("samdomains.cli.doctor.metadata.version", version)
    assert json.loads(call("doctor", "--json").output)["peft"] == "not installed"
