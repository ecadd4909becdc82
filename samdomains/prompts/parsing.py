"""Prompts that a user writes: on the command line, or in a JSON file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from samdomains.errors import DataError, UsageError
from samdomains.types import Box, Prompts

MOST_CLASSES = 2**16 - 1
"""Largest class: masks are written with 16 bits."""


@dataclass(frozen=True, slots=True, eq=False)
class ObjectPrompt:
    """What a user asks for: one object, in an image or in one slice of a volume.

    Attributes:
        prompts: In image pixels.
        class_id: Class that the mask is written with; None where the user names none.
        slice_index: Slice of a volume that the prompts lie in, from 0; None in an image.
        object_number: Prompts in several slices with the same number mean the same object; None
            is an object of its own.
    """

    prompts: Prompts
    class_id: int | None = None
    slice_index: int | None = None
    object_number: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class VolumePrompt:
    """What a user asks for in a volume: one object, prompted in some of its slices.

    Attributes:
        prompts: By slice, in its pixels. In one at least there is a box or a point on the object.
        class_id: Class that the mask is written with; None where the user names none.
    """

    prompts: Mapping[int, Prompts]
    class_id: int | None = None


def by_object(prompts: Sequence[ObjectPrompt]) -> tuple[VolumePrompt, ...]:
    """Put the prompts of each object of a volume together, in the order of their first ones.

    Args:
        prompts: Each with its slice.

    Raises:
        UsageError: Two prompts of an object name one slice or different classes, or no prompt of
            it says where it is.
    """
    groups: dict[tuple[str, int], list[ObjectPrompt]] = {}
    for place, item in enumerate(prompts):
        number = item.object_number
        key = ("alone", place) if number is None else ("numbered", number)
        groups.setdefault(key, []).append(item)
    return tuple(_one_object(members) for members in groups.values())


def _one_object(members: Sequence[ObjectPrompt]) -> VolumePrompt:
    number = members[0].object_number
    places = [item.slice_index for item in members if item.slice_index is not None]
    classes = sorted({item.class_id for item in members if item.class_id is not None})
    if len(set(places)) < len(places):
        twice = next(place for place in places if places.count(place) > 1)
        raise UsageError(
            f"object {number} has two prompts in slice {twice}: put them into one, or give them "
            'different values of "object"'
        )
    if len(classes) > 1:
        named = ", ".join(map(str, classes))
        raise UsageError(f"object {number} has the classes {named}; give it one")
    if not any(_says_where(item.prompts) for item in members):
        raise UsageError("an object needs a box, or a point on it (label 1), in one slice at least")
    slices = {item.slice_index: item.prompts for item in members if item.slice_index is not None}
    return VolumePrompt(slices, classes[0] if classes else None)


def _says_where(prompts: Prompts) -> bool:
    return prompts.box is not None or bool((prompts.point_labels == 1).any())


def prompts_from_words(boxes: Sequence[str], points: Sequence[str]) -> tuple[ObjectPrompt, ...]:
    """Prompts from ``x0,y0,x1,y1`` and ``x,y:1`` words, in a volume ``x0,y0,x1,y1@slice``.

    In an image every box is an object of its own; all points together mean one object, the boxed
    one if there is a single box. In a volume, boxes in one slice are objects of their own, and a
    box and points in different slices mean one object.

    Raises:
        UsageError: A word cannot be read, nothing is given, or points go with several boxes.

    Example:
        >>> prompts_from_words(["4,6,20,30"], [])[0].prompts.box.tolist()
        [4.0, 6.0, 20.0, 30.0]
    """
    if not boxes and not points:
        raise UsageError("nothing to segment: give --box, --point, --prompts or --auto")
    slices = [_slice_of(word) for word in (*boxes, *points)]
    boxed = slices[: len(boxes)]
    if len(set(slices)) > 1 and None not in slices:
        if len(set(boxed)) < len(boxed):
            raise UsageError(
                "several boxes in one slice and prompts in another: which of them mean the same "
                'object? Use --prompts FILE.json and give its prompts the same "object"'
            )
        return _across_slices(boxes, points)
    if points and len(boxes) > 1:
        raise UsageError(
            f"{len(boxes)} boxes and {len(points)} points: which box do the points belong to? "
            "Use --prompts FILE.json for several objects with points."
        )
    clicks, clicked = [_point(word) for word in points], [_slice_of(word) for word in points]
    if not boxes and not any(label for _, _, label in clicks):
        raise UsageError("an object needs a box, or a point on it (label 1)")
    if not boxes:
        return (ObjectPrompt(_prompts(None, clicks), slice_index=_one_slice(clicked)),)
    return tuple(
        ObjectPrompt(
            _prompts(_box(_numbers(word.partition("@")[0], "--box", 4)), clicks),
            slice_index=_one_slice([_slice_of(word), *clicked]),
        )
        for word in boxes
    )


def _across_slices(boxes: Sequence[str], points: Sequence[str]) -> tuple[ObjectPrompt, ...]:
    """One object, prompted in several slices."""
    prompts = []
    named = {_slice_of(word) for word in (*boxes, *points)}
    for index in sorted(number for number in named if number is not None):
        drawn = [word for word in boxes if _slice_of(word) == index]
        box = _box(_numbers(drawn[0].partition("@")[0], "--box", 4)) if drawn else None
        clicks = [_point(word) for word in points if _slice_of(word) == index]
        prompts.append(ObjectPrompt(_prompts(box, clicks), None, index, 1))
    by_object(prompts)
    return tuple(prompts)


def read_prompts(path: Path) -> tuple[ObjectPrompt, ...]:
    """Prompts from a JSON file: a list of prompts for objects.

    Each has a ``box`` and ``points`` or one of them, a ``class``, and in a volume a ``slice``.
    Those with the same ``object``, a whole number, mean one object in several slices.

    Raises:
        DataError: The file is not such a list; says which entry and why.
    """
    remedy = 'Write [{"box": [x0, y0, x1, y1], "points": [[x, y, 1]], "class": 1}, …].'
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(path, f"not JSON ({error})", remedy) from error
    if not isinstance(entries, list) or not entries:
        raise DataError(path, "holds no list of objects", remedy)
    prompts = []
    for number, entry in enumerate(entries, start=1):
        try:
            prompts.append(_entry(entry))
        except (UsageError, ValueError, TypeError) as error:
            raise DataError(path, f"object {number}: {error}", remedy) from error
    try:
        by_object(prompts)
    except UsageError as error:
        raise DataError(path, str(error), remedy) from error
    return tuple(prompts)


def _entry(entry: Any) -> ObjectPrompt:  # noqa: ANN401 (whatever the JSON file holds)
    if not isinstance(entry, dict):
        raise TypeError(f"must be an object, got {entry!r}")
    unknown = sorted(set(entry) - {"box", "points", "class", "slice", "object"})
    if unknown:
        allowed = "box, points, class, slice, object"
        raise ValueError(f"unknown key {unknown[0]!r}; allowed are {allowed}")
    box = None if entry.get("box") is None else _box([float(value) for value in entry["box"]])
    clicks = []
    for point in entry.get("points", []):
        x, y, label = point
        _require_finite([float(x), float(y)])
        clicks.append((float(x), float(y), _label(str(label))))
    index = entry.get("slice")
    if index is not None and (type(index) is not int or index < 0):
        raise ValueError(f"a slice is a whole number from 0, got {index!r}")
    number = entry.get("object")
    if number is not None and type(number) is not int:
        raise ValueError(f"an object is a whole number, got {number!r}")
    if number is not None and index is None:
        raise ValueError('"object" is for prompts in several slices, and there is no "slice"')
    prompts = _prompts(box, clicks)
    if number is None and not _says_where(prompts):
        raise UsageError("an object needs a box, or a point on it (label 1)")
    return ObjectPrompt(prompts, _class(entry.get("class")), index, number)


def _class(value: object) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 1 <= value <= MOST_CLASSES:
        raise ValueError(f"a class is a whole number from 1 to {MOST_CLASSES}, got {value!r}")
    return value


def _require_finite(numbers: Sequence[float]) -> None:
    if not all(map(math.isfinite, numbers)):
        raise UsageError(f"coordinates must be finite, got {','.join(f'{n:g}' for n in numbers)}")


def _prompts(box: Box | None, clicks: Sequence[tuple[float, float, int]]) -> Prompts:
    if box is None and not clicks:
        raise UsageError("an object needs a box, or a point on it (label 1)")
    return Prompts(
        box=box,
        points=np.array([click[:2] for click in clicks], dtype=np.float32).reshape(-1, 2),
        point_labels=np.array([click[2] for click in clicks], dtype=np.int64),
        source="user",
    )


def _box(numbers: Sequence[float]) -> Box:
    if len(numbers) != 4:
        raise UsageError(f"a box has four numbers x0,y0,x1,y1, got {len(numbers)}")
    x0, y0, x1, y1 = numbers
    if not (x0 < x1 and y0 < y1):
        raise UsageError(
            f"the box {x0:g},{y0:g},{x1:g},{y1:g} has no area: "
            "write x0,y0,x1,y1 with x0 < x1 and y0 < y1"
        )
    _require_finite(numbers)
    return np.array(numbers, dtype=np.float32)


def _point(word: str) -> tuple[float, float, int]:
    place, separator, label = word.partition(":")
    x, y = _numbers(place.partition("@")[0], "--point", 2)
    return x, y, _label(label) if separator else 1


def _slice_of(word: str) -> int | None:
    """The number after ``@``, if there is one."""
    _, separator, number = word.partition(":")[0].partition("@")
    if separator and not number.isdecimal():
        raise UsageError(f"{word}: expected the number of a slice, from 0, after @")
    return int(number) if separator else None


def _one_slice(numbers: Sequence[int | None]) -> int | None:
    """The slice that all prompts of an object lie in."""
    if len(set(numbers)) > 1:
        named = ", ".join("none" if number is None else str(number) for number in numbers)
        raise UsageError(
            f"the prompts of one object must lie in one slice, got slices {named}. "
            "Give each box and each point the same @slice"
        )
    return numbers[0]


def _label(word: str) -> int:
    if word not in ("0", "1"):
        raise UsageError(f"a point's label is 1 (object) or 0 (background), got {word!r}")
    return int(word)


def _numbers(word: str, option: str, count: int) -> list[float]:
    parts = word.split(",")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) != count or not np.all(np.isfinite(numbers)):
        shape = "x0,y0,x1,y1" if count == 4 else "x,y:1"
        raise UsageError(f"{option} {word}: expected {shape} in pixels")
    return numbers
