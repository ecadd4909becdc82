"""Checks of the shapes of masks: coarse borders, holes, stray parts, objects annotated twice."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.audit.findings import Finding, PixelBox, about_all, about_mask
from samdomains.audit.looks import label_map
from samdomains.audit.masks import numbered, pixel_box
from samdomains.audit.mending import PIN_HOLE, pin_holes_of
from samdomains.data.duplicates import iou
from samdomains.data.naming import name_some
from samdomains.types import Case, Mask, ObjectMask

LEAST_RUNS = 24
"""Straight pieces of border below which nothing is said of its steps."""

LEAST_RUNS_EACH = 8.0
"""The same for each connected part: boxes along the axes have four and are no coarse masks."""

MOST_SINGLE = 0.1
"""Share of pieces one pixel long up to which a border is coarse. Borders drawn at the image's
resolution have 0.2 to 0.7 on the shared data sets; drawn at half of it or less, below 0.08."""

LEAST_COARSE = 5
"""Images with coarse borders from which they may be the way of the whole set."""

LEAST_SURPRISE = 10.0
"""Minus the log of the chance that borders lie on a grid, so that it is none."""

COARSEST = 32
"""Pixels; longer steps are the sides of what is drawn."""

STRAY_SHARE = 0.05
"""Share of an object up to which a part apart from it is taken for a slip of the mouse."""

SAME_OBJECT = 0.7
"""IoU from which two objects of one class are the same thing."""

LEAST_AREA = 16
"""Pixels; smaller objects may cover each other by chance."""

_EIGHT = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True, slots=True)
class _Holes:
    """Pin holes of one object: how many, and the box of the first."""

    count: int
    box: PixelBox


def check_coarse_border(case: Case, objects: Sequence[ObjectMask]) -> Iterator[Finding]:
    """A warning where borders go in steps of several pixels: drawn at a lower resolution.

    Args:
        case: An image, slice or tile.
        objects: Of the image, all of one size.
    """
    step = border_step(label_map(objects, objects[0].image_size)) if objects else 1
    if step > 1:
        yield about_mask(
            case,
            "warning",
            f"the borders go in steps of {step} px, as if drawn at 1/{step} of the image's size",
            "Annotate at the image's resolution, or smooth the masks; a model learns the steps.",
            check="blocky_border",
            badness=min(0.9, 0.3 + 0.1 * step),
        )


def told_once(findings: Sequence[Finding], images: int) -> list[Finding]:
    """The findings, with those of coarse borders as one where most images have them.

    Args:
        findings: Of all images.
        images: Number of annotated images.
    """
    coarse = [finding for finding in findings if finding.check == "blocky_border"]
    if len(coarse) < LEAST_COARSE or len(coarse) <= images / 2:
        return list(findings)
    names = name_some([finding.case for finding in coarse])
    whole = about_all(
        "warning",
        f"the borders of {len(coarse)} of {images} images go in steps of several pixels, as if "
        f"drawn at a lower resolution: {names}",
        "Annotate at the image's resolution, or smooth the masks; a model learns the steps.",
        check="blocky_border",
        badness=max(finding.badness for finding in coarse),
    )
    return [*(finding for finding in findings if finding.check != "blocky_border"), whole]


def border_step(labels: NDArray[np.int32]) -> int:
    """The length of the steps that borders go in, 1 where they follow single pixels.

    Args:
        labels: (H, W), 0 for background.

    Example:
        >>> disk = np.hypot(*np.mgrid[-20:20, -20:20]) < 15
        >>> border_step(np.kron(disk[::2, ::2], np.ones((2, 2))).astype(np.int32))
        2
    """
    on_grid = _grid_step(labels)
    if on_grid > 1:
        return on_grid
    runs = np.concatenate([_runs(labels), _runs(labels.T)])
    if len(runs) < LEAST_RUNS or np.mean(runs == 1) > MOST_SINGLE:
        return 1
    parts = ndimage.label(labels > 0, structure=_EIGHT)[1]
    step = int(np.quantile(runs, 0.1, method="nearest"))
    is_drawn = len(runs) < LEAST_RUNS_EACH * parts or step > COARSEST
    return 1 if is_drawn else step


def _grid_step(labels: NDArray[np.int32]) -> int:
    """The step of the grid on which all borders lie; 1 where there is none but by chance."""
    columns = np.flatnonzero((labels[:, 1:] != labels[:, :-1]).any(axis=0)) + 1
    rows = np.flatnonzero((labels[1:] != labels[:-1]).any(axis=1)) + 1
    if len(columns) == 0 or len(rows) == 0:
        return 1
    # The step divides all distances between places of one direction.
    step = math.gcd(*(int(gap) for places in (columns, rows) for gap in np.diff(places)))
    if not 1 < step <= COARSEST:
        return 1
    chance = (len(columns) + len(rows) - 2) * math.log(step)
    return step if chance >= LEAST_SURPRISE else 1


def _runs(labels: NDArray[np.int32]) -> NDArray[np.intp]:
    """Lengths of the straight vertical pieces of border, those in the image's corners left out."""
    steps = np.pad(labels[:, 1:] != labels[:, :-1], ((1, 1), (0, 0))).astype(np.int8)
    changes = np.diff(steps, axis=0).T  # column by column
    starts, ends = np.nonzero(changes == 1), np.nonzero(changes == -1)
    # A piece that reaches the image's border goes on outside of it.
    inside = (starts[1] > 0) & (ends[1] < labels.shape[0])
    lengths: NDArray[np.intp] = (ends[1] - starts[1])[inside]
    return lengths


