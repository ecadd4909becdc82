"""Listing scenes with their labels.

What the core reads by itself (plain pictures with masks, COCO JSON) is left to it. Here are TIFFs,
which GDAL reads, their labels on the ground, and ``instances/``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from samdomains.plugin import (
    IMAGE_SUFFIXES,
    Case,
    DataError,
    RawImage,
    Recipe,
    find_coco,
    image_file,
    load_images,
    load_source,
    name_some,
    read_pixels,
    with_metadata,
)
from samdomains_satellite.annotations import Scene
from samdomains_satellite.geojson import SUFFIX
from samdomains_satellite.labels import RasterLabels
from samdomains_satellite.polygon_labels import PolygonLabels
from samdomains_satellite.rasters import (
    TIFF_SUFFIXES,
    Raster,
    find_raster,
    float_for,
    with_content,
)

IMAGES = "images"

RASTER_FOLDERS = ("instances", "labels", "masks")
"""Folders of label rasters. The first that exists counts: instances say more than a mask."""

CORE_FOLDERS = ("labels", "masks")
"""Those that the core knows."""

GEOJSON_FOLDER = "labels"

Labels = RasterLabels | PolygonLabels


@dataclass(frozen=True)
class PictureWithNodata:
    """Reads a plain picture in which a value means that there is nothing.

    Attributes:
        path: The file.
        nodata: The value.
    """

    path: Path
    nodata: float

    def __call__(self) -> RawImage:
        """(C, H, W), NaN where there is nothing.

        Raises:
            DataError: The file is damaged, or there is nothing anywhere.
        """
        stored = read_pixels(self.path)
        pixels: RawImage = stored.astype(float_for(stored.dtype))
        pixels[stored == self.nodata] = np.nan
        return with_content(self.path, pixels)


@dataclass(frozen=True)
class Unreadable:
    """Stands for the pixels of a file that cannot be read, and says so when they are asked for."""

    path: Path
    problem: str
    remedy: str

    def __call__(self) -> RawImage:
        """Raises the error."""
        raise DataError(self.path, self.problem, self.remedy)


def load_any(source: Path, recipe: Recipe) -> Sequence[Case]:
    """List the cases of a source by headers alone.

    Args:
        source: A folder with ``images/`` and labels (see the README); a GeoJSON file beside
            ``images/``; for prediction an image or a folder of images; or what the core reads.
        recipe: ``recipe.data`` says what label rasters mean, and which value is nodata.

    Returns:
        The cases. A TIFF has ``windows``, and ``geometry`` (a ``Position``) where it says where it
        lies. What was noticed stands in ``notes``, the same once for all cases.

    Raises:
        DataError: Files are missing, superfluous or damaged, or labels do not fit their image.
    """
    labels, notes = _find_labels(source, recipe)
    nodata = recipe.data.nodata
    if labels is None:
        found = load_source(source, recipe.data)
        cases: Sequence[Case] = [_readable(case, nodata) for case in found]
    else:
        folder = source.parent if source.is_file() else source
        images = load_images(folder)
        scenes = {case.id: _scene(image_file(case), nodata) for case in images}
        placed = [_placed(case, scenes[case.id], nodata) for case in images]
        cases = with_metadata(folder, labels.annotated(placed, scenes))
    return _said_once([replace(cases[0], notes=cases[0].notes + notes), *cases[1:]])


def _find_labels(source: Path, recipe: Recipe) -> tuple[Labels | None, tuple[str, ...]]:
    """The labels of a source, None where the core reads it; and what is left aside, as a note."""
    if source.suffix.lower() == SUFFIX and source.is_file():
        return PolygonLabels.of_file(source), ()
    if not source.is_dir():
        return None, ()
    folders = [source / name for name in RASTER_FOLDERS if _holds(source / name, IMAGE_SUFFIXES)]
    files = sorted(source.glob(f"[!.]*{SUFFIX}"))
    polygons = [source / GEOJSON_FOLDER] if _holds(source / GEOJSON_FOLDER, (SUFFIX,)) else []
    names = [f"{folder.name}/" for folder in folders]
    names += [f"{folder.name}/*{SUFFIX}" for folder in polygons] + [path.name for path in files]
    coco = find_coco(source)
    if coco is not None and names:
        problem = f"there are both {names[0]} and the COCO JSON {coco.name}"
        raise DataError(source, problem, "Name the JSON file itself as the source, or move it.")
    notes: tuple[str, ...] = ()
    if len(names) > 1:
        notes = (f"labels are those of {names[0]}; left aside: {name_some(names[1:])}",)
    if folders:
        ours = not _the_core_reads(source, folders[0])
        return (RasterLabels.of(folders[0], recipe.data) if ours else None), notes
    if polygons:
        return PolygonLabels.of_folder(polygons[0]), notes
    if len(files) > 1:
        problem = f"several files hold polygons: {name_some(names)}"
        raise DataError(source, problem, "Name the one that counts as the source.")
    return (PolygonLabels.of_file(files[0]) if files else None), notes


def _holds(folder: Path, suffixes: Sequence[str]) -> bool:
    """Whether there is a folder with visible files of some suffixes, or with folders of them."""
    return folder.is_dir() and any(
        path.suffix.lower() in suffixes or (path.is_dir() and suffixes == IMAGE_SUFFIXES)
        for path in folder.iterdir()
        if path.name[0] != "."
    )


def _the_core_reads(source: Path, folder: Path) -> bool:
    """Whether the core reads a folder of label rasters.

    It does where images and labels are plain pictures; and where the folder holds folders (of
    objects or classes) or what ``samdomains convert`` wrote, with JSON beside each label map.
    """
    if folder.name not in CORE_FOLDERS:
        return False
    inside = [path for path in folder.iterdir() if path.name[0] != "."]
    if any(path.is_dir() or path.suffix == ".json" for path in inside):
        return True
    images = source / IMAGES
    return not any(_is_tiff(path) for path in (*inside, *images.glob("*")))


def _is_tiff(path: Path) -> bool:
    return path.suffix.lower() in TIFF_SUFFIXES and path.name[0] != "."


def _scene(path: Path, nodata: float | None) -> Scene:
    """A TIFF by its header, or the file of a plain picture."""
    return find_raster(path, nodata) if _is_tiff(path) else path


def _readable(case: Case, nodata: float | None) -> Case:
    """The case with what reads its pixels, or with what says later why they cannot be read."""
    path = image_file(case)
    try:
        return _placed(case, _scene(path, nodata), nodata)
    except DataError as error:
        return replace(case, read_pixels=Unreadable(path, error.problem, error.remedy))


def _placed(case: Case, scene: Scene, nodata: float | None) -> Case:
    """The case with what reads its pixels, and where it lies."""
    if isinstance(scene, Raster):
        notes = (f"{scene.remark}; masks are written without one",) if scene.remark else ()
        return replace(case, read_pixels=scene, windows=scene, geometry=scene.position, notes=notes)
    return case if nodata is None else replace(case, read_pixels=PictureWithNodata(scene, nodata))


def _said_once(cases: Sequence[Case]) -> tuple[Case, ...]:
    """The cases, each note only at the first that has it, with the number of the others."""
    counts = Counter(note for case in cases for note in case.notes)
    said: set[str] = set()
    found = []
    for case in cases:
        new = [note for note in dict.fromkeys(case.notes) if note not in said]
        said.update(new)
        notes = tuple(
            note if counts[note] == 1 else f"{note}; so in {counts[note] - 1} more images"
            for note in new
        )
        found.append(replace(case, notes=notes))
    return tuple(found)
