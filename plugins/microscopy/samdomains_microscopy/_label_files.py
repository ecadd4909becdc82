"""The folder of label files: which file belongs to which image, and what its values mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from samdomains.plugin import (
    Case,
    DataError,
    DataRecipe,
    MaskReading,
    ObjectMask,
    name_some,
    plain_stem,
    read_classes,
)
from samdomains_microscopy.annotations import PictureObjects, StackObjects
from samdomains_microscopy.stacks import TIFF_SUFFIXES, TiffStack, find_labels

LABEL_SUFFIXES = (*TIFF_SUFFIXES, ".bmp", ".jpeg", ".jpg", ".png", ".webp")
LABEL_FOLDERS = ("masks", "labels")
CLASSES_FILE = "labels.json"

LAYOUT = (
    "Stacks are labelled by one TIFF of the same name in labels/ or masks/, with the same slices, "
    "time points, rows and columns."
)

Annotation = Callable[[], tuple[ObjectMask, ...]]


def find_label_folder(source: Path) -> Path | None:
    """The folder of label files, if there is one."""
    found = [source / name for name in LABEL_FOLDERS if (source / name).is_dir()]
    if len(found) > 1:
        raise DataError(source, "there are both masks/ and labels/", "Rename one of them.")
    return found[0] if found else None


def _label_files(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Name without suffix → the label file and further layers of it, if there are any."""
    files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in LABEL_SUFFIXES]
    return {plain_stem(path): (path, *_layers(path)) for path in files if path.name[0] != "."}


def _layers(path: Path) -> Iterator[Path]:
    """Further layers of a label file: ``layer2/`` beside it, ``layer3/`` and so on."""
    number = 2
    while (layer := path.parent / f"layer{number}" / path.name).is_file():
        yield layer
        number += 1


def the_core_pairs(images: Sequence[Path], folder: Path | None) -> bool:
    """Whether single pictures and their labels are named as the core names them.

    They are not where names end with ``.ome.tif`` or labels have several layers. What ``samdomains
    convert`` wrote, with JSON beside each label map, and folders of masks are its own.

    Args:
        images: The TIFF files among the pictures.
        folder: Of the labels, or None.
    """
    files = {} if folder is None else _label_files(folder)
    if folder is not None and (not files or any(folder.glob("*.json"))):
        return True
    firsts = [layers[0] for layers in files.values()]
    simple = all(plain_stem(path) == path.stem for path in (*images, *firsts))
    return simple and all(len(layers) == 1 for layers in files.values())


@dataclass(frozen=True)
class Labels:
    """The folder of label files.

    Attributes:
        folder: ``labels/`` or ``masks/``.
        files: Name without suffix → the label file and further layers of it, if there are any.
        reading: What their values mean.
    """

    folder: Path
    files: Mapping[str, tuple[Path, ...]]
    reading: MaskReading

    @classmethod
    def of(cls, folder: Path, data: DataRecipe) -> Labels:
        """The label files in a folder, whose values mean what the recipe and labels.json say."""
        labels = folder.parent / CLASSES_FILE
        names = read_classes(labels) if labels.is_file() else {}
        return cls(folder, _label_files(folder), MaskReading.of(folder, names, data))

    def announced(self, case: Case) -> Case:
        """The case with its label files and their classes; not yet with its objects."""
        own = self.files.get(case.id, ())
        return replace(case, classes=self.reading.classes, files=(*case.files, *own))

    def require_pairs(self, images: Mapping[str, TiffStack | None]) -> None:
        """Refuse images without labels and labels without image."""
        wanted: set[str] = set()
        for name, stack in images.items():
            points = [name] if stack is None else stack.names_in_time(name)
            if name in self.files:
                wanted.add(name)
            elif all(point in self.files for point in points):
                wanted.update(points)
            else:
                raise DataError(
                    self.folder, f"there is no label file for the image '{name}'", LAYOUT
                )
        stray = sorted(set(self.files) - wanted)
        if stray:
            problem = f"there is no image for the labels {name_some(stray)}"
            raise DataError(self.files[stray[0]][0], problem, "Add it or remove the labels.")

    def of_picture(self, name: str) -> Annotation:
        """A reader of the objects of a single picture."""
        return PictureObjects(self.files[name], self.reading)

    def of_stack(self, name: str, stack: TiffStack) -> list[Annotation | None]:
        """A reader of the objects of each time point."""
        if name in self.files:
            layers = tuple(find_labels(path, stack) for path in self.files[name])
            return [StackObjects(layers, time, self.reading) for time in range(stack.length("T"))]
        moment = stack.moment()
        names = stack.names_in_time(name)
        if moment.length("Z") == 1:
            return [self.of_picture(point) for point in names]
        points = [tuple(find_labels(path, moment) for path in self.files[point]) for point in names]
        return [StackObjects(layers, 0, self.reading) for layers in points]