def check_holes(case: Case, objects: Sequence[ObjectMask]) -> Iterator[Finding]:
    """A warning where objects have holes of a few pixels."""
    found = [
        (index, holes)
        for index, item in numbered(objects)
        if (holes := _pin_holes(item)) is not None
    ]
    if found:
        count = sum(holes.count for _, holes in found)
        index, first = max(found, key=lambda pair: pair[1].count)
        yield about_mask(
            case,
            "warning",
            f"{len(found)} of {len(numbered(objects))} objects have holes of at most {PIN_HOLE} "
            f"pixels, {count} in all",
            "Fill them, unless they are meant.",
            check="holes",
            badness=0.2 + 0.4 * count / (count + 20),
            object_index=index,
            box=first.box,
            fix="fill_holes",
        )


def _pin_holes(item: ObjectMask) -> _Holes | None:
    labels, count = ndimage.label(pin_holes_of(item))
    if count == 0:
        return None
    rows, columns = ndimage.find_objects(labels)[0]
    y, x = item.origin
    box = (x + columns.start, y + rows.start, x + columns.stop, y + rows.stop)
    return _Holes(count, box)


def check_stray_parts(
    case: Case, objects: Sequence[ObjectMask], minimum_area: int
) -> Iterator[Finding]:
    """A warning where an object has a small part apart from the rest of it.

    Args:
        case: An image, slice or tile.
        objects: Of the image.
        minimum_area: Parts of fewer pixels are specks, which ``check_specks`` finds.
    """
    found = [
        (index, item, stray)
        for index, item in numbered(objects)
        if (stray := _stray(item, minimum_area)) is not None
    ]
    if found:
        index, item, stray = found[0]
        part = ObjectMask.from_mask(stray)
        y, x = item.origin[0] + part.origin[0], item.origin[1] + part.origin[1]
        yield about_mask(
            case,
            "warning",
            f"{len(found)} of {len(numbered(objects))} objects have small parts apart from the "
            "rest of them",
            "Remove what is a slip of the mouse, and give what is another object a value of its "
            "own.",
            check="stray_parts",
            badness=min(0.6, 0.3 + 0.3 * len(found) / len(objects)),
            object_index=index,
            box=pixel_box(replace(part, origin=(y, x))),
        )


def _stray(item: ObjectMask, minimum_area: int) -> Mask | None:
    """(h, w) of the first small part of an object whose other parts are one."""
    labels, count = ndimage.label(item.crop, structure=_EIGHT)
    if count < 2:
        return None
    areas = np.bincount(labels.ravel())[1:]
    small = np.flatnonzero(areas <= STRAY_SHARE * areas.max())
    strays = small[areas[small] >= minimum_area]
    # An object of many parts is drawn so: all pixels of a class together, or fine twigs.
    if len(small) < count - 1 or len(strays) == 0:
        return None
    stray: Mask = labels == strays[0] + 1
    return stray


def check_objects_twice(case: Case, objects: Sequence[ObjectMask]) -> Iterator[Finding]:
    """A warning where two objects of one class are the same thing."""
    items = [pair for pair in numbered(objects) if pair[1].area >= LEAST_AREA]
    boxes = np.array([item.box for _, item in items]).reshape(-1, 4)
    twice = []
    for place, (_, item) in enumerate(items):
        later = boxes[place + 1 :]
        near = np.flatnonzero(_box_iou(boxes[place], later) > 0.5 * SAME_OBJECT)
        for index, rival in (items[place + 1 + step] for step in near):
            if item.class_id == rival.class_id and iou(item, rival) >= SAME_OBJECT:
                twice.append((index, rival))
    if twice:
        index, first = min(twice, key=lambda pair: pair[0])
        yield about_mask(
            case,
            "warning",
            f"{len(twice)} of {len(items)} objects cover another of their class nearly whole",
            "Keep one of them, since each is learnt from and scored by itself.",
            check="object_twice",
            badness=0.7,
            object_index=index,
            box=pixel_box(first),
        )


def _box_iou(box: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N,): IoU of a box with others."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) + np.prod(box[2:] - box[:2])
    result: NDArray[np.float32] = common / (areas - common)
    return result
