"""Writers of segmentations: instance label TIFF, and COCO JSON for single pictures and slices."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samdomains.plugin import (
    Case,
    CocoJsonWriter,
    ObjectMask,
    file_stem,
    image_file,
    write_text,
)
from samdomains_microscopy.calibration import read_calibration

MOST_UINT16 = 2**16 - 1
MOST_UINT32 = 2**32 - 1


@dataclass(frozen=True)
class InstanceTiffWriter:
    """Writes ``<id>.tif``: 0 is background, every other value one object; uint16, or uint32.

    The file is of the input's kind (OME-TIFF, ImageJ or plain) and keeps the size of its pixels.
    The cross-sections of one object of a volume share a value.

    A pixel has one value. Where objects overlap, the smaller lies over the larger, a nucleus over
    its cell; what it covers stands in ``layer2/<id>.tif`` under the same value, and so on. An
    object is every pixel of its value in all layers; ``load_cases`` reads them so.

    Where there are several classes, ``<id>_classes.csv`` names that of each value.
    """

    def __call__(self, case: Case, objects: Sequence[ObjectMask], out: Path) -> Sequence[Path]:
        """Write the objects of one case under the folder ``out``; returns the files.

        Raises:
            DataError: The id of the case is no file name.
        """
        stem, values = file_stem(case), object_values(objects)
        layers = paint(objects, values, _shape(case, objects))
        calibration = read_calibration(image_file(case))
        title = ", ".join(case.classes.values())
        paths = [layer_path(out, stem, number) for number in range(1, len(layers) + 1)]
        for path, layer in zip(paths, layers, strict=True):
            calibration.save(path, layer, title)
        if len(case.classes) > 1:
            paths.append(out / f"{stem}_classes.csv")
            _write_classes(paths[-1], case, objects, values)
        return paths


@dataclass(frozen=True)
class CocoSliceWriter:
    """Writes ``<id>.json``, COCO JSON of one image; of a volume one file for each slice.

    A slice's file is ``<id>@<number>.json``.
    """

    def __call__(self, case: Case, objects: Sequence[ObjectMask], out: Path) -> Sequence[Path]:
        """Write the objects of one case under the folder ``out``; returns the files.

        Raises:
            DataError: The id of the case is no file name.
        """
        write = CocoJsonWriter()
        if case.depth is None:
            return write(case, objects, out)
        digits = len(str(case.depth - 1))
        paths: list[Path] = []
        for index in range(case.depth):
            part = replace(case, id=f"{case.id}@{index:0{digits}d}", depth=None)
            here = [item for item in objects if item.slice_index == index]
            paths += write(part, here, out)
        return paths


def layer_path(folder: Path, stem: str, number: int) -> Path:
    """The label map of one layer, counted from 1."""
    return folder / f"{stem}.tif" if number == 1 else folder / f"layer{number}" / f"{stem}.tif"


def object_values(objects: Sequence[ObjectMask]) -> list[int]:
    """The value of each object, or cross-section, in a label map.

    That is its ``instance``, where all have one that a label map can hold, so that numbers are
    kept; otherwise they are counted from 1 in the order in which instances appear.

    Example:
        >>> pixel = np.ones((1, 1), dtype=bool)
        >>> cells = [ObjectMask(pixel, (0, x), (1, 9), instance=n) for x, n in enumerate([7, 3, 7])]
        >>> object_values(cells)
        [7, 3, 7]
        >>> object_values([ObjectMask(pixel, (0, 0), (1, 9)), ObjectMask(pixel, (0, 1), (1, 9))])
        [1, 2]
    """
    if all(1 <= item.instance <= MOST_UINT32 for item in objects):
        return [item.instance for item in objects]
    numbers: dict[object, int] = {}
    return [
        # Instance 0 is none: such objects are of their own, told apart by their place in the list.
        numbers.setdefault(item.instance or ("alone", place), len(numbers) + 1)
        for place, item in enumerate(objects)
    ]


def paint(
    objects: Sequence[ObjectMask], values: Sequence[int], shape: tuple[int, ...]
) -> list[NDArray[np.uint16] | NDArray[np.uint32]]:
    """Lay objects over each other, the largest first.

    Args:
        objects: Of one image, or cross-sections of a volume.
        values: Of each.
        shape: (H, W) or (Z, H, W).

    Returns:
        The layers, at least one, of ``shape``. The first shows the topmost object at each pixel,
        the second what lies under it, and so on.
    """
    dtype = np.uint16 if max(values, default=0) <= MOST_UINT16 else np.uint32
    layers = [np.zeros(shape, dtype=dtype)]
    sizes: dict[int, int] = {}
    for item, value in zip(objects, values, strict=True):
        sizes[value] = sizes.get(value, 0) + item.area
    order = sorted(range(len(objects)), key=lambda place: -sizes[values[place]])
    for place in order:
        _lay(layers, objects[place], values[place])
    return layers


def _lay(
    layers: list[NDArray[np.uint16] | NDArray[np.uint32]], item: ObjectMask, value: int
) -> None:
    """Put one object on top; what it covers goes a layer down."""
    (y, x), (height, width) = item.origin, item.crop.shape
    window = (slice(y, y + height), slice(x, x + width))
    place = window if item.slice_index is None else (item.slice_index, *window)
    falling = np.where(item.crop, value, 0).astype(layers[0].dtype)
    for number in range(len(layers) + 1):
        if number == len(layers):
            layers.append(np.zeros_like(layers[0]))
        view = layers[number][place]
        covered = np.where(falling != 0, view, 0)
        np.copyto(view, falling, where=falling != 0)
        falling = covered
        if not falling.any():
            return


def _shape(case: Case, objects: Sequence[ObjectMask]) -> tuple[int, ...]:
    """(H, W) or (Z, H, W); pixels are read only where there is no object to tell."""
    size = objects[0].image_size if objects else case.read_pixels().shape[-2:]
    return (*size,) if case.depth is None else (case.depth, *size)


def _write_classes(
    path: Path, case: Case, objects: Sequence[ObjectMask], values: Sequence[int]
) -> None:
    """A row for each value, in rising order: value, class id and class name."""
    classes = {value: item.class_id for value, item in zip(values, objects, strict=True)}
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["value", "class_id", "class"])
    for value, class_id in sorted(classes.items()):
        table.writerow([value, class_id, case.classes.get(class_id, "")])
    write_text(path, text.getvalue())
