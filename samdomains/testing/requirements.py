"""What the conformance kit requires of cases, objects and prompts: failures say what to change."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from samdomains.discovery import (
    CORE_DISTRIBUTION,
    InstalledDomain,
    core_version,
    supported_range,
)
from samdomains.types import (
    Case,
    CaseStatistics,
    Image,
    Mask,
    ObjectMask,
    Prompts,
    RawImage,
    Size,
    Split,
    Window,
)

SMALLEST = 4096
"""Bytes of pixels below which a case's own paths and names may take as much."""


def require(fits: bool, message: str) -> None:
    """Fail the test with a message alone, without a traceback of the kit."""
    if not fits:
        pytest.fail(message, pytrace=False)


def require_range(domain: InstalledDomain) -> None:
    """The distribution of a plugin bounds the versions of samdomains on both sides."""
    if domain.distribution == CORE_DISTRIBUTION:
        return
    signs = {sign for sign in ("<", ">", "==", "~=") if sign in domain.requires}
    require(
        {"<", ">"} <= signs or bool({"==", "~="} & signs),
        f"{domain.distribution} requires samdomains '{domain.requires}', without a bound on both "
        f'sides; put "samdomains{supported_range(core_version())}" among the dependencies in '
        "pyproject.toml, and install it again",
    )


def require_declared(case: Case) -> None:
    """The fields of a case have their types and allowed values, and its files are there."""
    start = f"load_cases gives a case {case.id!r}"
    require(isinstance(case.id, str) and case.id != "", f"{start}; give it an id, as text")
    require(
        isinstance(case.group, str) and case.group != "",
        f"{start} of the group {case.group!r}; name the patient, scene or slide, or repeat the id",
    )
    named = isinstance(case.classes, Mapping) and all(
        isinstance(key, int) and isinstance(name, str) and name
        for key, name in case.classes.items()
    )
    require(
        named and bool(case.classes),
        f"{start} with classes {case.classes!r}; give a mapping of numbers to names",
    )
    splits = (None, *get_args(Split))
    require(case.split in splits, f"{start} with split {case.split!r}; allowed: {splits}")
    missing = [file for file in case.files if not (isinstance(file, Path) and file.exists())]
    require(not missing, f"{start} with files {missing}; name existing files, as Path")
    require(
        case.depth is None or (isinstance(case.depth, int) and case.depth > 0),
        f"{start} of depth {case.depth!r}; a volume has a whole number of slices, an image None",
    )
    spacing = case.spacing
    require(
        spacing is None or (len(spacing) == 3 and all(0 < s < math.inf for s in spacing)),
        f"{start} with spacing {spacing!r}; give (Z, Y, X) in millimetres, or None if unknown",
    )


def require_light(case: Case, pixels: RawImage) -> None:
    """A case is what says how to read an image, not the image."""
    size = len(pickle.dumps(case))
    require(
        size < max(pixels.nbytes, SMALLEST),
        f"load_cases: '{case.id}' takes {size} bytes, its pixels {pixels.nbytes}: it carries "
        "them. Keep the path, and read in read_pixels, so that ten thousand images can be listed",
    )


def require_pixels(part: Case, pixels: RawImage) -> None:
    """(C, H, W), real, not infinite, and something to see."""
    require(
        pixels.ndim == 3 and pixels.dtype.kind in "uif",
        f"{part.id}: pixels must be real and (C, H, W) (a volume's (C, Z, H, W)), got "
        f"{pixels.dtype} of shape {pixels.shape}; change read_pixels",
    )
    if pixels.dtype.kind == "f":
        require(
            not np.isinf(pixels).any() and bool(np.isfinite(pixels).any()),
            f"{part.id}: pixels are infinite, or none is finite; read_pixels gives NaN where "
            "nothing was measured, and raises a DataError where a file is damaged",
        )


def require_object(part: Case, item: ObjectMask, size: Size) -> None:
    """An object lies in its image and has a named class."""
    inside = item.image_size == size and item.crop.dtype == bool
    y, x = item.origin
    inside = inside and y >= 0 and x >= 0
    inside = inside and y + item.crop.shape[0] <= size[0] and x + item.crop.shape[1] <= size[1]
    require(
        inside,
        f"{part.id}: an object of image size {item.image_size} at {item.origin} with a crop of "
        f"{item.crop.dtype} {item.crop.shape} does not lie in its image, which is {size}; make "
        "objects with ObjectMask.from_mask, of masks in the pixels' own frame",
    )
    require(
        item.class_id in part.classes,
        f"{part.id}: an object has class {item.class_id}, and the case names "
        f"{dict(part.classes)}; name every class in Case.classes",
    )


