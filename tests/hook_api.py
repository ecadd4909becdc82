"""The hook API as it was recorded: signatures by version, and what a change of them needs.

``python tests/hook_api.py 1.1`` records the present signatures as version 1.1.
"""

from __future__ import annotations

import hashlib
import inspect
import itertools
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from samdomains import plugin
from samdomains.hookspecs import HOOK_API_VERSION, DomainHooks

RECORD = Path(__file__).with_name("hook_api.json")
CHANGELOG = Path(__file__).resolve().parent.parent / "CHANGELOG.md"
RETURNED = ("Normalizer", "PromptSampler", "PromptProposer", "MaskWriter")
"""Protocols of what hooks return: the core calls them, so their signatures bind plugins too."""

Signatures: TypeAlias = Mapping[str, str]
"""Hook, or protocol → its signature."""

Record: TypeAlias = Mapping[str, Mapping[str, object]]
"""Version → ``signatures``, ``names`` of ``samdomains.plugin`` and ``digest``; oldest first."""


def signatures() -> dict[str, str]:
    """Those of the code."""
    hooks = {name: hook for name, hook in vars(DomainHooks).items() if inspect.isfunction(hook)}
    returned = {name: getattr(plugin, name).__call__ for name in RETURNED}
    return {
        name: str(inspect.signature(function)).replace("'", "")
        for name, function in (hooks | returned).items()
    }


def digest(found: Signatures) -> str:
    """What shows that a recorded version was edited afterwards."""
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()[:16]


def problems(
    record: Record,
    now: Signatures,
    names: Sequence[str],
    *,
    api: int,
    changelog: str,
) -> list[str]:
    """What is wrong with a change of the API; nothing where nothing changed.

    Args:
        record: The recorded versions.
        now: The present signatures.
        names: The present names of ``samdomains.plugin``.
        api: ``HOOK_API_VERSION``.
        changelog: The text of CHANGELOG.md.
    """
    found = []
    versions = list(record)
    for version in versions:
        kept = record[version]
        if kept["digest"] != digest(_signatures(kept)):
            found.append(f"version {version} was edited: what is recorded stays, record a new one")
    for version in versions[1:]:
        if f"hook API {version}" not in changelog:
            found.append(f"CHANGELOG.md does not say what is new in `hook API {version}`")
    last = versions[-1]
    if api != int(last.partition(".")[0]):
        found.append(f"HOOK_API_VERSION is {api}, and {last} was recorded last")
    if dict(now) != dict(_signatures(record[last])):
        found.append(
            "a signature changed: run `python tests/hook_api.py VERSION` with the next version, "
            "and name it as `hook API VERSION` in CHANGELOG.md"
        )
    for before, after in itertools.pairwise(versions):
        if before.partition(".")[0] == after.partition(".")[0]:
            broken = _broken(_signatures(record[before]), _signatures(record[after]))
            found += [f"{after}: {one}; raise HOOK_API_VERSION for that" for one in broken]
    promised = record[last]["names"]
    assert isinstance(promised, list)
    gone = sorted({*promised} - {*names})
    if gone:
        found.append(f"samdomains.plugin lost {gone}, which docs/stability.md promises to keep")
    return found


def _broken(before: Signatures, after: Signatures) -> list[str]:
    """Changes that a plugin would notice."""
    found = [f"{name} is gone" for name in before if name not in after]
    for name in before.keys() & after.keys():
        taken, given = _parts(before[name])
        taken_now, given_now = _parts(after[name])
        if given != given_now:
            found.append(f"{name} returns {given_now}, no longer {given}")
        elif not taken_now.startswith(taken) or (name in RETURNED and taken_now != taken):
            found.append(f"{name} takes ({taken_now}), no longer ({taken})")
    return found


def _parts(signature: str) -> tuple[str, str]:
    """The arguments, and what is returned."""
    taken, _, given = signature.rpartition(") -> ")
    return taken.removeprefix("("), given


def _signatures(version: Mapping[str, object]) -> Signatures:
    found = version["signatures"]
    assert isinstance(found, dict)
    return found


def read_record() -> Record:
    """The recorded versions."""
    record: Record = json.loads(RECORD.read_text("utf-8"))
    return record


def main(version: str) -> None:
    """Record the present signatures."""
    record = read_record() if RECORD.exists() else {}
    now = signatures()
    names = sorted(plugin.__all__)
    added = {version: {"digest": digest(now), "signatures": now, "names": names}}
    RECORD.write_text(json.dumps({**record, **added}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    assert int(sys.argv[1].partition(".")[0]) == HOOK_API_VERSION
    main(sys.argv[1])
