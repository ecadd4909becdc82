"""The layers of a domain: the modules that answer its hooks, in the order of registration."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from samdomains.discovery import CORE_DISTRIBUTION, InstalledDomain, core_version, find_domain
from samdomains.errors import PluginError

CORE_MODULE = "samdomains.defaults"
"""The core's own layer. Named, not imported: it stands above this module in the house."""

CORE_LABEL = "core"
"""Label of that layer."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A module that answers hooks.

    Attributes:
        label: ``core``, ``domain ct`` or ``local file mine.py``, as users see it.
        module: The imported module.
        distribution: The distribution it belongs to; the path for a local file.
        version: Version of the distribution; empty for a local file.
    """

    label: str
    module: ModuleType
    distribution: str
    version: str


def load_layers(domain: InstalledDomain, local_plugin: Path | None) -> list[Layer]:
    """Import the layers of a domain: core, parents, the domain, the user's local file.

    Raises:
        PluginError: A layer cannot be imported, is not a module, extends in a circle, or
            extends a domain that is not installed.
    """
    layers = [
        Layer(CORE_LABEL, importlib.import_module(CORE_MODULE), CORE_DISTRIBUTION, core_version())
    ]
    layers += [layer for layer in _family(domain) if layer.module is not layers[0].module]
    if local_plugin is not None:
        layers.append(_import_local(local_plugin))
    return layers


def _family(domain: InstalledDomain) -> list[Layer]:
    """The domain and those it extends, the furthest ancestor first."""
    family: list[Layer] = []
    names: list[str] = []
    current: InstalledDomain | None = domain
    while current is not None:
        if current.name in names:
            circle = " → ".join([*names, current.name])
            raise PluginError(
                f"domain '{domain.name}' extends itself: {circle}. Remove one `extends`"
            )
        names.append(current.name)
        layer = _import_domain(current)
        family.insert(0, layer)
        current = _parent(layer)
    return family


def _parent(layer: Layer) -> InstalledDomain | None:
    extends = getattr(layer.module, "extends", None)
    if extends is None:
        return None
    if not isinstance(extends, str):
        raise PluginError(
            f"{layer.label}: `extends` must be the id of one domain, got {extends!r} "
            f"({layer.module.__file__})"
        )
    try:
        return find_domain(extends)
    except PluginError as error:
        raise PluginError(f"{layer.label} extends '{extends}', but {error}") from error


def _import_domain(domain: InstalledDomain) -> Layer:
    try:
        module = importlib.import_module(domain.target)
    except (Exception, SystemExit) as error:  # the plugin boundary
        raise PluginError(
            f"the plugin of domain '{domain.name}' cannot be imported: {_describe(error)}. "
            f"It comes from {domain.distribution} {domain.version} ({domain.target}); "
            f"update it with: pip install --upgrade {domain.distribution}"
        ) from error
    return Layer(f"domain {domain.name}", module, domain.distribution, domain.version)


def _import_local(path: Path) -> Layer:
    """Import a user's file under its own name, its folder appended to ``sys.path``.

    What the file's hooks return is pickled by module name. Spawned workers inherit ``sys.path``
    from the main process, so that name must be importable there.
    """
    file = path.resolve()
    if file.suffix != ".py" or not file.is_file():
        raise PluginError(f"{path}: a local plugin is a Python file (.py), and this is none")
    if not file.stem.isidentifier():
        raise PluginError(
            f"{path}: rename the file so that it can be imported: letters, digits and '_' only"
        )
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    importlib.invalidate_caches()
    found = importlib.util.find_spec(file.stem)
    if found is None or found.origin is None or Path(found.origin).resolve() != file:
        raise PluginError(
            f"{path}: rename the file: another module is already called '{file.stem}'"
        )
    try:
        module = importlib.import_module(file.stem)
    except (Exception, SystemExit) as error:  # the plugin boundary
        raise PluginError(
            f"{path}: the local plugin cannot be imported: {_describe(error)}"
        ) from error
    if hasattr(module, "extends"):
        raise PluginError(
            f"{path}: a local plugin cannot set `extends`; it stands over the domain you name"
        )
    return Layer(f"local file {file.name}", module, str(file), "")


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
