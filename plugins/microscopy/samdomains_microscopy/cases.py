"""Listing pictures, z-stacks and time series with their label files.

What the core reads by itself (single pictures with masks of the same names, COCO JSON) is left to
it. Here are stacks, names such as ``cells.ome.tif``, and label maps in several layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from samdomains.plugin import (
    Case,
    DataError,
    RawImage,
    RawVolume,
    Recipe,
    find_coco,
    image_file,
    load_images,
    load_source,
    plain_stem,
    with_metadata,
)
from samdomains_microscopy._label_files import (
    LAYOUT,
    Labels,
    find_label_folder,
    the_core_pairs,
)
from samdomains_microscopy.calibration import read_calibration
from samdomains_microscopy.stacks import TIFF_SUFFIXES, TiffStack, find_stack

IMAGES = "images"


@dataclass(frozen=True)
class StackPixels:
    """Reads one time point of a stack. Hashable.

    Attributes:
        stack: The file.
        time: Number of the time point, from 0.
    """

    stack: TiffStack
    time: int

    def __call__(self) -> RawImage | RawVolume:
        """(C, Z, H, W) as stored; (C, H, W) where there is one slice."""
        pixels = self.stack.intensities(self.time)
        return pixels if self.stack.length("Z") > 1 else pixels[:, 0]


def load_any(source: Path, recipe: Recipe) -> Sequence[Case]:
    """List the cases of a source without reading a pixel.

    A z-stack is a volume. Each time point of a series is a case of its own, ``<name>_t000`` and so
    on, in the group of its file; ``splits.json`` and ``groups.json`` name files, without suffix.

    Args:
        source: A folder with ``images/`` and label files of the same names in ``labels/`` or
            ``masks/``; for prediction an image or a folder of images; or what the core reads.
        recipe: ``recipe.data`` says what the values of label files mean, ``recipe.volume.spacing``
            the size of voxels in files that do not say it.

    Raises:
        DataError: Files are missing, superfluous or damaged, or labels do not fit their image.
    """
    tiffs, folder = _tiffs(source), find_label_folder(source)
    coco = find_coco(source) if folder is None and source.is_dir() else None
    stacks = {path: stack for path in tiffs if (stack := find_stack(path))}
    if not stacks and (coco or the_core_pairs(tiffs, folder)):
        return load_source(source, recipe.data)
    if coco:
        raise DataError(coco, "COCO JSON describes single pictures, and not stacks", LAYOUT)
    images = [_renamed(case) for case in load_images(source)]
    labels = None if folder is None else Labels.of(folder, recipe.data)
    if labels is not None:
        labels.require_pairs({case.id: stacks.get(image_file(case)) for case in images})
        images = [labels.announced(case) for case in images]
    if source.is_dir():
        images = list(with_metadata(source, images))
    cases: list[Case] = []
    for case in images:
        stack = stacks.get(image_file(case))
        if stack is None:
            cases.append(_annotated(case, labels))
        else:
            cases += _time_points(case, stack, labels, recipe)
    return cases


def _tiffs(source: Path) -> list[Path]:
    """The TIFF files among the images that a source names."""
    if source.is_file():
        files = [source]
    else:
        inner = source / IMAGES
        folder = inner if inner.is_dir() else source
        files = sorted(folder.iterdir()) if folder.is_dir() else []
    return [
        path
        for path in files
        if path.suffix.lower() in TIFF_SUFFIXES and path.name[0] != "." and path.is_file()
    ]


def _renamed(case: Case) -> Case:
    """The case by the name of its file without either suffix of ``.ome.tif``."""
    name = plain_stem(image_file(case))
    return replace(case, id=name, group=name)


def _annotated(case: Case, labels: Labels | None) -> Case:
    """A single picture with its objects."""
    if labels is None:
        return case
    return replace(case, read_objects=labels.of_picture(case.id))


def _time_points(
    case: Case, stack: TiffStack, labels: Labels | None, recipe: Recipe
) -> Iterator[Case]:
    """Each time point of a stack, a volume where it has slices."""
    slices = stack.length("Z")
    spacing = None
    if slices > 1:
        spacing = read_calibration(stack.path).voxel_size() or recipe.volume.spacing
    names = stack.names_in_time(case.id)
    annotations = [None] * len(names) if labels is None else labels.of_stack(case.id, stack)
    for time, (name, annotation) in enumerate(zip(names, annotations, strict=True)):
        yield replace(
            case,
            id=name,
            read_pixels=StackPixels(stack, time),
            read_objects=annotation,
            depth=slices if slices > 1 else None,
            spacing=spacing,
        )
