"""samdomains: Segment Anything, tuned and honestly scored for one kind of image at a time.

Importing the package is cheap; each public name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samdomains.benchmark.runner import bench
    from samdomains.chain import Domain, select_domain
    from samdomains.discovery import InstalledDomain, core_version, installed_domains
    from samdomains.errors import SamDomainsError
    from samdomains.inference import Model, load_model
    from samdomains.pipeline import Result, evaluate, run, segment
    from samdomains.recipe import Recipe

    __version__: str

_HOMES = {
    "Domain": "samdomains.chain",
    "InstalledDomain": "samdomains.discovery",
    "Recipe": "samdomains.recipe",
    "SamDomainsError": "samdomains.errors",
    "Model": "samdomains.inference",
    "Result": "samdomains.pipeline",
    "bench": "samdomains.benchmark.runner",
    "core_version": "samdomains.discovery",
    "evaluate": "samdomains.pipeline",
    "installed_domains": "samdomains.discovery",
    "load_model": "samdomains.inference",
    "run": "samdomains.pipeline",
    "segment": "samdomains.pipeline",
    "select_domain": "samdomains.chain",
}
"""Public name → the module that defines it."""

__all__ = [
    "Domain",
    "InstalledDomain",
    "Model",
    "Recipe",
    "Result",
    "SamDomainsError",
    "bench",
    "core_version",
    "evaluate",
    "installed_domains",
    "load_model",
    "run",
    "segment",
    "select_domain",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 (whatever the name stands for)
    """Import a public name on first use."""
    if name == "__version__":
        return importlib.import_module("samdomains.discovery").core_version()
    if name not in _HOMES:
        raise AttributeError(f"module 'samdomains' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names, imported or not."""
    return [*__all__, "__version__"]
