"""Which domains are installed, read from package metadata alone: no plugin is imported here."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import metadata

from samdomains.errors import PluginError, did_you_mean

ENTRY_POINT_GROUP = "samdomains.domains"
"""The group in which a distribution announces its domains; the entry point's name is the id."""

CORE_DISTRIBUTION = "samdomains"


@dataclass(frozen=True, slots=True)
class InstalledDomain:
    """One domain that a distribution announces.

    Attributes:
        name: The domain's id, the name of the entry point.
        distribution: The distribution that brings it.
        version: Version of that distribution.
        target: The module that implements it.
        status: ``ok``, or why the domain cannot be selected.
        requires: The versions of samdomains that the distribution supports, as its metadata says:
            ``<0.3,>=0.1``; empty where it says nothing, and for the core itself.
    """

    name: str
    distribution: str
    version: str
    target: str
    status: str = "ok"
    requires: str = ""


def installed_domains() -> list[InstalledDomain]:
    """List the installed domains by name.

    Two distributions that claim one name are both listed, each with a status that names the
    other; neither can be selected.
    """
    claims: dict[str, list[InstalledDomain]] = defaultdict(list)
    for entry in metadata.entry_points(group=ENTRY_POINT_GROUP):
        if entry.dist is not None:
            requires = _supported_by(entry.dist)
            domain = InstalledDomain(
                entry.name, entry.dist.name, entry.dist.version, entry.value, requires=requires
            )
            claims[entry.name].append(replace(domain, status=_range_status(domain)))
    return [domain for name in sorted(claims) for domain in _with_status(claims[name])]


def find_domain(name: str) -> InstalledDomain:
    """Find the one distribution that brings a domain.

    Raises:
        PluginError: No distribution brings it, or several do, or the one that does supports other
            versions of samdomains.
    """
    installed = installed_domains()
    found = [domain for domain in installed if domain.name == name]
    if not found:
        names = sorted({domain.name for domain in installed})
        raise PluginError(
            f"no domain '{name}' is installed.{did_you_mean(name, names)} "
            f"Installed: {', '.join(names) or 'none'}. To add it: pip install samdomains-{name}"
        )
    if len(found) > 1:
        claimants = " and ".join(f"{domain.distribution} {domain.version}" for domain in found)
        raise PluginError(
            f"the domain '{name}' is claimed by {claimants}. "
            f"Uninstall all but one: pip uninstall {found[-1].distribution}"
        )
    (domain,) = found
    if domain.status != "ok":
        raise PluginError(
            f"the domain '{name}' cannot be used: {domain.distribution} {domain.version} "
            f"{domain.status}. Update it: pip install --upgrade {domain.distribution}; or install "
            f"what it supports: pip install 'samdomains{domain.requires}'"
        )
    return domain


def core_version() -> str:
    """Version of the installed core, or ``not installed`` when it runs from a bare source tree."""
    try:
        return metadata.version(CORE_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "not installed"


def supported_range(version: str) -> str:
    """The versions of the core that a plugin tested with ``version`` supports.

    Before 1.0 those of this minor version and the next: what is deprecated in one works for two
    (docs/stability.md). From 1.0 on those of the same major version.

    Raises:
        PluginError: The core is not installed, so its version is unknown.

    Example:
        >>> supported_range("0.4.2"), supported_range("1.3.0")
        ('>=0.4,<0.6', '>=1.3,<2')
    """
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers is None:
        raise PluginError(
            f"the version of samdomains is '{version}'. Install it: pip install samdomains"
        )
    major, minor = map(int, numbers.groups())
    end = f"0.{minor + 2}" if major == 0 else str(major + 1)
    return f">={major}.{minor},<{end}"


def _supported_by(distribution: metadata.Distribution) -> str:
    """The versions of the core that a distribution requires, or nothing."""
    for text in distribution.requires or ():
        if re.match(r"[\w.-]*", text)[0].lower() == CORE_DISTRIBUTION:  # type: ignore[index]
            from packaging.requirements import Requirement  # noqa: PLC0415 (only for plugins)

            return str(Requirement(text).specifier)
    return ""


def _range_status(domain: InstalledDomain) -> str:
    """``ok``, or that the installed core is none that the domain supports."""
    core = core_version()
    if not domain.requires or re.match(r"\d", core) is None:
        return "ok"
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415
    from packaging.version import Version  # noqa: PLC0415

    # A version in the making counts as the one that it will be.
    if SpecifierSet(domain.requires).contains(Version(core).base_version):
        return "ok"
    return f"supports samdomains {domain.requires}, and {core} is installed"


def _with_status(claims: Sequence[InstalledDomain]) -> list[InstalledDomain]:
    if len(claims) == 1:
        return list(claims)
    listed = []
    for claim in sorted(claims, key=lambda domain: domain.distribution):
        others = ", ".join(
            f"{other.distribution} {other.version}" for other in claims if other is not claim
        )
        listed.append(replace(claim, status=f"conflict: also claimed by {others}"))
    return listed