def require_windows(case: Case, pixels: RawImage) -> None:
    """What ``windows`` reads is the part of the whole that it is asked for."""
    if case.windows is None:
        return
    size = (pixels.shape[1], pixels.shape[2])
    require(
        case.windows.size == size,
        f"{case.id}: windows.size is {case.windows.size}, the image is {size}, as (H, W)",
    )
    window = Window(size[0] // 4, size[1] // 3, size[0] // 2, size[1] // 3 * 2)
    part = case.windows.read(window)
    require(
        np.array_equal(
            part, pixels[(slice(None), *window.slices)], equal_nan=part.dtype.kind == "f"
        ),
        f"{case.id}: windows.read gives other pixels than read_pixels; rows {window.y0} to "
        f"{window.y1} and columns {window.x0} to {window.x1} were asked for, ends exclusive",
    )


def require_slices(volume: Case) -> None:
    """What ``slices`` gives one at a time is what ``read_pixels`` gives at once."""
    if volume.depth is None or volume.slices is None:
        return
    whole, seen = volume.read_pixels(), []
    for number, pixels in volume.slices.pixels():
        seen.append(number)
        same = np.array_equal(pixels, whole[:, number], equal_nan=pixels.dtype.kind == "f")
        require(same, f"{volume.id}: slices gives another slice {number} than read_pixels does")
    require(
        sorted(seen) == list(range(volume.depth)),
        f"{volume.id}: slices gives the numbers {sorted(seen)[:5]}…; give each from 0 to "
        f"{volume.depth - 1} once",
    )


def require_normal(part: Case, image: Image, pixels: RawImage) -> None:
    """A normalised image: (3, H, W) float32, finite, in [0, 1]."""
    require(
        image.shape == (3, *pixels.shape[1:]) and image.dtype == np.float32,
        f"{part.id}: the normaliser must give float32 (3, H, W), got {image.dtype} {image.shape}",
    )
    require(
        bool(np.isfinite(image).all()) and image.min() >= 0 and image.max() <= 1,
        f"{part.id}: the normalised image must be finite and in [0, 1]; clip it",
    )


def require_well_made(prompts: Prompts, size: Size, who: str) -> None:
    """The arrays of a prompt have the declared dtypes and values, and lie in the image."""
    require(
        isinstance(prompts, Prompts), f"{who} gives {type(prompts).__name__}; it must give Prompts"
    )
    labels = prompts.point_labels
    require(
        prompts.points.dtype == np.float32 and labels.dtype == np.int64,
        f"{who} gives points of {prompts.points.dtype} and labels of {labels.dtype}; "
        "they must be float32 and int64",
    )
    require(
        bool(np.isin(labels, (0, 1)).all()),
        f"{who} labels points {np.unique(labels).tolist()}; 1 is on the object, 0 beside it",
    )
    if prompts.box is not None:
        require(
            prompts.box.dtype == np.float32,
            f"{who} gives a box of {prompts.box.dtype}; it must be float32",
        )
    if prompts.prior is not None:
        require(
            prompts.prior.shape == size and bool(np.isfinite(prompts.prior).all()),
            f"{who} gives a prior of {prompts.prior.shape}; it must be finite and {size}, as the "
            "image",
        )
    _require_in_image(prompts, size, who)


def require_on_object(prompts: Prompts, mask: Mask, who: str) -> None:
    """Clicks labelled 1 lie on the object, the others beside it, and a box meets it."""
    require_well_made(prompts, (mask.shape[0], mask.shape[1]), who)
    columns, rows = np.floor(prompts.points).astype(int).T.reshape(2, -1)
    require(
        bool((mask[rows, columns] == (prompts.point_labels == 1)).all()),
        f"{who} clicks beside the object with label 1, or on it with label 0; points are (x, y)",
    )
    if prompts.box is not None:
        x0, y0, x1, y1 = np.clip(np.rint(prompts.box), 0, None).astype(int)
        require(
            bool(mask[y0:y1, x0:x1].any()), f"{who}'s box misses its object; it is x0, y0, x1, y1"
        )


def require_same(first: Prompts, second: Prompts, who: str) -> None:
    """Two prompts are equal to the last bit."""
    same = all(
        np.array_equal(np.array(one, dtype=float), np.array(other, dtype=float), equal_nan=True)
        for one, other in (
            (first.points, second.points),
            (first.point_labels, second.point_labels),
            (first.box, second.box),
            (first.prior, second.prior),
        )
    )
    require(same, f"{who} gives other prompts with the same seed; use only the rng it is given")


def blank_case(pixels: RawImage) -> Case:
    """A case whose image is ``pixels``, without annotation."""
    return Case("blank", "blank", lambda: pixels, None, {1: "object"})


def require_blank_is_normal(
    normalizer: Callable[[RawImage, CaseStatistics], Image],
    pixels: RawImage,
    statistics: CaseStatistics,
) -> None:
    """Blank images occur in every data set; they must not divide by zero."""
    with np.errstate(all="ignore"):
        image = normalizer(pixels, statistics)
    require(
        bool(np.isfinite(image).all()),
        "the normaliser makes NaN of a constant image; guard the division",
    )


def places(objects: Sequence[ObjectMask]) -> list[tuple[object, ...]]:
    """What tells objects apart, whatever their order: slice, place and pixels."""
    return sorted((item.slice_index or 0, item.origin, item.crop.tobytes()) for item in objects)


def files_of(folder: Path) -> dict[str, bytes]:
    """Relative path → content of every file below a folder, or of the one file that it is."""
    root = folder if folder.is_dir() else folder.parent
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def _require_in_image(prompts: Prompts, size: Size, who: str) -> None:
    limits = np.array([size[1], size[0]])
    inside = bool((prompts.points >= 0).all() and (prompts.points < limits).all())
    if prompts.box is not None:
        corners = prompts.box.reshape(2, 2)
        inside = inside and bool((corners[0] < limits).all() and (corners[1] > 0).all())
    require(
        inside,
        f"{who} gives a prompt that lies outside of its image of {size}, as (H, W): {prompts}",
    )
