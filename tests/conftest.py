"""Distributions with domain plugins, made on the fly for the tests of discovery and hooks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Protocol

import pytest


class InstallPlugin(Protocol):
    """Writes a distribution and puts it on ``sys.path``."""

    def __call__(
        self, domain: str, source: str, *, distribution: str = "", version: str = "1.0"
    ) -> Path:
        """Install `domain`, implemented by a module with `source`; gives the module's file."""
        ...


@pytest.fixture
def install_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InstallPlugin]:
    """Install plugins for one test; what they bring is forgotten afterwards."""
    modules_before = set(sys.modules)

    def install(domain: str, source: str, *, distribution: str = "", version: str = "1.0") -> Path:
        distribution = distribution or f"samdomains-{domain}"
        package = distribution.replace("-", "_")
        folder = tmp_path / "site" / package
        info = folder / f"{package}-{version}.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        with (info / "entry_points.txt").open("a") as file:
            file.write(f"[samdomains.domains]\n{domain} = {package}_{domain}\n")
        module = folder / f"{package}_{domain}.py"
        module.write_text(dedent(source))
        monkeypatch.syspath_prepend(str(folder))
        return module

    yield install
    for name in set(sys.modules) - modules_before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
