"""COCO run-length encoding, straight between runs and the crop of one object.

pycocotools decodes to full-size masks, which takes minutes for an image with thousands of objects.

Reference:
    The encoding: ``maskApi.c`` of https://github.com/cocodataset/cocoapi. Runs follow the columns,
    background first. Compressed, each run but the first three is a difference to the one two
    before it, in groups of five bits, low bits first, each as one character from ``0`` on.
"""

from __future__ import annotations

import math
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from samdomains.types import ObjectMask, Size

_FIRST_CHARACTER = 48
_MORE = 0x20
_VALUE = 0x1F
_SIGN = 0x10
_MOST_GROUPS = 8
"""40 bits, far beyond the pixels of any image."""


class CompressedRle(TypedDict):
    """A mask as COCO's JSON holds it: ``size`` is [H, W]."""

    size: list[int]
    counts: str


def runs_from_text(text: str) -> NDArray[np.int64]:
    """Lengths of the runs, background first, from compressed RLE.

    Raises:
        ValueError: The text is no compressed RLE.

    Example:
        >>> runs_from_text("32").tolist()
        [3, 2]
    """
    codes = np.frombuffer(text.encode("utf-8"), dtype=np.uint8).astype(np.int64)
    codes -= _FIRST_CHARACTER
    if codes.size == 0 or codes.min() < 0 or codes.max() >= 2 * _MORE or codes[-1] & _MORE:
        raise ValueError("the text is no compressed RLE")
    ends = np.flatnonzero((codes & _MORE) == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > _MOST_GROUPS:
        raise ValueError("the text is no compressed RLE")
    shifts = 5 * (np.arange(codes.size) - np.repeat(starts, lengths))
    numbers = np.add.reduceat((codes & _VALUE) << shifts, starts)
    numbers -= np.where(codes[ends] & _SIGN, 1 << (5 * lengths), 0)
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers


def object_from_runs(
    runs: NDArray[np.int64], size: Size, *, class_id: int, crowd: bool
) -> ObjectMask | None:
    """The object that runs describe, or None if no pixel is inside.

    Args:
        runs: Lengths along the columns, background first.
        size: (H, W) of the image.
        class_id: Category id.
        crowd: Whether the region stands for uncounted objects.

    Raises:
        ValueError: The runs do not add up to the image.
    """
    height, width = size
    pixels = height * width
    if runs.size == 0 or runs.min() < 0 or runs.max() > pixels or runs.sum() != pixels:
        raise ValueError(f"the runs do not add up to {width} x {height} pixels")
    stops = np.cumsum(runs)[1::2]
    starts = stops - runs[1::2]
    inside = stops > starts
    if not inside.any():
        return None
    x0, x1 = int(starts[inside][0]) // height, (int(stops[inside][-1]) - 1) // height + 1
    borders = np.clip(np.concatenate([[0], np.cumsum(runs)]), x0 * height, x1 * height)
    lengths = np.diff(borders)
    strip = np.repeat(np.arange(lengths.size) % 2 == 1, lengths).reshape(x1 - x0, height).T
    rows = np.flatnonzero(strip.any(axis=1))
    y0, y1 = int(rows[0]), int(rows[-1]) + 1
    return ObjectMask(np.ascontiguousarray(strip[y0:y1]), (y0, x0), size, class_id, crowd)


def rle_from_object(obj: ObjectMask) -> CompressedRle:
    """Compressed RLE of an object's full-size mask."""
    height, width = obj.image_size
    y, x = obj.origin
    strip = np.zeros((obj.crop.shape[1], height), dtype=np.int8)
    strip[:, y : y + obj.crop.shape[0]] = obj.crop.T
    borders = np.flatnonzero(np.diff(strip.ravel(), prepend=0, append=0)) + x * height
    runs = np.diff(borders, prepend=0, append=math.prod(obj.image_size))
    counts = (runs[:-1] if runs[-1] == 0 else runs).tolist()
    size = [height, width]
    compressed = coco_mask.frPyObjects({"size": size, "counts": counts}, height, width)
    return {"size": size, "counts": compressed["counts"].decode("ascii")}
