"""`samdomains doctor`: versions, devices, caches, checkpoints, domains."""

from __future__ import annotations

import json
import platform
from importlib import metadata

import click

from samdomains.cli.options import json_option

LIBRARIES = (
    "samdomains",
    "torch",
    "torchvision",
    "segment-anything",
    "accelerate",
    "peft",
    "monai",
)


@click.command("doctor", epilog="Example: samdomains doctor --json")
@json_option
def command(as_json: bool) -> None:
    """Show what this machine has: versions, device, memory, checkpoints and domains."""
    facts = _facts()
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(f"{name.ljust(width)}  {value}")


def _facts() -> dict[str, str]:
    from samdomains.discovery import installed_domains
    from samdomains.sam.checkpoints import TINY_WEIGHTS
    from samdomains.sam.devices import best_device, free_memory
    from samdomains.sam.download import OFFICIAL, cache_directory

    device = best_device()
    facts = {"python": platform.python_version(), "system": platform.platform()}
    facts |= {name: _version(name) for name in LIBRARIES}
    facts["device"] = str(device)
    facts["free memory"] = f"{free_memory(device) / 2**30:.1f} GiB"
    facts["cache"] = str(cache_directory())
    facts["tiny"] = str(TINY_WEIGHTS) if TINY_WEIGHTS.exists() else "missing: install again"
    for name, remote in OFFICIAL.items():
        path = cache_directory() / "checkpoints" / remote.file_name
        facts[name] = str(path) if path.exists() else "not downloaded yet"
    for domain in installed_domains():
        facts[f"domain {domain.name}"] = f"{domain.distribution} {domain.version} {domain.status}"
    return facts


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "not installed"
