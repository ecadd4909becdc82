"""Folders of label rasters: which file belongs to which image, and what its values mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from samdomains.plugin import (
    IMAGE_SUFFIXES,
    Case,
    DataError,
    DataRecipe,
    MaskReading,
    image_file,
    name_some,
    read_classes,
)
from samdomains_satellite.annotations import (
    RasterObjects,
    Scene,
    is_reprojected,
    label_position,
)
from samdomains_satellite.position import crs_name
from samdomains_satellite.rasters import Raster

CLASSES_FILE = "labels.json"


@dataclass(frozen=True)
class RasterLabels:
    """A folder with a label raster for each image.

    Attributes:
        folder: ``instances/``, ``labels/`` or ``masks/``.
        files: Name of an image → its label raster.
        reading: What their values mean.
    """

    folder: Path
    files: Mapping[str, Path]
    reading: MaskReading

    @classmethod
    def of(cls, folder: Path, data: DataRecipe) -> RasterLabels:
        """The rasters in a folder; their values mean what the recipe and labels.json say."""
        labels = folder.parent / CLASSES_FILE
        names = read_classes(labels) if labels.is_file() else {}
        reading = MaskReading.of(folder, names, data)
        return cls(folder, files_by_stem(folder, IMAGE_SUFFIXES), reading)

    @property
    def classes(self) -> Mapping[int, str]:
        """Class id → name."""
        return self.reading.classes

    def annotated(self, cases: Sequence[Case], scenes: Mapping[str, Scene]) -> list[Case]:
        """The cases with what reads their objects.

        Args:
            cases: The images.
            scenes: Id of a case → its GeoTIFF, or its file.

        Raises:
            DataError: An image has no label raster, or a label raster no image.
        """
        require_pairs(self.folder, self.files, cases)
        return [self._annotated(case, scenes[case.id]) for case in cases]

    def _annotated(self, case: Case, scene: Scene) -> Case:
        path = self.files[case.id]
        objects = RasterObjects(path, scene, self.reading)
        return replace(
            case,
            read_objects=objects,
            classes=self.classes,
            files=(*case.files, path),
            notes=case.notes + _reprojection(path, scene),
        )


def _reprojection(path: Path, scene: Scene) -> tuple[str, ...]:
    """A note, where a label raster lies on another grid than its scene."""
    place = scene.position if isinstance(scene, Raster) else None
    try:
        label = label_position(path) if place else None
    except DataError:
        return ()  # raised again when the objects are read, so that `check` lists every such file
    if label is None or not is_reprojected(label, place):
        return ()
    return (
        f"its labels lie on another grid ({crs_name(label.crs)}) than the image and are brought to "
        "it by the nearest neighbour",
    )


def files_by_stem(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """Name without suffix → file, of the visible files of a folder with some suffixes.

    Raises:
        DataError: Two files have one name.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name[0] == "." or path.suffix.lower() not in suffixes or not path.is_file():
            continue
        if path.stem in found:
            problem = f"two files are named '{path.stem}': {found[path.stem].name} and {path.name}"
            raise DataError(folder, problem, "Rename or remove one of them.")
        found[path.stem] = path
    return found


def require_pairs(folder: Path, files: Mapping[str, Path], cases: Sequence[Case]) -> None:
    """Refuse images without label file and label files without image.

    Raises:
        DataError: Names the first of them and how many more there are.
    """
    lonely = [case for case in cases if case.id not in files]
    if lonely:
        problem = f"{len(lonely)} of {len(cases)} images have no label file of their name"
        names = name_some([case.id for case in lonely])
        remedy = "Add it (empty if nothing is there) or remove the image."
        raise DataError(folder, f"{problem}: {names}", remedy)
    stray = sorted(set(files) - {case.id for case in cases})
    if stray:
        images = image_file(cases[0]).parent
        problem = f"the label file has no image of its name in {images} ({len(stray)} in all)"
        raise DataError(files[stray[0]], problem, "Add the image or remove the label file.")
