"""The small JSON files of a data folder: class names, splits and groups."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from samdomains.data.naming import name_some
from samdomains.errors import DataError, did_you_mean
from samdomains.files import write_json
from samdomains.types import Case, Split

LABELS_FILE = "labels.json"
SPLITS_FILE = "splits.json"
GROUPS_FILE = "groups.json"
METADATA_FILES = (LABELS_FILE, SPLITS_FILE, GROUPS_FILE)

_SPLITS: tuple[Split, ...] = get_args(Split)


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        DataError: The file cannot be read, is not JSON or holds something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        problem = f"it cannot be read ({error.strerror})"
        raise DataError(path, problem, "Name a file that you may read.") from None
    except (ValueError, RecursionError) as error:
        raise DataError(path, f"the file is not JSON ({error})", "Correct it.") from None
    if not isinstance(value, dict):
        kind = type(value).__name__
        raise DataError(path, f"expected a JSON object {{...}}, got {kind}", "Correct it.")
    return value


def read_classes(path: Path) -> dict[int, str]:
    """Read ``labels.json``: mask value → class name, background (value 0) left out.

    Raises:
        DataError: The file is malformed, names no class or uses a name twice.
    """
    remedy = 'Write it as {"0": "background", "1": "first class", ...}.'
    classes: dict[int, str] = {}
    for key, name in read_json_object(path).items():
        if not (key.isascii() and key.isdigit()):
            raise DataError(path, f"'{key}' is not a mask value (a whole number)", remedy)
        if not isinstance(name, str) or not name.strip():
            raise DataError(path, f"the name of value {key} is not a text", remedy)
        if int(key) in classes:
            raise DataError(path, f"the value {int(key)} stands there twice", remedy)
        classes[int(key)] = name
    classes.pop(0, None)
    if not classes:
        raise DataError(path, "it names no class but the background", remedy)
    require_distinct_names(path, classes)
    return dict(sorted(classes.items()))


def require_distinct_names(path: Path, classes: Mapping[int, str]) -> None:
    """Refuse two classes of one name, since scores are listed by name.

    Raises:
        DataError: A name is used twice.
    """
    seen: dict[str, int] = {}
    for class_id, name in classes.items():
        if name in seen:
            raise DataError(
                path,
                f"the classes {seen[name]} and {class_id} are both named '{name}'",
                "Give each class a name of its own.",
            )
        seen[name] = class_id


def with_metadata(folder: Path, cases: Sequence[Case]) -> tuple[Case, ...]:
    """Give cases the splits and groups of ``splits.json`` and ``groups.json``, where these exist.

    Raises:
        DataError: A file is malformed or does not fit the cases.
    """
    ids = [case.id for case in cases]
    splits: dict[str, Split] = {}
    groups = {case.id: case.group for case in cases}
    if (folder / SPLITS_FILE).is_file():
        splits = _read_splits(folder / SPLITS_FILE, ids)
    if (folder / GROUPS_FILE).is_file():
        groups = _read_groups(folder / GROUPS_FILE, ids)
    return tuple(replace(case, split=splits.get(case.id), group=groups[case.id]) for case in cases)


def _read_splits(path: Path, ids: Sequence[str]) -> dict[str, Split]:
    remedy = 'Write it as {"train": [ids], "val": [ids], "test": [ids]}; an id is the image\'s name'
    remedy += " without suffix."
    known = set(ids)
    splits: dict[str, Split] = {}
    for name, members in read_json_object(path).items():
        split = next((split for split in _SPLITS if split == name), None)
        if split is None:
            hint = did_you_mean(name, _SPLITS)
            raise DataError(path, f"there is no split '{name}'", f"{remedy}{hint}")
        if not isinstance(members, list) or not all(isinstance(member, str) for member in members):
            raise DataError(path, f"'{name}' is not a list of ids (texts)", remedy)
        unknown = [member for member in members if member not in known]
        if unknown:
            hint = did_you_mean(unknown[0], ids)
            problem = f"'{name}' names cases that do not exist: {name_some(unknown)}"
            raise DataError(path, problem, f"{remedy}{hint}")
        for member in members:
            if splits.setdefault(member, split) != split:
                problem = f"case '{member}' is in '{splits[member]}' and in '{split}'"
                raise DataError(path, problem, "Leave each case in one split.")
    return splits


def _read_groups(path: Path, ids: Sequence[str]) -> dict[str, str]:
    remedy = 'Write it as {"image name without suffix": "its patient, scene or slide", ...}.'
    groups = read_json_object(path)
    for member, group in groups.items():
        if not isinstance(group, str):
            raise DataError(path, f"the group of '{member}' is not a text", remedy)
    unknown = [member for member in groups if member not in set(ids)]
    if unknown:
        problem = f"it names cases that do not exist: {name_some(unknown)}"
        raise DataError(path, problem, f"{remedy}{did_you_mean(unknown[0], ids)}")
    missing = [member for member in ids if member not in groups]
    if missing:
        raise DataError(path, f"it gives no group for {name_some(missing)}", remedy)
    return groups


def write_metadata(folder: Path, cases: Sequence[Case]) -> None:
    """Write ``splits.json`` and ``groups.json`` where the cases have splits or groups."""
    if any(case.split is not None for case in cases):
        splits = {split: [case.id for case in cases if case.split == split] for split in _SPLITS}
        write_json(folder / SPLITS_FILE, splits)
    if any(case.group != case.id for case in cases):
        write_json(folder / GROUPS_FILE, {case.id: case.group for case in cases})
