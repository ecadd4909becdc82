"""What hooks get and give, in a few words and as JSON: shapes, dtypes, ranges, counts."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from samdomains.facts import Facts, StrategyChoice
from samdomains.types import Case, CaseStatistics, ObjectMask, Prompts

LONGEST = 160
"""Letters of a description before it is cut."""


@dataclass(frozen=True, slots=True)
class Description:
    """One value, described.

    Attributes:
        words: On one line.
        facts: The same for scripts; JSON.
    """

    words: str
    facts: Mapping[str, Any]


def describe(value: object) -> Description:
    """Describe a value that a hook got or gave.

    Args:
        value: Of any type; what is not known is shown by its ``repr``.

    Example:
        >>> describe(np.zeros((1, 4, 6), dtype=np.uint8)).words
        'uint8 (1, 4, 6), 0 to 0'
    """
    for kind, function in _DESCRIBERS:
        if isinstance(value, kind):
            return function(value)
    return Description(_cut(repr(value)), {"repr": repr(value)})


def _array(array: NDArray[Any]) -> Description:
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    low, high = (finite.min().item(), finite.max().item()) if finite.size else (None, None)
    if array.dtype == bool:
        count = int(np.count_nonzero(array))
        facts = {"dtype": "bool", "shape": list(array.shape), "true": count}
        return Description(f"bool {tuple(array.shape)}, true in {count:,} pixels", facts)
    missing = int(array.size - finite.size)
    shown = "nothing finite" if low is None else f"{low:.5g} to {high:.5g}"
    words = f"{array.dtype} {tuple(array.shape)}, {shown}"
    if missing:
        words += f", {missing:,} not finite"
    return Description(
        words,
        {
            "dtype": str(array.dtype),
            "shape": list(array.shape),
            "low": low,
            "high": high,
            "not_finite": missing,
        },
    )


def _prompts(prompts: Prompts) -> Description:
    box = None if prompts.box is None else [round(float(edge), 1) for edge in prompts.box]
    labels = prompts.point_labels.tolist()
    points = [[round(float(x), 1), round(float(y), 1)] for x, y in prompts.points]
    words = [] if box is None else [f"box {box}"]
    words += [
        f"point {point} labelled {label}" for point, label in zip(points, labels, strict=True)
    ]
    if prompts.prior is not None:
        words.append(f"coarse mask {_array(prompts.prior).words}")
    facts = {"box": box, "points": points, "labels": labels, "mask": prompts.has_mask}
    return Description(_cut("; ".join(words)), facts)


def _case(case: Case) -> Description:
    facts = {
        "id": case.id,
        "group": case.group,
        "files": [str(file) for file in case.files],
        "classes": {str(key): name for key, name in case.classes.items()},
        "split": case.split,
        "depth": case.depth,
        "spacing": case.spacing,
        "notes": list(case.notes),
        "labelled": case.read_objects is not None,
    }
    kind = "an image" if case.depth is None else f"a volume of {case.depth} slices"
    words = f"'{case.id}', {kind}, group '{case.group}', classes {facts['classes']}"
    return Description(_cut(words + "".join(f"; {note}" for note in case.notes)), facts)


def _statistics(statistics: CaseStatistics) -> Description:
    low, high = statistics.quantiles[:, 0].tolist(), statistics.quantiles[:, -1].tolist()
    mean, std = statistics.mean.tolist(), statistics.std.tolist()
    words = "; ".join(
        f"channel {number}: {one:.5g} to {other:.5g}, mean {middle:.5g}, deviation {spread:.5g}"
        for number, (one, other, middle, spread) in enumerate(
            zip(low, high, mean, std, strict=True)
        )
    )
    facts = {"dtype": statistics.dtype, "low": low, "high": high, "mean": mean, "std": std}
    return Description(_cut(words), facts)


def _dataclass(value: Facts | StrategyChoice) -> Description:
    facts = dataclasses.asdict(value)
    return Description(_cut(", ".join(f"{key} {facts[key]}" for key in facts)), facts)


def _values(section: BaseModel) -> Description:
    facts = section.model_dump(mode="json")
    return Description(_cut(", ".join(f"{key} {facts[key]}" for key in facts)), facts)


def _sequence(values: Sequence[object]) -> Description:
    """Cases, objects, prompts or files: how many, and what tells them apart."""
    first, count = (values[0] if values else None), len(values)
    if isinstance(first, Case):
        facts: dict[str, Any] = {"count": count, "first": describe(first).facts}
        cases = "1 case" if count == 1 else f"{count} cases"
        return Description(_cut(f"{cases}, the first {describe(first).words}"), facts)
    if isinstance(first, ObjectMask):
        return _objects([value for value in values if isinstance(value, ObjectMask)])
    if isinstance(first, Prompts):
        boxes = sum(isinstance(value, Prompts) and value.box is not None for value in values)
        words = f"{count} prompts, {boxes} with a box; the first: {describe(first).words}"
        return Description(_cut(words), {"count": count, "first": describe(first).facts})
    if isinstance(first, Path):
        sizes = {str(path): Path(str(path)).stat().st_size for path in values}
        words = ", ".join(f"{Path(path).name} ({sizes[path]:,} bytes)" for path in sizes)
        return Description(_cut(words), {"files": sizes})
    words = ", ".join(map(str, values)) or "none"
    return Description(_cut(words), {"count": count, "values": [str(value) for value in values]})


def _objects(objects: Sequence[ObjectMask]) -> Description:
    areas = [item.area for item in objects]
    classes = Counter(item.class_id for item in objects)
    facts = {
        "count": len(objects),
        "classes": {str(key): classes[key] for key in sorted(classes)},
        "image_size": list(objects[0].image_size),
        "areas": [min(areas), max(areas)],
    }
    words = (
        f"{len(objects)} objects in an image of {objects[0].image_size}, "
        f"{min(areas):,} to {max(areas):,} pixels, of class {facts['classes']}"
    )
    return Description(_cut(words), facts)


def _path(path: Path) -> Description:
    return Description(str(path), {"path": str(path)})


def _plain(value: object) -> Description:
    return Description(_cut(str(value)), {"value": value})


def _names(mapping: Mapping[Any, Any]) -> Description:
    names = sorted(map(str, mapping))
    return Description(_cut(", ".join(names) or "none"), {"names": names})


def _cut(words: str) -> str:
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"


_DESCRIBERS: tuple[tuple[Any, Callable[[Any], Description]], ...] = (
    (np.ndarray, _array),
    (Prompts, _prompts),
    (Case, _case),
    (CaseStatistics, _statistics),
    ((Facts, StrategyChoice), _dataclass),
    (BaseModel, _values),
    (Path, _path),
    ((str, int, float, type(None)), _plain),
    (Mapping, _names),
    (Sequence, _sequence),
)
"""Type → how it is described; the first that fits."""
